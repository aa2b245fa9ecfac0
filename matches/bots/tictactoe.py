"""Tic-tac-toe: `easy` plays anything, `medium` wins or blocks where it can, `hard` plays perfectly.

Of perfect moves `hard` takes one that a careless opponent is the most likely to answer wrongly.
"""

from collections.abc import Sequence
from functools import cache

from matches.bots.levels import Draws, Level, one_of
from matches.rules import tictactoe
from matches.values import Json, Ply


def choose(line: Sequence[Ply], level: Level, draws: Draws) -> dict[str, Json]:
    """The `game:move` payload of a bot on the move. The line is not over."""
    cells = line[-1].after if line else tictactoe.START
    mark, opponent = ("o", "x") if len(line) % 2 else ("x", "o")
    return {"position": one_of(_moves(cells, mark, opponent, level), draws)}


def _moves(cells: str, mark: str, opponent: str, level: Level) -> Sequence[int]:
    """The cells that are as good as each other to a bot of this level."""
    match level:
        case Level.EASY:
            return _free(cells)
        case Level.MEDIUM:
            return tictactoe.completing(cells, mark) or tictactoe.completing(cells, opponent) or _free(cells)
        case _:
            values = {cell: _value(_with(cells, cell, mark), mark, opponent) for cell in _free(cells)}
            return [cell for cell, value in values.items() if value == max(values.values())]


@cache
def _value(cells: str, mark: str, opponent: str) -> tuple[int, float]:
    """What a position is worth to the one who made the last move: with perfect play, 1, 0 or -1; then on average
    against an opponent who plays anything.
    """
    if tictactoe.has_line(cells, mark):
        return 1, 1.0
    free = _free(cells)
    if not free:
        return 0, 0.0
    answers = [_with(cells, cell, opponent) for cell in free]
    worst = -max(_value(answer, opponent, mark)[0] for answer in answers)
    return worst, round(sum(_hope(answer, mark, opponent) for answer in answers) / len(answers), 9)


@cache
def _hope(cells: str, mark: str, opponent: str) -> float:
    """What the best move is worth on average, after the opponent's last."""
    if tictactoe.has_line(cells, opponent):
        return -1.0
    return max([_value(_with(cells, cell, mark), mark, opponent) for cell in _free(cells)], default=(0, 0.0))[1]


def _free(cells: str) -> list[int]:
    return [cell for cell, mark in enumerate(cells) if mark == "."]


def _with(cells: str, cell: int, mark: str) -> str:
    return cells[:cell] + mark + cells[cell + 1 :]
