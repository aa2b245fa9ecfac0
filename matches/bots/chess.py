"""Chess: `easy` blunders now and then, `medium` sees two or three turns ahead, `hard` seldom errs.

An engine says what moves are worth, and its answers come in; where there is none, a search of our own does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from matches.bots.habits import TURN, WIN, Habits, Scored, picked
from matches.bots.levels import Draws, Level
from matches.bots.search import Look, worths
from matches.rules import chess, spiel
from matches.values import Json, Move, Ply

HABITS: Final[Mapping[Level, Habits]] = {
    Level.EASY: Habits(blunders=0.2, slack=200),
    Level.MEDIUM: Habits(blunders=0, slack=60),
    Level.HARD: Habits(blunders=0, slack=10),
}

_LOOKS: Final[Mapping[Level, Look]] = {
    Level.EASY: Look(turns=1, positions=2_000),
    Level.MEDIUM: Look(turns=2, positions=10_000),
    Level.HARD: Look(turns=6, positions=20_000),
}


@dataclass(frozen=True, slots=True)
class EngineLook:
    """What an engine is asked for: UCI's `go` command, and for how many moves."""

    go: str
    moves: int


ENGINE_LOOKS: Final[Mapping[Level, EngineLook]] = {
    Level.EASY: EngineLook("go depth 1", 256),
    Level.MEDIUM: EngineLook("go depth 3", 256),
    Level.HARD: EngineLook("go nodes 40000", 3),
}


def choose(line: Sequence[Ply], level: Level, draws: Draws) -> dict[str, Json]:
    """The `game:move` payload of a bot without an engine. The line is not over."""
    return sent(picked(_searched(line, level), HABITS[level], draws))


def chosen(found: Sequence[Scored[str]], level: Level, draws: Draws) -> dict[str, Json]:
    """The payload of a bot whose engine looked as `ENGINE_LOOKS` says; it found something."""
    return sent(picked(found, HABITS[level], draws))


def sent(lan: str) -> dict[str, Json]:
    """A move such as `e7e8q` as clients send it."""
    promotion: dict[str, Json] = {"promotion": lan[4:]} if lan[4:] else {}
    return {"move": {"from": lan[:2], "to": lan[2:4]} | promotion}


def asked(line: Sequence[Ply]) -> str:
    """UCI's `position` command."""
    lans = [_lan(ply.move) for ply in line]
    return " ".join(["position startpos", *(["moves", *lans] if lans else [])])


def read(answers: Iterable[str]) -> tuple[Scored[str], ...]:
    """The moves of an engine's last `info` lines, as it ranks them."""
    found: list[Scored[str]] = []
    for answer in answers:
        words = answer.split()
        if words[:1] != ["info"] or "multipv" not in words:
            continue
        rank, score, move = (words.index(word) for word in ("multipv", "score", "pv"))
        if words[rank + 1] == "1":
            found = []
        found.append(Scored(words[move + 1], _worth(words[score + 1], int(words[score + 2]))))
    return tuple(found)


def _lan(move: Move) -> str:
    assert isinstance(move, chess.ChessMove), "a line is of one game"
    return move.lan()


def _worth(unit: str, value: int) -> int:
    """An engine's score, `cp 31` or `mate -2`, in hundredths of a pawn."""
    if unit == "cp":
        return value
    return WIN - value * TURN if value > 0 else -WIN - value * TURN


def _searched(line: Sequence[Ply], level: Level) -> list[Scored[str]]:
    """Every move. One that comes back to a position counts as a draw."""
    state = spiel.chess(line[-1].after if line else chess.START)
    stood = {_placed(ply.after) for ply in line}
    found: list[Scored[str]] = []
    new: dict[str, spiel.ChessState] = {}
    for action in state.legal_actions():
        lan, then = spiel.chess_lan(state, action), state.clone()
        then.apply_action(action)
        if _placed(str(then)) in stood:
            found.append(Scored(lan, 0))
        else:
            new[lan] = then
    scores = worths(list(new.values()), state.current_player(), OUTLOOK, _LOOKS[level], HABITS[level].slack)
    return found + [Scored(lan, score) for lan, score in zip(new, scores, strict=True)]


def _placed(fen: str) -> str:
    """What makes two positions the same: all but the counters."""
    return fen.rsplit(" ", 2)[0]


class Outlook:
    """Pieces and where they stand; captures are looked at to their end."""

    loud_is_forced: ClassVar[bool] = False

    def worth(self, state: spiel.ChessState, player: int) -> int:
        cells = _cells(state)
        pieces = sum(table[piece] for table, piece in zip(_WORTHS, cells, strict=True))
        return pieces if player == _WHITE else -pieces

    def ordered(self, state: spiel.ChessState) -> Sequence[int]:
        cells = _cells(state)
        return sorted(state.legal_actions(), key=lambda action: -_gain(cells, spiel.chess_cells(state, action)))

    def loud(self, state: spiel.ChessState) -> Sequence[int]:
        cells = _cells(state)
        gains = {action: _gain(cells, spiel.chess_cells(state, action)) for action in state.legal_actions()}
        return sorted((action for action, gain in gains.items() if gain), key=lambda action: -gains[action])


_WHITE: Final = 1  # open_spiel's number
_EMPTY: Final = {ord(str(count)): "." * count for count in range(1, 9)} | {ord("/"): None}
_VALUES: Final = {"p": 100, "n": 320, "b": 330, "r": 500, "q": 900, "k": 0}


def _cells(state: spiel.ChessState) -> str:
    """The pieces on the 64 cells, row by row from a8."""
    return str(state).partition(" ")[0].translate(_EMPTY)


def _gain(cells: str, way: tuple[int, int]) -> int:
    """How promising a capture is: much for little. 0 for what captures nothing."""
    start, to = way
    return 0 if cells[to] == "." else 10 * _VALUES[cells[to].lower()] - _VALUES[cells[start].lower()] + 1_000


def _standing(piece: str, row: int, column: int) -> int:
    """What a white piece is worth on a cell, `row` counted from white's own side."""
    centre = 3 - max(abs(2 * row - 7), abs(2 * column - 7)) // 2
    bonus = {
        "p": 4 * row + (row * 4 if column in {3, 4} else 0),
        "n": 10 * centre - 10,
        "b": 5 * centre,
        "r": 15 if row == 6 else 2 * centre,
        "q": 2 * centre,
        "k": -10 * centre - 5 * row,
    }
    return _VALUES[piece] + bonus[piece]


def _worths_of(cell: int) -> dict[str, int]:
    """What each piece is worth to white on this cell."""
    row, column = divmod(cell, 8)
    white = {piece.upper(): _standing(piece, 7 - row, column) for piece in _VALUES}
    black = {piece: -_standing(piece, row, column) for piece in _VALUES}
    return {".": 0} | white | black


_WORTHS: Final = tuple(_worths_of(cell) for cell in range(64))

OUTLOOK: Final = Outlook()
"""How the search looks at this game."""
