"""English draughts on cells 0 to 63, row by row from the top left. Red, seat 0, starts at the bottom and moves first.

Captures are mandatory, kings step one cell, a crowned man's turn ends. All jumps of a turn are one move. open_spiel's
limit ends a game as drawn: forty plies without a capture.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Final

from matches.reading import flag, items, mapping, whole
from matches.refusals import MoveRefused, Refusal
from matches.rules import spiel
from matches.values import Fact, Json, Move, Played, Ply, Reason, Seat, Verdict, other, turn_of

START: str = ".+.+.+.++.+.+.+..+.+.+.+................o.o.o.o..o.o.o.oo.o.o.o."

_DIRECTIONS: Final = ((-1, -1), (-1, 1), (1, 1), (1, -1))
_PIECES: Final[Mapping[str, Json]] = {
    ".": None,
    "o": {"player": "red", "type": "man"},
    "8": {"player": "red", "type": "king"},
    "+": {"player": "black", "type": "man"},
    "*": {"player": "black", "type": "king"},
}
_PIECES_OF: Final[Mapping[Seat, str]] = {0: "o8", 1: "+*"}
_LONGEST_PATH: Final = 13  # there are twelve pieces to capture


@dataclass(frozen=True, slots=True)
class CheckersMove:
    """A turn of one piece: the cells it stood on, first to last, and the cells that it captured on its way."""

    path: tuple[int, ...]
    captures: tuple[int, ...]
    becomes_king: bool

    def wire(self) -> dict[str, Json]:
        """`{from, to}`, with `captures` where there are some."""
        captures: dict[str, Json] = {"captures": list(self.captures)} if self.captures else {}
        return {"from": self.path[0], "to": self.path[-1]} | captures

    def row(self) -> dict[str, Json]:
        """`{path, captures, becomesKing}`."""
        return {"path": list(self.path), "captures": list(self.captures), "becomesKing": self.becomes_king}


@dataclass(frozen=True, slots=True)
class Capture:
    """A turn that captured, however often it jumped."""

    move: CheckersMove
    name: ClassVar[str] = "capture"

    def data(self) -> dict[str, Json]:
        """`{from, to, captures}`."""
        return self.move.wire()


@dataclass(frozen=True, slots=True)
class Crowned:
    """A man became a king."""

    square: int
    name: ClassVar[str] = "king"

    def data(self) -> dict[str, Json]:
        """`{square}`."""
        return {"square": self.square}


def legal(line: Sequence[Ply]) -> tuple[CheckersMove, ...]:
    """Every legal turn. Two ways round that capture the same pieces and end on the same cell are one."""
    return tuple(_turns(state_after(line)))


def play(line: Sequence[Ply], payload: object) -> Played:
    """Plays `payload.move`: `{from, to, captures?}`, with all of a turn's captures or none named."""
    state = state_after(line)
    move = _wanted(payload, _turns(state))
    play_out(state, move)
    after = cells(state)
    return Played(move, after, tuple(_facts(move)), _verdict(turn_of(line), state, after))


def board(after: str) -> Json:
    """64 cells, each `{player, type}` or null."""
    return [_PIECES[cell] for cell in after]


def move_from(row: object) -> CheckersMove:
    """The move of `CheckersMove.row`."""
    fields = mapping(row)
    path = tuple(whole(cell, 0, 63) for cell in items(fields.get("path"), _LONGEST_PATH))
    if len(path) < 2:
        raise ValueError("a move leads from one cell to another")
    captures = tuple(whole(cell, 0, 63) for cell in items(fields.get("captures"), _LONGEST_PATH - 1))
    return CheckersMove(path, captures, flag(fields.get("becomesKing")))


def state_after(line: Sequence[Ply]) -> spiel.State:
    """The position as open_spiel has it, to be played on with the steps of a turn's path."""
    moves = [ply.move for ply in line]
    return spiel.checkers([_action(start, to) for move in moves for start, to in pairwise(_path(move))])


