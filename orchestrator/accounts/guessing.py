"""Is this password among the first that somebody would try? Pure. No rule says of which characters one is made.

It is compared with common ones and with what is known of its person (NIST SP 800-63B, 3.1.1.2), also where a year or
the like stands around such a word, or other characters for some of its letters; and it does more than run on or repeat
itself.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise, product

MOST_AROUND = 5
"""So few characters around a word are soon tried, whatever they are: a year and a sign."""

_HOUSE = "playhouse"
_SPELLINGS = (str.maketrans("@4310$57!", "aaeiossti"), str.maketrans("@4310$57!", "aaelosstl"))


def is_guessable(password: str, is_common: Callable[[str], bool], about: Iterable[str] = ()) -> bool:
    """`is_common` is asked for words in lower case; `about` are the e-mail address and the name of whose password it
    shall be.
    """
    known = {word for text in (_HOUSE, *about) for word in _words(text.casefold())}

    def is_listed(word: str) -> bool:
        return word in known or is_common(word)

    return any(
        (_is_tried(word, is_listed) and (len(around) <= MOST_AROUND or _is_tried(around, is_listed)))
        or (len(word) <= MOST_AROUND and _is_tried(around, is_listed))
        for word, around in _cuts(password.casefold())
        if word
    )


def _is_tried(word: str, is_listed: Callable[[str], bool]) -> bool:
    unit = word[: (word + word).find(word, 1)]
    repeats = len(unit) < len(word) and (len(unit) < MOST_AROUND or _is_tried(unit, is_listed))
    return repeats or _is_run(word) or is_listed(word)


def _words(text: str) -> Iterator[str]:
    """An address or a name, also without what is neither letter nor digit, and the words in it."""
    yield text
    yield _bare(text)
    yield _bare(text.partition("@")[0])
    yield from re.findall(r"[^\W_]{3,}", text)


def _cuts(password: str) -> Iterator[tuple[str, str]]:
    """The words that a password may be, each with what stands around it."""
    yield password, ""
    yield _bare(password), ""
    letters = [place for place, character in enumerate(password) if character.isalpha()]
    if letters:
        for start, end in product((0, letters[0]), (letters[-1] + 1, len(password))):
            word, around = password[start:end], password[:start] + password[end:]
            yield word, around
            for spelling in _SPELLINGS:
                yield word.translate(spelling), around


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _is_run(word: str) -> bool:
    """Such as `abcd` and `4321`."""
    steps = {ord(after) - ord(before) for before, after in pairwise(word)}
    return len(word) > 2 and steps in ({1}, {-1})
