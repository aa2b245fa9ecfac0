"""Every way in which a match ends, with its reason and its winner."""

from dataclasses import replace

import pytest

from matches.events import Disconnected, DrawAccepted, DrawOffered, Ended, MoveMade, MoveSent, Reconnected, Resigned
from matches.refusals import Refusal
from matches.state import End, clocks_at, duration_ms
from matches.step import step
from matches.terms import documented_terms
from matches.values import Game, Ply, Reason, Seat
from tests.unit.matches.boards import at, payload, random_game
from tests.unit.matches.table import START_MS, Table

FULL_BOARD = [int(column) for column in "330254564223355224331121550404466660106011"]
CHECKERS_SEEDS = range(30)
CHECKERS_REASONS = {Reason.NO_PIECES, Reason.NO_MOVES, Reason.DRAW}


@pytest.mark.parametrize(
    ("game", "moves", "winner", "reason", "cells"),
    [
        (Game.CHESS, ["f3", "e5", "g4", "Qh4"], 1, Reason.CHECKMATE, ()),
        (Game.CHESS, ["Nf3", "Nf6", "Ng1", "Ng8"] * 2, None, Reason.DRAW, ()),
        (Game.CONNECT4, [0, 1, 0, 1, 0, 1, 0], 0, Reason.FOUR_IN_A_ROW, (14, 21, 28, 35)),
        (Game.CONNECT4, FULL_BOARD, None, Reason.BOARD_FULL, ()),
        (Game.TICTACTOE, [0, 3, 1, 4, 8, 5], 1, Reason.VICTORY, (3, 4, 5)),
        (Game.TICTACTOE, [0, 1, 2, 4, 3, 5, 7, 6, 8], None, Reason.DRAW, ()),
    ],
)
def test_the_last_move_ends_a_match(
    game: Game, moves: list[object], winner: Seat | None, reason: Reason, cells: tuple[int, ...]
) -> None:
    table = Table(game).moves(moves[:-1])
    assert table.match.end is None
    made, over = table.at(7).move(moves[-1])
    assert isinstance(made, MoveMade)
    assert over == Ended(End(winner, reason, START_MS + 7_000, cells))
    assert table.match.end == End(winner, reason, START_MS + 7_000, cells)
    assert duration_ms(table.match) == 7_000


@pytest.mark.parametrize(
    ("game", "first", "second"),
    [
        (Game.CHESS, "e4", "e5"),
        (Game.CHECKERS, {"from": 40, "to": 33}, {"from": 17, "to": 24}),
        (Game.CONNECT4, 3, 3),
        (Game.TICTACTOE, 4, 0),
    ],
)
def test_nobody_moves_out_of_turn(game: Game, first: object, second: object) -> None:
    table = Table(game)
    assert table.refusal(MoveSent(1, payload(game, first))) == Refusal.NOT_YOUR_TURN
    table.move(first)
    assert table.refusal(MoveSent(0, payload(game, second))) == Refusal.NOT_YOUR_TURN
    table.move(second)
    assert len(table.match.plies) == 2


def test_a_stalemate_ends_a_match_without_a_winner() -> None:
    table = Table(Game.CHESS)
    table.match = replace(table.match, plies=at("7k/8/6K1/8/8/8/8/5Q2 w - - 0 1"))
    table.move("Qf7")
    assert table.match.end == End(None, Reason.STALEMATE, START_MS)


def test_checkers_ends_without_pieces_without_moves_or_drawn() -> None:
    seen: dict[Reason, tuple[tuple[Ply, ...], Seat | None]] = {}
    for seed in CHECKERS_SEEDS:
        plies, last = random_game(Game.CHECKERS, seed)
        assert last.verdict
        seen[last.verdict.reason] = plies, last.verdict.winner
    assert set(seen) == CHECKERS_REASONS
    for reason, (plies, winner) in seen.items():
        table = Table(Game.CHECKERS).moves(ply.move.wire() for ply in plies)
        assert table.match.end == End(winner, reason, START_MS)
        assert (winner is None) == (reason == Reason.DRAW)
        pieces = {cell.lower() for cell in table.match.position}
        assert (len(pieces & set("o8")) == 0 or len(pieces & set("+*")) == 0) == (reason == Reason.NO_PIECES)


@pytest.mark.parametrize("game", list(Game))
@pytest.mark.parametrize("seat", [0, 1])
def test_who_resigns_loses_on_anybodys_turn(game: Game, seat: Seat) -> None:
    table = Table(game).at(3)
    assert table.tell(Resigned(seat)) == (Ended(End(1 if seat == 0 else 0, Reason.RESIGNATION, START_MS + 3_000)),)


def test_an_accepted_offer_is_a_draw_by_agreement() -> None:
    table = Table(Game.CHESS)
    table.tell(DrawOffered(1))
    assert table.tell(DrawAccepted(0)) == (Ended(End(None, Reason.AGREEMENT, START_MS)),)


@pytest.mark.parametrize("game", list(Game))
def test_after_the_end_nothing_happens(game: Game) -> None:
    table = Table(game)
    table.tell(Resigned(0))
    for event in (MoveSent(0, {}), MoveSent(1, None), Resigned(1), DrawOffered(0), DrawAccepted(1), Reconnected(1)):
        assert table.at(100).refusal(event) == Refusal.MATCH_OVER
    before = table.match
    assert table.tell(Disconnected(1)) == ()
    assert table.at(10_000).look() == ()
    assert table.match is before


def test_the_clocks_of_an_ended_match_stand() -> None:
    table = Table(Game.CHESS)
    table.at(10).move("e4")
    table.at(15).tell(Resigned(1))
    assert clocks_at(table.match, START_MS + 999_000) == (590_000, 595_000)


def test_an_end_that_came_by_itself_comes_before_a_later_event() -> None:
    match = Table(Game.TICTACTOE).match
    after, effects = step(match, Resigned(1), START_MS + 60_000)
    assert after.end == End(1, Reason.AFK_TIMEOUT, START_MS + 60_000)
    assert [type(effect).__name__ for effect in effects] == ["Ended", "Refused"]


def test_documented_terms_name_the_clock_only_where_there_is_one() -> None:
    assert [documented_terms(game).clock_ms for game in Game] == [600_000, None, None, None]
