"""What may never be seen in a fleet, whatever dies: judged from what was seen. Pure: no database, no engine.

What games lost of their saves is judged by `tests.chaos.referee`'s pure functions, player by player.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TOLERANCE = 1e-6
FRAMES_HOLD_S = 10.0
SLACK_S = 0.5
"""How much later than the deed a look may be."""


@dataclass(frozen=True)
class SessionSeen:
    """A session's row at one moment. `frame_age_s` is how long ago its page last told of frames, None when it never
    did; `former_host` names the host that it was taken from.
    """

    session_id: str
    owner: str
    position: str
    generation: int
    host: str | None = None
    former_host: str | None = None
    cpu_cores: float = 0.0
    memory_bytes: int = 0
    frame_age_s: float | None = None


@dataclass(frozen=True)
class Room:
    """What a host offers."""

    cpu_cores: float
    memory_bytes: int
    seats: int


@dataclass(frozen=True)
class HeadSeen:
    """What a slot's head was: an archive of this generation of this session, whose captures are counted by `number`.
    `began` orders the sessions of a slot.
    """

    slot: str
    session_id: str
    began: float
    generation: int
    number: int


@dataclass(frozen=True)
class Look:
    """Everything at one moment, in one transaction of the database."""

    sessions: tuple[SessionSeen, ...]
    rooms: Mapping[str, Room]
    heads: tuple[HeadSeen, ...]


ACTIVE = frozenset({"placing", "pulling", "restoring", "booting", "running", "stopping"})
ON_HOST = ACTIVE - {"placing"}


def violations(looks: Sequence[Look]) -> list[str]:
    """Every broken promise, each said once."""
    found: list[str] = []
    for look in looks:
        found += two_of_an_owner(look)
        found += overbooked(look)
    found += two_writers(looks)
    found += generations_that_fall(looks)
    found += moved_in_sight(looks)
    return list(dict.fromkeys(found))


def fault_moments(faults: Sequence[tuple[float, float]], begun_at: Sequence[float]) -> list[float]:
    """When each fault began to count, of (begin, end) in seconds: at its begin, and for what began within it, then."""
    within = [moment for moment in begun_at for begin, end in faults if begin <= moment <= end]
    return [*(begin for begin, _ in faults), *within]


def two_of_an_owner(look: Look) -> list[str]:
    counts = Counter(seen.owner for seen in look.sessions if seen.position in ACTIVE)
    return [f"{owner} has {count} active sessions" for owner, count in counts.items() if count > 1]


def overbooked(look: Look) -> list[str]:
    """Hosts that were given more than they offer."""
    found: list[str] = []
    for host, room in look.rooms.items():
        there = [seen for seen in look.sessions if seen.host == host and seen.position in ON_HOST]
        if (
            len(there) > room.seats
            or sum(seen.cpu_cores for seen in there) > room.cpu_cores + TOLERANCE
            or sum(seen.memory_bytes for seen in there) > room.memory_bytes
        ):
            found.append(f"{host} is overbooked by {sorted(seen.session_id for seen in there)}")
    return found


def two_writers(looks: Sequence[Look]) -> list[str]:
    """A head that goes back: to an earlier session, to an older generation, to an older capture."""
    found: list[str] = []
    by_slot: dict[str, list[HeadSeen]] = defaultdict(list)
    for look in looks:
        for head in look.heads:
            by_slot[head.slot].append(head)
    for slot, heads in by_slot.items():
        for before, after in itertools.pairwise(heads):
            if _order(after) < _order(before):
                found.append(f"the head of {slot} went back from {before} to {after}")
    return found


def _order(head: HeadSeen) -> tuple[float, int, int]:
    return head.began, head.generation, head.number


def generations_that_fall(looks: Sequence[Look]) -> list[str]:
    """A session whose generation falls, or that comes back from its end."""
    found: list[str] = []
    last: dict[str, SessionSeen] = {}
    for look in looks:
        for seen in look.sessions:
            before = last.get(seen.session_id)
            if before is not None and seen.generation < before.generation:
                found.append(f"{seen.session_id} fell from generation {before.generation} to {seen.generation}")
            if before is not None and before.position not in ACTIVE and seen.position in ACTIVE:
                found.append(f"{seen.session_id} came back from {before.position} to {seen.position}")
            last[seen.session_id] = seen
    return found


def moved_in_sight(looks: Sequence[Look]) -> list[str]:
    """Sessions taken from a silent host while their page showed frames."""
    found: list[str] = []
    last: dict[str, SessionSeen] = {}
    for look in looks:
        for seen in look.sessions:
            before = last.get(seen.session_id)
            was_taken = (
                before is not None
                and before.position == "running"
                and seen.position == "placing"
                and seen.former_host == before.host
            )
            if was_taken and seen.frame_age_s is not None and seen.frame_age_s < FRAMES_HOLD_S - SLACK_S:
                found.append(f"{seen.session_id} was moved {seen.frame_age_s:.1f} s after its page showed a frame")
            last[seen.session_id] = seen
    return found
