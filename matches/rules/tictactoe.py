"""Tic-tac-toe on cells 0 to 8, row by row. X is seat 0 and moves first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from matches.reading import mapping, whole
from matches.refusals import MoveRefused, Refusal
from matches.rules import spiel
from matches.values import Fact, Json, Move, Played, Ply, Reason, Verdict, turn_of

START: str = "." * 9

_MARKS: Final[Mapping[str, Json]] = {"x": "X", "o": "O", ".": None}
_LINES: Final = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark in a cell."""

    position: int

    def wire(self) -> dict[str, Json]:
        """`{position}`."""
        return {"position": self.position}

    def row(self) -> dict[str, Json]:
        """The same."""
        return self.wire()


@dataclass(frozen=True, slots=True)
class Fork:
    """The mark made two winning threats at once."""

    cell: int
    threats: tuple[int, int]
    name: ClassVar[str] = "fork"

    def data(self) -> dict[str, Json]:
        """`{cell: [row, column], threatCells: [[row, column], [row, column]]}`."""
        return {"cell": list(divmod(self.cell, 3)), "threatCells": [list(divmod(cell, 3)) for cell in self.threats]}


def legal(line: Sequence[Ply]) -> tuple[Mark, ...]:
    """Every free cell."""
    return tuple(Mark(cell) for cell in _state(line).legal_actions())


def play(line: Sequence[Ply], payload: object) -> Played:
    """Plays `payload.position`."""
    try:
        cell = whole(mapping(payload).get("position"), 0, 8)
    except ValueError:
        raise MoveRefused(Refusal.MALFORMED_MOVE) from None
    state = _state(line)
    if cell not in state.legal_actions():
        raise MoveRefused(Refusal.CELL_TAKEN)
    state.apply_action(cell)
    after = "".join(str(state).split())
    verdict = None
    if state.is_terminal():
        verdict = Verdict(None, Reason.DRAW)
        if any(state.returns()):
            verdict = Verdict(turn_of(line), Reason.VICTORY, next(_made(after, cell)))
    facts = () if verdict else tuple(_forks(after, cell))
    return Played(Mark(cell), after, facts, verdict)


def board(after: str) -> Json:
    """Nine cells, each `X`, `O` or null."""
    return [_MARKS[cell] for cell in after]


def move_from(row: object) -> Mark:
    """The move of `Mark.row`."""
    return Mark(whole(mapping(row).get("position"), 0, 8))


def completing(cells: str, mark: str) -> list[int]:
    """The free cells that would complete a line of this mark."""
    lacking = [[cell for cell in line if cells[cell] != mark] for line in _LINES]
    return sorted({rest[0] for rest in lacking if len(rest) == 1 and cells[rest[0]] == "."})


def has_line(cells: str, mark: str) -> bool:
    """Whether this mark has three in a line."""
    return any(all(cells[cell] == mark for cell in line) for line in _LINES)


def _state(line: Sequence[Ply]) -> spiel.State:
    return spiel.tic_tac_toe([_position(ply.move) for ply in line])


def _position(move: Move) -> int:
    assert isinstance(move, Mark), "a line is of one game"
    return move.position


def _made(after: str, cell: int) -> Iterator[tuple[int, ...]]:
    """The lines through a cell that are of its mark alone."""
    yield from (line for line in _LINES if cell in line and {after[each] for each in line} == {after[cell]})


def _forks(after: str, cell: int) -> Iterator[Fact]:
    before = after[:cell] + "." + after[cell + 1 :]
    threats = completing(after, after[cell])
    if len(threats) >= 2 > len(completing(before, after[cell])):
        yield Fork(cell, (threats[0], threats[1]))
