"""What became of a match while replicas were away. It comes before anything else happens to it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matches.events import Disconnected, Event, Outage
from matches.values import Seat


@dataclass(frozen=True, slots=True)
class Connected:
    """A player's socket; `seen_ms` is when its replica was heard last."""

    socket_id: str
    seat: Seat
    seen_ms: int
    is_dead: bool


@dataclass(frozen=True, slots=True)
class Losses:
    """`gone` are the sockets that went with their replicas; the match knows of everything until `excused_ms`."""

    events: Sequence[Event]
    gone: Sequence[str]
    excused_ms: int


def losses(outages: Iterable[tuple[int, int]], connected: Sequence[Connected], excused_ms: int, now_ms: int) -> Losses:
    """Of a match that knows of everything until `excused_ms`: `outages` began and ended, the oldest first. Time without
    a replica counts against nobody, and whose every socket went with one is away from now on.
    """
    events = list[Event]()
    for began_ms, ended_ms in outages:
        events.append(Outage(max(0, ended_ms - max(began_ms, excused_ms))))
        excused_ms = ended_ms
    dead = [each for each in connected if each.is_dead]
    if dead:
        seen_ms = min(each.seen_ms for each in dead)
        events.append(Outage(max(0, now_ms - max(seen_ms, excused_ms))))
        excused_ms = now_ms
    left = {each.seat for each in connected if not each.is_dead}
    events += [Disconnected(1 if seat else 0) for seat in sorted({each.seat for each in dead} - left)]
    return Losses(events, [each.socket_id for each in dead], excused_ms)
