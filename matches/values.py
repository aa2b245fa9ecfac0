"""What rules and matches speak of: games, seats, plies, ends. Frozen values; nothing is decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal, Protocol, TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

Seat = Literal[0, 1]
"""An index into `players[]`. Seat 0 moves first: white, red, X."""


class Game(StrEnum):
    """The board games, by the names that tenants use."""

    CHESS = "chess"
    CHECKERS = "checkers"
    CONNECT4 = "connect4"
    TICTACTOE = "tictactoe"


class Reason(StrEnum):
    """Why a match ended, as the tenant's page shows it."""

    CHECKMATE = "checkmate"
    STALEMATE = "stalemate"
    DRAW = "draw"
    AGREEMENT = "draw by agreement"
    NO_PIECES = "no pieces"
    NO_MOVES = "no moves"
    FOUR_IN_A_ROW = "Four in a row!"
    BOARD_FULL = "Board full - Draw"
    VICTORY = "victory"
    RESIGNATION = "resignation"
    TIMEOUT = "timeout"
    AFK_TIMEOUT = "afk_timeout"
    DISCONNECT = "disconnect"


class Move(Protocol):
    """A legal move of one of the games, in a form that can be played again from the position it was made in."""

    def wire(self) -> dict[str, Json]:
        """The form that tenants see, and that is accepted back as a move."""
        ...

    def row(self) -> dict[str, Json]:
        """The form that is stored: all that the game's `move_from` needs to make the same move again."""
        ...


@dataclass(frozen=True, slots=True)
class Ply:
    """One turn of one player: the move, the position after it in the game's own notation, and when it was made."""

    move: Move
    after: str
    at_ms: int


class Fact(Protocol):
    """Something that a move did and that tenants are told of, beside the move itself."""

    name: ClassVar[str]
    """The webhook's name without the game: `check`, `capture`, `threat`."""

    def data(self) -> dict[str, Json]:
        """What the webhook says, without the player's id."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the rules end a game. No winner is a draw. `cells` are those of the winning line, where there is one."""

    winner: Seat | None
    reason: Reason
    cells: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Played:
    """What a legal move did. `verdict` is None while the game goes on."""

    move: Move
    after: str
    facts: tuple[Fact, ...]
    verdict: Verdict | None


def turn_of(line: Sequence[Ply]) -> Seat:
    """Whose turn it is after these plies."""
    return 1 if len(line) % 2 else 0


def other(seat: Seat) -> Seat:
    """The opponent's seat."""
    return 0 if seat else 1
