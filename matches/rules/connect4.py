"""Connect four on cells 0 to 41, row by row from the top left. Red is seat 0 and moves first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import ClassVar, Final

from matches.reading import mapping, whole
from matches.refusals import MoveRefused, Refusal
from matches.rules import spiel
from matches.values import Fact, Json, Move, Played, Ply, Reason, Verdict, turn_of

ROWS: Final = 6
COLUMNS: Final = 7
START: str = "." * ROWS * COLUMNS

_COLOURS: Final[Mapping[str, Json]] = {"x": "red", "o": "yellow", ".": None}
_DIRECTIONS: Final = ((0, 1, "horizontal"), (1, 0, "vertical"), (1, 1, "diagonal"), (1, -1, "diagonal"))


@dataclass(frozen=True, slots=True)
class Drop:
    """A piece in a column, and the cell that it fell to."""

    column: int
    position: int

    def wire(self) -> dict[str, Json]:
        """`{column, position}`."""
        return {"column": self.column, "position": self.position}

    def row(self) -> dict[str, Json]:
        """The same."""
        return self.wire()


@dataclass(frozen=True, slots=True)
class Threat:
    """The piece made three in a row with an open end."""

    column: int
    direction: str
    name: ClassVar[str] = "threat"

    def data(self) -> dict[str, Json]:
        """`{column, direction}`."""
        return {"column": self.column, "direction": self.direction}


def legal(line: Sequence[Ply]) -> tuple[Drop, ...]:
    """Every column that is not full."""
    after = line[-1].after if line else START
    return tuple(_drop(column, after) for column in _state(line).legal_actions())


def play(line: Sequence[Ply], payload: object) -> Played:
    """Plays `payload.column`."""
    try:
        column = whole(mapping(payload).get("column"), 0, COLUMNS - 1)
    except ValueError:
        raise MoveRefused(Refusal.MALFORMED_MOVE) from None
    state = _state(line)
    if column not in state.legal_actions():
        raise MoveRefused(Refusal.COLUMN_FULL)
    move = _drop(column, line[-1].after if line else START)
    state.apply_action(column)
    after = "".join(str(state).split())
    verdict = None
    if state.is_terminal():
        verdict = Verdict(None, Reason.BOARD_FULL)
        if any(state.returns()):
            verdict = Verdict(turn_of(line), Reason.FOUR_IN_A_ROW, _four(after, move.position))
    facts = () if verdict else tuple(_threats(after, move))
    return Played(move, after, facts, verdict)


def board(after: str) -> Json:
    """42 cells, each a colour or null."""
    return [_COLOURS[cell] for cell in after]


def move_from(row: object) -> Drop:
    """The move of `Drop.row`."""
    fields = mapping(row)
    return Drop(whole(fields.get("column"), 0, COLUMNS - 1), whole(fields.get("position"), 0, ROWS * COLUMNS - 1))


def _state(line: Sequence[Ply]) -> spiel.State:
    return spiel.connect_four([_column(ply.move) for ply in line])


def _column(move: Move) -> int:
    assert isinstance(move, Drop), "a line is of one game"
    return move.column


def _drop(column: int, before: str) -> Drop:
    """Into a column that is not full."""
    return Drop(column, max(cell for cell in range(column, len(before), COLUMNS) if before[cell] == "."))


def _four(after: str, position: int) -> tuple[int, ...]:
    """Four cells of a winning line, with the last piece among them."""
    run = next(run for run, _, _ in _runs(after, position) if len(run) >= 4)
    first = max(0, run.index(position) - 3)
    return tuple(run[first : first + 4])


def _threats(after: str, move: Drop) -> Iterator[Fact]:
    directions = [name for run, ends, name in _runs(after, move.position) if len(run) == 3 and "." in ends]
    yield from (Threat(move.column, name) for name in dict.fromkeys(directions))


def _runs(after: str, position: int) -> Iterator[tuple[list[int], str, str]]:
    """The pieces of one colour in line through a cell, in each direction, with what lies beyond their ends."""
    for down, right, name in _DIRECTIONS:
        run, ends = [position], ""
        for sign in (-1, 1):
            ray = _ray(position, sign * down, sign * right)
            same = list(takewhile(lambda cell: after[cell] == after[position], ray))
            run += same
            ends += "".join(after[cell] for cell in ray[len(same) : len(same) + 1])
        yield sorted(run), ends, name


def _ray(position: int, down: int, right: int) -> list[int]:
    """The cells from here to the edge, without this one."""
    row, column = divmod(position, COLUMNS)
    reached = [(row + distance * down, column + distance * right) for distance in range(1, COLUMNS)]
    return [row * COLUMNS + column for row, column in reached if 0 <= row < ROWS and 0 <= column < COLUMNS]
