"""What is agreed before a match: the game, the clock, how long a player may be idle or away."""

from dataclasses import dataclass
from typing import Final

from matches.values import Game, Seat

CHESS_CLOCK_MS: Final = 600_000
"""Each side's time for a whole game of chess. The other games have no clock."""

RECONNECT_WINDOW_MS: Final = 60_000
"""How long a player may be away before the opponent wins."""


@dataclass(frozen=True, slots=True)
class Afk:
    """How long the player on the move may be idle, and how long before that a warning comes.

    Raises `ValueError` unless 0 <= `warn_ms` < `timeout_ms`.
    """

    timeout_ms: int
    warn_ms: int

    def __post_init__(self) -> None:
        if not 0 <= self.warn_ms < self.timeout_ms:
            raise ValueError("a warning comes before its timeout")


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one match. `bot_seat` is never idle and never away. `afk` is None where idling is allowed."""

    game: Game
    afk: Afk | None
    clock_ms: int | None = None
    bot_seat: Seat | None = None

    @property
    def has_draw_offers(self) -> bool:
        """Only chess has them."""
        return self.game == Game.CHESS


def documented_afk(game: Game) -> Afk:
    """The idle times that tenants get without asking for others."""
    return Afk(60_000, 20_000) if game == Game.TICTACTOE else Afk(90_000, 30_000)


def documented_terms(game: Game, bot_seat: Seat | None = None) -> Terms:
    """The terms that tenants get without asking for others."""
    return Terms(game, documented_afk(game), CHESS_CLOCK_MS if game == Game.CHESS else None, bot_seat)


def agreed(first: Afk | None, second: Afk | None) -> Afk | None:
    """What holds for both when each brings their own: nobody waits without end unless both want to, and where both
    have a limit the more patient one counts.
    """
    if first is None or second is None:
        return first or second
    return max(first, second, key=lambda afk: (afk.timeout_ms, afk.warn_ms))