def play_out(state: spiel.State, turn: CheckersMove) -> None:
    """Makes a legal turn, step by step."""
    for start, to in pairwise(turn.path):
        state.apply_action(_action(start, to))


def cells(state: spiel.State) -> str:
    """What stands on the 64 cells, as `Ply.after` says it."""
    rows = str(state).splitlines()[:8]
    return "".join(row[1:] for row in rows)


def is_jump(action: int) -> bool:
    """Whether an open_spiel action captures."""
    return action % 2 == 1


def _path(move: Move) -> tuple[int, ...]:
    assert isinstance(move, CheckersMove), "a line is of one game"
    return move.path


def _turns(state: spiel.State) -> list[CheckersMove]:
    before = cells(state)
    found: dict[tuple[int, int, frozenset[int]], CheckersMove] = {}
    for path, captures in _ways(state, ()):
        becomes_king = before[path[0]] in "o+" and path[-1] // 8 in {0, 7}
        key = (path[0], path[-1], frozenset(captures))
        found.setdefault(key, CheckersMove(path, captures, becomes_king))
    return list(found.values())


def _ways(state: spiel.State, path: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Every way of the player on the move to end the turn, after the cells of `path`: the whole path, its captures."""
    mover = state.current_player()
    for action in state.legal_actions():
        start, captured, to = _decoded(action)
        so_far = (*path, start)
        if captured is None:
            yield (*so_far, to), ()
            continue
        then = state.clone()
        then.apply_action(action)
        if then.current_player() == mover:
            yield from ((way, (captured, *more)) for way, more in _ways(then, so_far))
        else:
            yield (*so_far, to), (captured,)


def _decoded(action: int) -> tuple[int, int | None, int]:
    """From where, over whom, to where: open_spiel numbers actions by cell, direction and kind."""
    rest, is_jump = divmod(action, 2)
    start, direction = divmod(rest, 4)
    down, right = _DIRECTIONS[direction]
    step = 8 * down + right
    return (start, start + step, start + 2 * step) if is_jump else (start, None, start + step)


def _action(start: int, to: int) -> int:
    down, right = to // 8 - start // 8, to % 8 - start % 8
    direction = _DIRECTIONS.index((1 if down > 0 else -1, 1 if right > 0 else -1))
    return (start * 4 + direction) * 2 + (abs(down) == 2)


def _wanted(payload: object, turns: Sequence[CheckersMove]) -> CheckersMove:
    try:
        fields = mapping(mapping(payload).get("move"))
        start, to = whole(fields.get("from"), 0, 63), whole(fields.get("to"), 0, 63)
        captures = {whole(cell, 0, 63) for cell in items(fields.get("captures") or [], _LONGEST_PATH - 1)}
    except ValueError:
        raise MoveRefused(Refusal.MALFORMED_MOVE) from None
    fitting = [turn for turn in turns if (turn.path[0], turn.path[-1]) == (start, to)]
    if captures:
        fitting = [turn for turn in fitting if set(turn.captures) == captures]
    if len(fitting) > 1:
        raise MoveRefused(Refusal.AMBIGUOUS_MOVE)
    if not fitting:
        raise MoveRefused(Refusal.CAPTURE_REQUIRED if turns[0].captures else Refusal.ILLEGAL_MOVE)
    return fitting[0]


def _facts(move: CheckersMove) -> Iterator[Fact]:
    if move.captures:
        yield Capture(move)
    if move.becomes_king:
        yield Crowned(move.path[-1])


def _verdict(mover: Seat, state: spiel.State, after: str) -> Verdict | None:
    if not state.is_terminal():
        return None
    if not any(state.returns()):
        return Verdict(None, Reason.DRAW)
    has_pieces = any(cell in _PIECES_OF[other(mover)] for cell in after)
    return Verdict(mover, Reason.NO_MOVES if has_pieces else Reason.NO_PIECES)
