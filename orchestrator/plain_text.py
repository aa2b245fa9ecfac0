"""One line of text that a person gives to something: what may be in it. Pure. How it is shown is the page's matter.

It is kept as text, in any script and with emoji; nothing is ever taken out of it to make it safe for a page.
"""

import unicodedata

# What turns the direction of the text around it: the marks, the embeddings, the overrides and the isolates.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NO_PART_OF_A_LINE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_UNSEEN = frozenset({"Cf", "Mn", "Me", "Zs"})


def one_line(text: str, most_characters: int) -> str:
    """`text` in NFC, with single spaces and none at its ends; empty when nothing of it can be seen.

    `ValueError` says in a few words what is wrong: it is too long, or has a character that is no part of a line
    (control, lone surrogate) or turns the direction of what stands around it.
    """
    line = unicodedata.normalize("NFC", text)
    if any(character in _TURNING or unicodedata.category(character) in _NO_PART_OF_A_LINE for character in line):
        raise ValueError("must be one line without control characters")
    line = " ".join(line.split())
    if len(line) > most_characters:
        raise ValueError(f"must have at most {most_characters} characters")
    return "" if all(unicodedata.category(character) in _UNSEEN for character in line) else line
