"""What can happen to a match, and what follows from it. Who sent an event is proven before it comes here."""

from dataclasses import dataclass
from typing import TypeAlias

from matches.refusals import Refusal
from matches.state import End
from matches.values import Fact, Ply, Seat


@dataclass(frozen=True, slots=True)
class MoveSent:
    """A player sent `game:move`; `payload` is whatever came with it."""

    seat: Seat
    payload: object


@dataclass(frozen=True, slots=True)
class Resigned:
    """A player gives up."""

    seat: Seat


@dataclass(frozen=True, slots=True)
class DrawOffered:
    """A player offers a draw. It stands until the other moves, declines or accepts. Also an effect: tell the other."""

    seat: Seat


@dataclass(frozen=True, slots=True)
class DrawAccepted:
    """A player accepts the other's offer."""

    seat: Seat


@dataclass(frozen=True, slots=True)
class DrawDeclined:
    """A player declines the other's offer. Also an effect: tell the other; a move declines as well."""

    seat: Seat


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A player's last connection is gone. Also an effect: tell the other."""

    seat: Seat


@dataclass(frozen=True, slots=True)
class Reconnected:
    """A player is back. Also an effect: send them the match, and tell the other."""

    seat: Seat


@dataclass(frozen=True, slots=True)
class Looked:
    """Nothing happened but time."""


@dataclass(frozen=True, slots=True)
class Outage:
    """The service was away for so long, 0 at least, until now: none of it counts against anybody."""

    duration_ms: int


PlayerEvent: TypeAlias = MoveSent | Resigned | DrawOffered | DrawAccepted | DrawDeclined | Disconnected | Reconnected
Event: TypeAlias = PlayerEvent | Looked | Outage


@dataclass(frozen=True, slots=True)
class MoveMade:
    """A move was made: the last ply of the match."""

    seat: Seat
    ply: Ply
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class AfkWarned:
    """The player on the move is idle and forfeits in so many seconds."""

    seat: Seat
    seconds_remaining: int


@dataclass(frozen=True, slots=True)
class AfkCleared:
    """The warned player moved."""

    seat: Seat


@dataclass(frozen=True, slots=True)
class Ended:
    """The match is over."""

    end: End


@dataclass(frozen=True, slots=True)
class Refused:
    """A player's event was not accepted, and changed nothing."""

    seat: Seat
    refusal: Refusal


Effect: TypeAlias = (
    MoveMade | AfkWarned | AfkCleared | DrawOffered | DrawDeclined | Disconnected | Reconnected | Ended | Refused
)
