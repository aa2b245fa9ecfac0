"""Tic-tac-toe: marks, lines, forks."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matches.refusals import MoveRefused, Refusal
from matches.rules import tictactoe
from matches.values import Game, Reason, Verdict
from tests.unit.matches.boards import last, line

LINES = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6)]


def others_without_a_line(cells: tuple[int, int, int]) -> tuple[int, int]:
    return next(pair for pair in permutations(set(range(9)) - set(cells), 2))  # two marks make no line


@pytest.mark.parametrize("cells", LINES)
def test_each_line_wins(cells: tuple[int, int, int]) -> None:
    first, second = others_without_a_line(cells)
    played = last(Game.TICTACTOE, [cells[0], first, cells[1], second, cells[2]])
    assert played.verdict == Verdict(0, Reason.VICTORY, cells)


def test_a_full_board_is_a_draw() -> None:
    assert last(Game.TICTACTOE, [0, 1, 2, 4, 3, 5, 7, 6, 8]).verdict == Verdict(None, Reason.DRAW)


def test_the_board_has_marks() -> None:
    assert tictactoe.board(last(Game.TICTACTOE, [4, 0]).after) == ["O", None, None, None, "X", None, None, None, None]


def test_two_threats_at_once_are_a_fork() -> None:
    (fork,) = last(Game.TICTACTOE, [0, 1, 8, 4, 6]).facts
    assert (fork.name, fork.data()) == ("fork", {"cell": [2, 0], "threatCells": [[1, 0], [2, 1]]})


def test_of_three_threats_two_are_told() -> None:
    (fork,) = last(Game.TICTACTOE, [2, 1, 6, 3, 8]).facts
    assert fork.data()["threatCells"] == [[1, 1], [1, 2]]


def test_a_fork_is_told_once() -> None:
    assert last(Game.TICTACTOE, [0, 1, 8, 4, 6, 2, 5]).facts == ()


def test_a_taken_cell_takes_no_more() -> None:
    with pytest.raises(MoveRefused) as refused:
        tictactoe.play(line(Game.TICTACTOE, [4]), {"position": 4})
    assert refused.value.refusal == Refusal.CELL_TAKEN


@pytest.mark.parametrize("cell", [None, "4", 4.0, False, -1, 9, [4]])
def test_what_is_no_cell_is_malformed(cell: object) -> None:
    with pytest.raises(MoveRefused) as refused:
        tictactoe.play((), {"position": cell})
    assert refused.value.refusal == Refusal.MALFORMED_MOVE


@given(st.permutations(range(9)))
def test_a_line_of_one_mark_and_only_that_ends_a_game_early(cells: list[int]) -> None:
    marks: dict[int, int] = {}
    plies = ()
    for cell in cells:
        played = tictactoe.play(plies, {"position": cell})
        marks[cell] = len(plies) % 2
        won = [each for each in LINES if {marks.get(part) for part in each} == {marks[cell]}]
        is_over = bool(won) or len(marks) == 9
        assert (played.verdict is not None) == is_over
        if played.verdict:
            assert played.verdict.winner == (marks[cell] if won else None)
            assert not won or played.verdict.cells in won
            return
        plies = line(Game.TICTACTOE, list(marks))
