"""How games are found by words: the same on every database, whatever the case, accents or form of the letters. Pure.

A game is found when each word of the search is the beginning of one of its own. What is written without spaces
(Chinese, Japanese) is found from any character on.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

TITLE, DEVELOPER, TAG, DESCRIPTION = range(4)

MOST_WORD_CHARACTERS = 32
MOST_SEARCH_WORDS = 8
_MOST_DESCRIPTION_WORDS = 400
_SHORT = 3  # shorter words are begun by half of all descriptions

# What is a letter of its own to Unicode, and a variant of another to people who type.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i", "ħ": "h"}
)
_APOSTROPHES = str.maketrans("", "", "'\u2019\u02bc`\u00b4")
_WITHOUT_SPACES = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def words_of(text: str) -> list[str]:
    """The words of a text in their order, in the form in which they are kept and looked for."""
    plain = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES).casefold().translate(_PLAIN)).casefold()
    bare = unicodedata.normalize("NFC", "".join(each for each in plain if not unicodedata.combining(each)))
    spaced = "".join(each if each.isalnum() or unicodedata.category(each) == "So" else " " for each in bare)
    return [word[:MOST_WORD_CHARACTERS] for word in spaced.split()]


def index_of(title: str, developer: str, tags: Sequence[str], description: str) -> dict[str, int]:
    """Every word under which a game is found, with the best place that it stands in: lower is better."""
    found: dict[str, int] = {}
    for place, text in ((TITLE, title), (DEVELOPER, developer), *((TAG, tag) for tag in tags)):
        for word in _with_inner(words_of(text)):
            found.setdefault(word, place)
    described = dict.fromkeys(_with_inner(words_of(description)))
    for word in list(described)[:_MOST_DESCRIPTION_WORDS]:
        found.setdefault(word, DESCRIPTION)
    return found


def search_words(search: str) -> list[str]:
    """What a search asks for, each once, as many as are looked at. Empty when there is nothing to find by."""
    return list(dict.fromkeys(words_of(search)))[:MOST_SEARCH_WORDS]


def worst_place(word: str) -> int:
    """The worst place in which a game is looked for by this word."""
    is_short = len(word) < _SHORT and not _WITHOUT_SPACES.search(word)
    return TAG if is_short else DESCRIPTION


def _with_inner(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        yield word
        if _WITHOUT_SPACES.search(word):
            yield from (word[start:] for start in range(1, len(word)))
