"""Which games a list shows, in what order: all games as rows, in the order of their titles. Pure.

A search adds up the places that it found its words in (`catalog.word_index`), a tag is rows, an order a column.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.catalog.views import GameView, Sort, Wanted
from orchestrator.catalog.word_index import NOWHERE, IndexedGame, Numbers, Vocabulary, WordIndex
from orchestrator.catalog.words import search_words

Truths = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Found:
    """One page of games, and how many there are on all pages."""

    games: tuple[GameView, ...]
    total: int


class GameIndex:
    """All games that can be played, at one revision of the catalogue. It never changes."""

    def __init__(self, games: Iterable[IndexedGame], vocabulary: Vocabulary, before: "GameIndex | None" = None) -> None:
        """`before` is the one that this one replaces: what has not changed is taken over."""
        self.ordered = sorted(games, key=lambda game: (game.view.search_text, game.view.id))
        self.games: Sequence[GameView] = [game.view for game in self.ordered]
        has_same_words = before is not None and _have_same_words(before.ordered, self.ordered)
        self.words = before.words if before is not None and has_same_words else WordIndex(self.ordered, vocabulary)
        self._row_of: Mapping[str, int] = {game.id: row for row, game in enumerate(self.games)}
        self._by_slug: Mapping[str, GameView] = {game.slug: game for game in self.games}
        self._tagged: dict[str, list[int]] = defaultdict(list)
        for row, game in enumerate(self.games):
            for tag in game.tags:
                self._tagged[tag].append(row)
        counts = ((tag, len(rows)) for tag, rows in self._tagged.items())
        self.tags: Sequence[tuple[str, int]] = sorted(counts, key=lambda tag: (tag[0].casefold(), tag))
        """Every tag in use, with how many games have it, in alphabetical order."""
        titles = [game.search_text for game in self.games]
        self._keys: Mapping[Sort, NDArray[Any]] = {
            "title": np.cumsum([before != after for before, after in zip(titles[:1] + titles, titles, strict=False)]),
            "createdAt": np.array([game.created_at.timestamp() for game in self.games], np.float64),
            "popular": np.array([game.popularity for game in self.games], np.int64),
        }

    def get(self, slug: str) -> GameView | None:
        return self._by_slug.get(slug)

    def find(self, wanted: Wanted, mine: Collection[str] = ()) -> Found:
        """One page. Without `order` titles and dates ascend, and the most popular and what fits the search best come
        first; what is alike is in the order of titles. `mine` are the ids of one's own games, looked at where they are
        asked for.
        """
        words = search_words(wanted.search or "")
        is_there = np.ones(len(self.games), np.bool_)
        worth = np.zeros(len(self.games), np.int64)
        if wanted.search and wanted.search.strip() and not words:
            is_there[:] = False  # there is no letter in it by which anything could be found
        for word in words:
            places = self.words.best_places(word)
            is_there &= places != NOWHERE
            worth += places
        if wanted.tag:
            is_there &= self._among(self._tagged.get(wanted.tag, ()))
        if wanted.is_mine:
            is_there &= self._among([self._row_of[game_id] for game_id in mine if game_id in self._row_of])
        rows = np.flatnonzero(is_there)
        begin = (wanted.page - 1) * wanted.limit
        page = self._ordered(rows, wanted, worth, has_words=bool(words))[begin : begin + wanted.limit]
        return Found(tuple(self.games[row] for row in page.tolist()), len(rows))

    def _among(self, rows: Sequence[int]) -> Truths:
        are = np.zeros(len(self.games), np.bool_)
        are[np.array(rows, np.int64)] = True
        return are

    def _ordered(self, rows: Numbers, wanted: Wanted, worth: Numbers, *, has_words: bool) -> Numbers:
        """`rows` are in the order of titles."""
        if wanted.sort == "relevance" and not has_words:
            return rows
        keys = (worth if wanted.sort == "relevance" else self._keys[wanted.sort])[rows]
        order = wanted.order or ("desc" if wanted.sort == "popular" else "asc")
        return rows[np.argsort(-keys if order == "desc" else keys, kind="stable")]


def _have_same_words(some: Sequence[IndexedGame], others: Sequence[IndexedGame]) -> bool:
    return len(some) == len(others) and all(one.words is other.words for one, other in zip(some, others, strict=True))
