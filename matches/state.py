"""A match as one value, and what can be read off it at any moment. Times are in ms on one clock, the caller's."""

from dataclasses import dataclass
from typing import TypeVar

from matches.rules import RULES
from matches.terms import Terms
from matches.values import Ply, Reason, Seat, other, turn_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class End:
    """How a match ended. No winner is a draw; `cells` are those of the winning line."""

    winner: Seat | None
    reason: Reason
    at_ms: int
    cells: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """One match between two players.

    `changed_ms` is when it changed last; time never runs back behind it. `turn_ms` is when the turn began, later by
    what was no fault of the player's. `clocks_ms` is what each side had when the turn began. `away_ms` is how long the
    player on the move has been away in this turn and came back, `away_since_ms` since when each is away.
    `offered_at_ply` says at which ply each side offered a draw last.
    """

    terms: Terms
    players: tuple[str, str]
    started_ms: int
    changed_ms: int
    turn_ms: int
    plies: tuple[Ply, ...] = ()
    clocks_ms: tuple[int, int] | None = None
    away_ms: int = 0
    away_since_ms: tuple[int | None, int | None] = (None, None)
    is_warned: bool = False
    draw_offer: Seat | None = None
    offered_at_ply: tuple[int | None, int | None] = (None, None)
    end: End | None = None

    @property
    def turn(self) -> Seat:
        """Who is on the move, or would be."""
        return turn_of(self.plies)

    @property
    def position(self) -> str:
        """The position in the notation of the game's rules."""
        return self.plies[-1].after if self.plies else RULES[self.terms.game].START


def started(terms: Terms, players: tuple[str, str], now_ms: int) -> Match:
    """A match that begins now. `players` are in the order of their seats; they differ."""
    clocks = None if terms.clock_ms is None else (terms.clock_ms, terms.clock_ms)
    return Match(terms, players, now_ms, now_ms, now_ms, clocks_ms=clocks)


def clocks_at(match: Match, now_ms: int) -> tuple[int, int] | None:
    """What each side has left, 0 at least. None without a clock. When the match has ended, what was left then."""
    if match.clocks_ms is None or match.end is not None:
        return match.clocks_ms
    return with_seat(match.clocks_ms, match.turn, max(0, match.clocks_ms[match.turn] - used_ms(match, now_ms)))


def used_ms(match: Match, now_ms: int) -> int:
    """How much of this turn's time has passed."""
    return max(0, now_ms - match.turn_ms)


def duration_ms(match: Match) -> int:
    """From the first moment to the end, or to the last change."""
    return (match.end.at_ms if match.end else match.changed_ms) - match.started_ms


def forfeited(loser: Seat, reason: Reason, at_ms: int) -> End:
    """The end that the other seat wins."""
    return End(other(loser), reason, at_ms)


def with_seat(pair: tuple[T, T], seat: Seat, value: T) -> tuple[T, T]:
    """The pair with one seat's value replaced."""
    return (pair[0], value) if seat else (value, pair[1])
