"""Lists from arrays are what a plain reading of their rules gives."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.catalog.finding import Found, GameIndex
from orchestrator.catalog.views import GameView, Order, Sort, Wanted
from orchestrator.catalog.word_index import Vocabulary, WordIndex
from orchestrator.catalog.words import index_of, search_words, worst_place

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_WORDS = st.sampled_from(["moon", "moonlit", "mo", "Öde", "salt", "stars", "東方紅", "an", "antler", "x"])
_TEXTS = st.lists(_WORDS, max_size=4).map(" ".join)
_TAGS = st.lists(st.sampled_from(["Cosy", "cosy", "Salt", "Moon tea"]), max_size=3, unique=True).map(tuple)


@st.composite
def views(draw: st.DrawFn, number: int = 0) -> GameView:
    title, developer = draw(_TEXTS), draw(_TEXTS)
    return GameView(
        id=f"clx{number}",
        slug=f"game-{number}",
        title=title,
        developer=developer,
        search_text=f"{title}\n{developer}".casefold(),
        description=draw(_TEXTS),
        tags=draw(_TAGS),
        thumbnail=None,
        screenshots=(),
        release_date=None,
        content_rating=None,
        languages=(),
        needs_code=False,
        popularity=draw(st.integers(0, 3)),
        created_at=_EPOCH + timedelta(microseconds=draw(st.integers(0, 3))),
    )


@st.composite
def catalogues(draw: st.DrawFn) -> list[GameView]:
    return [draw(views(number)) for number in range(draw(st.integers(0, 8)))]


_WANTED = st.builds(
    Wanted,
    page=st.integers(1, 3),
    limit=st.integers(1, 5),
    search=st.one_of(st.none(), _TEXTS, st.sampled_from(["", " ", "%", "mo", "a s", "方", "MOON tea"])),
    tag=st.sampled_from([None, "", "Cosy", "cosy", "Moon"]),
    sort=st.sampled_from(["title", "createdAt", "popular", "relevance"]),
    order=st.sampled_from([None, "asc", "desc"]),
    is_mine=st.booleans(),
)


def index(games: list[GameView]) -> GameIndex:
    vocabulary = Vocabulary()
    return GameIndex([vocabulary.indexed(game) for game in games], vocabulary)


def plainly(games: list[GameView], wanted: Wanted, mine: set[str]) -> list[GameView]:
    words = search_words(wanted.search or "")
    worth: dict[str, int] = {}
    found: list[GameView] = []
    for game in sorted(games, key=lambda game: (game.search_text, game.id)):
        of_game = index_of(game.title, game.developer, game.tags, game.description)
        places = [
            [at for known, at in of_game.items() if known.startswith(word) and at <= worst_place(word)]
            for word in words
        ]
        is_nonsense = bool((wanted.search or "").strip()) and not words
        is_own = not wanted.is_mine or game.id in mine
        if all(places) and not is_nonsense and is_own and (not wanted.tag or wanted.tag in game.tags):
            worth[game.id] = sum(min(each) for each in places)
            found.append(game)
    if wanted.sort == "relevance" and not words:
        return found
    keys: dict[Sort, Callable[[GameView], Any]] = {
        "title": lambda game: game.search_text,
        "createdAt": lambda game: game.created_at,
        "popular": lambda game: game.popularity,
        "relevance": lambda game: worth[game.id],
    }
    order = wanted.order or ("desc" if wanted.sort == "popular" else "asc")
    return sorted(found, key=keys[wanted.sort], reverse=order == "desc")


@given(catalogues(), _WANTED, st.sets(st.sampled_from(["clx0", "clx2", "clx5", "clxelsewhere"])))
def test_a_page_is_what_its_rules_say(games: list[GameView], wanted: Wanted, mine: set[str]) -> None:
    found = index(games).find(wanted, mine)
    expected = plainly(games, wanted, mine)
    begin = (wanted.page - 1) * wanted.limit
    assert found.total == len(expected)
    assert list(found.games) == expected[begin : begin + wanted.limit]


@given(catalogues(), st.lists(views(3), max_size=3), _WANTED)
def test_an_index_after_changes_is_one_made_anew(
    games: list[GameView], changes: list[GameView], wanted: Wanted
) -> None:
    vocabulary = Vocabulary()
    known = {game.id: vocabulary.indexed(game) for game in games}
    changed = GameIndex(known.values(), vocabulary)
    for change in changes:
        known[change.id] = vocabulary.indexed(change, known.get(change.id))
        changed = GameIndex(known.values(), vocabulary, changed)
    assert changed.find(wanted) == index([game.view for game in known.values()]).find(wanted)


@pytest.mark.parametrize("search", ["%", " … ", "--"])
def test_a_search_without_a_letter_finds_nothing(search: str) -> None:
    assert index([_same(1)]).find(Wanted(search=search)) == Found((), 0)


def test_a_tag_is_exact_and_mine_are_those_that_are_there() -> None:
    games = index([replace(_same(number), tags=("Cosy",) if number else ("cosy",)) for number in range(3)])
    assert [game.id for game in games.find(Wanted(tag="Cosy")).games] == ["clx1", "clx2"]
    assert games.find(Wanted(tag="Moon")).total == 0
    mine = games.find(Wanted(is_mine=True), {"clx0", "clx2", "clxelsewhere"})
    assert [game.id for game in mine.games] == ["clx0", "clx2"]


def test_a_game_whose_texts_are_as_they_were_keeps_its_words() -> None:
    vocabulary = Vocabulary()
    before = vocabulary.indexed(_same(1))
    played = vocabulary.indexed(replace(_same(1), popularity=7), before)
    renamed = vocabulary.indexed(replace(_same(1), title="Salt"), before)
    assert (played.view.popularity, played.words, played.places) == (7, before.words, before.places)
    assert renamed.words is not before.words
    first = GameIndex([before], vocabulary)
    assert GameIndex([played], vocabulary, first).words is first.words
    assert GameIndex([renamed], vocabulary, first).find(Wanted(search="salt")).games == (renamed.view,)


def test_words_are_found_among_more_of_them_than_sixteen_bits_count() -> None:
    vocabulary = Vocabulary()
    texts = [" ".join(f"w{number:05}" for number in range(begin, begin + 100)) for begin in range(0, 70_000, 100)]
    games = [vocabulary.indexed(replace(_same(row), title=text)) for row, text in enumerate(texts)]
    words = WordIndex(games, vocabulary)
    for number in (0, 65_535, 65_536, 69_999):
        assert np.flatnonzero(words.best_places(f"w{number:05}") == 0).tolist() == [number // 100]
    assert np.count_nonzero(words.best_places("w69") == 0) == 10


@pytest.mark.parametrize("sort", ["title", "createdAt", "popular", "relevance"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_never_overlap(sort: Sort, order: Order) -> None:
    games = [replace(_same(number), popularity=number // 7) for number in range(30)]
    pages = [
        index(games).find(Wanted(page=page, limit=4, search="moon", sort=sort, order=order)) for page in range(1, 9)
    ]
    ids = [game.id for page in pages for game in page.games]
    assert sorted(ids) == sorted(game.id for game in games)
    assert all(page.total == 30 for page in pages)


def test_tags_are_counted_in_alphabetical_order() -> None:
    games = [replace(_same(number), tags=tags) for number, tags in enumerate([("b", "A"), ("a",), ("b",)])]
    tags = index(games).tags
    assert list(tags) == [("A", 1), ("a", 1), ("b", 2)]
    assert all(before[0].casefold() <= after[0].casefold() for before, after in pairwise(tags))


def test_a_game_is_had_by_its_slug() -> None:
    game = _same(1)
    assert index([game]).get("game-1") == game
    assert index([game]).get("game-2") is None


def _same(number: int) -> GameView:
    """Games that differ in nothing but their names."""
    return GameView(
        id=f"clx{number}",
        slug=f"game-{number}",
        title="Moon",
        developer="Anyone",
        search_text="moon\nanyone",
        description="",
        tags=(),
        thumbnail=None,
        screenshots=(),
        release_date=None,
        content_rating=None,
        languages=(),
        needs_code=False,
        popularity=0,
        created_at=_EPOCH,
    )
