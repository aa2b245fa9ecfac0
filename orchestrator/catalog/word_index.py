"""Which games a word finds: all words of all games as arrays, sorted as a dictionary is. Pure.

A game is a row, whose number is the caller's. What begins with a word is one stretch of the arrays.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from orchestrator.catalog.views import GameView
from orchestrator.catalog.words import index_of, worst_place

Numbers = NDArray[np.int64]
Places = NDArray[np.uint8]

NOWHERE = 255

_BEYOND = "\U0010ffff"
_DIGIT = 1 << 16


@dataclass(frozen=True, slots=True)
class IndexedGame:
    """`places` says where each of the `words` stands at best."""

    view: GameView
    words: Numbers
    places: Places


class Vocabulary:
    """Every word that a game was ever found by, numbered as they came. Threads may share one."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._alphabet: tuple[Sequence[str], Numbers] = [], np.empty(0, np.int64)
        self._lock = Lock()

    def indexed(self, view: GameView, before: IndexedGame | None = None) -> IndexedGame:
        """A game with its words; `before` is the same one as it was, whose words it may still have."""
        if before is not None and _texts(before.view) == _texts(view):
            return IndexedGame(view, before.words, before.places)
        found = index_of(*_texts(view))
        with self._lock:
            words = [self._numbers.setdefault(word, len(self._numbers)) for word in found]
        return IndexedGame(view, np.array(words, np.int64), np.array(list(found.values()), np.uint8))

    def __len__(self) -> int:
        return len(self._numbers)

    def alphabet(self) -> tuple[Sequence[str], Numbers]:
        """All words sorted, and the place of each by its number."""
        with self._lock:
            known, _ = self._alphabet
            if len(known) < len(self._numbers):
                words = sorted([*known, *islice(self._numbers, len(known), None)])  # nearly sorted: that is quick
                places = np.empty(len(words), np.int64)
                places[np.array([self._numbers[word] for word in words])] = np.arange(len(words))
                self._alphabet = words, places
            return self._alphabet


class WordIndex:
    """The words of these games, a row each; `in_use` is how many different ones. It never changes."""

    def __init__(self, games: Sequence[IndexedGame], vocabulary: Vocabulary) -> None:
        self._count = len(games)
        self._alphabet, place_of = vocabulary.alphabet()
        words = place_of[np.concatenate([np.empty(0, np.int64), *(game.words for game in games)])]
        order = _order(words)
        self._rows: Numbers = np.repeat(np.arange(len(games)), [len(game.words) for game in games])[order]
        self._places: Places = np.concatenate([np.empty(0, np.uint8), *(game.places for game in games)])[order]
        counts = np.bincount(words, minlength=len(self._alphabet))
        self._begins = np.concatenate([[0], np.cumsum(counts)])
        self.in_use = int(np.count_nonzero(counts))

    def best_places(self, word: str) -> Places:
        """The best place of a word that begins so, for each row; `NOWHERE` where there is none."""
        first, last = (bisect_left(self._alphabet, each) for each in (word, word + _BEYOND))
        stretch = slice(self._begins[first], self._begins[last])
        rows, places = self._rows[stretch], self._places[stretch]
        best = np.full(self._count, NOWHERE, np.uint8)
        for place in range(worst_place(word), -1, -1):
            best[rows[places == place]] = place
        return best


def _order(numbers: Numbers) -> Numbers:
    """What sorts these numbers below 2³², what is alike in its order: by their halves, because numbers of 16 bits are
    sorted by radix, in a tenth of the time.
    """
    order = np.argsort((numbers % _DIGIT).astype(np.uint16), kind="stable")
    if numbers.max(initial=0) < _DIGIT:
        return order
    return order[np.argsort((numbers // _DIGIT).astype(np.uint16)[order], kind="stable")]


def _texts(view: GameView) -> tuple[str, str, tuple[str, ...], str]:
    """What a game is found by."""
    return view.title, view.developer, view.tags, view.description
