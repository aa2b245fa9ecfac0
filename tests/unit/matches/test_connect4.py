"""Connect four: gravity, threats, the four that win, the board that is full."""

from itertools import pairwise

import pytest

from matches.refusals import MoveRefused, Refusal
from matches.rules import connect4
from matches.values import Game, Reason, Verdict
from tests.unit.matches.boards import last, line, random_game


def directions(columns: str) -> list[object]:
    return [fact.data()["direction"] for fact in last(Game.CONNECT4, map(int, columns)).facts]


def test_a_piece_falls_to_the_lowest_free_cell() -> None:
    played = last(Game.CONNECT4, [3, 3])
    assert played.move.wire() == {"column": 3, "position": 31}
    board = connect4.board(played.after)
    assert isinstance(board, list)
    assert (board[38], board[31], board[24]) == ("red", "yellow", None)
    assert len(board) == 42


@pytest.mark.parametrize(
    ("columns", "cells"),
    [
        ("0011223", (35, 36, 37, 38)),
        ("0101010", (14, 21, 28, 35)),
        ("01122323363", (17, 23, 29, 35)),
        ("65544343303", (17, 25, 33, 41)),
    ],
)
def test_four_in_a_row_win_and_are_told(columns: str, cells: tuple[int, ...]) -> None:
    played = last(Game.CONNECT4, map(int, columns))
    assert played.verdict == Verdict(0, Reason.FOUR_IN_A_ROW, cells)
    assert played.facts == ()


def test_of_more_than_four_in_a_row_four_are_told_with_the_last_piece_among_them() -> None:
    played = last(Game.CONNECT4, [0, 0, 1, 1, 2, 2, 4, 4, 5, 5, 6, 6, 3])
    assert played.verdict == Verdict(0, Reason.FOUR_IN_A_ROW, (35, 36, 37, 38))


def test_the_four_that_are_told_are_in_line_and_of_one_colour() -> None:
    for seed in range(30):
        plies, last_of_all = random_game(Game.CONNECT4, seed)
        assert last_of_all.verdict
        cells = last_of_all.verdict.cells
        assert {b - a for a, b in pairwise(cells)} <= {1, 6, 7, 8}
        assert len({b - a for a, b in pairwise(cells)}) == 1
        assert len(cells) == 4
        assert {plies[-1].after[cell] for cell in cells} == {"x" if last_of_all.verdict.winner == 0 else "o"}
        assert last_of_all.move.wire()["position"] in cells


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("00112", ["horizontal"]),
        ("01010", ["vertical"]),
        ("0112232", ["diagonal"]),
        ("204341324", ["vertical", "diagonal"]),
        ("63630243366232414121", ["horizontal", "vertical", "diagonal"]),
        ("0", []),
    ],
)
def test_three_in_a_row_with_an_open_end_are_a_threat(columns: str, expected: list[str]) -> None:
    assert directions(columns) == expected


def test_three_between_two_opponents_are_no_threat() -> None:
    assert directions("1024153") == []


def test_a_full_board_is_a_draw() -> None:
    played = last(Game.CONNECT4, map(int, "330254564223355224331121550404466660106011"))
    assert played.verdict == Verdict(None, Reason.BOARD_FULL)


def test_a_full_column_takes_no_more() -> None:
    with pytest.raises(MoveRefused) as refused:
        connect4.play(line(Game.CONNECT4, [0] * 6), {"column": 0})
    assert refused.value.refusal == Refusal.COLUMN_FULL
    assert len(connect4.legal(line(Game.CONNECT4, [0] * 6))) == 6


@pytest.mark.parametrize("column", [None, "3", 3.0, True, -1, 7, [3], {"column": 3}])
def test_what_is_no_column_is_malformed(column: object) -> None:
    with pytest.raises(MoveRefused) as refused:
        connect4.play((), {"column": column})
    assert refused.value.refusal == Refusal.MALFORMED_MOVE
