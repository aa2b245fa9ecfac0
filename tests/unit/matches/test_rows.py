"""A match becomes a row and comes back, exactly; what is no row is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matches.events import Disconnected, DrawOffered, Resigned
from matches.rows import from_row, to_row
from matches.rules import RULES
from matches.state import started
from matches.terms import Terms, documented_terms
from matches.values import Game, Json
from tests.unit.matches.boards import random_game
from tests.unit.matches.table import START_MS, Table


@pytest.mark.parametrize("game", list(Game))
@pytest.mark.parametrize("seed", range(3))
def test_a_whole_game_comes_back_from_its_json(game: Game, seed: int) -> None:
    plies, _ = random_game(game, seed)
    table = Table(game)
    for second, ply in enumerate(plies):
        wire = ply.move.wire()
        before = table.at(second).match
        assert second % 10 or from_row(json.loads(json.dumps(to_row(before)))) == before
        table.move(
            wire if game in {Game.CHESS, Game.CHECKERS} else wire[{Game.CONNECT4: "column"}.get(game, "position")]
        )
    assert table.match.end
    assert from_row(json.loads(json.dumps(to_row(table.match)))) == table.match


def test_what_goes_on_comes_back_as_well() -> None:
    table = Table(Game.CHESS).at(60)
    table.look()
    table.tell(DrawOffered(1))
    table.tell(Disconnected(0))
    assert from_row(json.loads(json.dumps(to_row(table.match)))) == table.match
    table.tell(Resigned(0))
    assert from_row(to_row(table.match)) == table.match
    bare = started(Terms(Game.CONNECT4, None, bot_seat=1), ("ann", "bob"), START_MS)
    assert from_row(to_row(bare)) == bare


def test_a_move_comes_back_from_its_row_in_every_game() -> None:
    for game in Game:
        for move in RULES[game].legal(()):
            assert RULES[game].move_from(move.row()) == move


def row() -> dict[str, Json]:
    return to_row(started(documented_terms(Game.CHESS), ("ann", "bob"), START_MS))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 2),
        ("version", None),
        ("game", "go"),
        ("afk", [1, 2]),
        ("afk", [1]),
        ("clockMs", "600000"),
        ("botSeat", 2),
        ("players", ["ann"]),
        ("players", ["ann", None]),
        ("turnMs", 1.5),
        ("turnMs", True),
        ("turnMs", 10**400),
        ("plies", None),
        ("plies", [{"move": {"from": "e2", "to": "e9", "san": "e9"}, "after": "", "atMs": 0}]),
        ("isWarned", 0),
        ("end", [0, "boredom", 1, []]),
        ("end", [0, "draw", 1]),
        ("awaySinceMs", [None]),
    ],
)
def test_what_is_no_row_is_refused(field: str, value: Json) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever field was read first says why
        from_row(row() | {field: value})


@pytest.mark.parametrize("path", [[], [9]])
def test_a_move_of_checkers_that_leads_nowhere_is_refused(path: Json) -> None:
    with pytest.raises(ValueError, match="from one cell to another"):
        RULES[Game.CHECKERS].move_from({"path": path, "captures": [], "becomesKing": False})


@given(st.none() | st.integers() | st.lists(st.integers()) | st.dictionaries(st.text(), st.integers()))
def test_what_is_not_even_like_a_row_is_refused(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - as above
        from_row(value)
