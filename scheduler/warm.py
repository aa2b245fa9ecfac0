"""How many seats of each size a host should keep waiting for a session, and games of which builds at their title.

A waiting seat spares a launch the start of display, sound and worker; one with a game on it spares the game's boot as
well. They live on what no session has reserved, and go as soon as one does: they never keep a session out.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

Size = tuple[int, int]
"""A display's width and height in pixels."""

REPLACED_WITHIN_S = 10.0
"""How long after a launch the seat that it took is there again: the agent lets the game boot first."""

EMPTY_HANDED = 0.05
"""Of the launches, at most about this share find no seat waiting."""

BUSY_SHARE = 0.7
"""Of a host's cores: beyond it no seat is started, since its start would take from games."""

KEPT_FREE_SHARE = 0.1
"""Of a host's memory: never given to seats that wait."""

MOST_SEATS = 8
"""On one host."""

MOST_TITLES = 3
"""On one host: each holds a game's memory."""

TITLE_FROM_PER_S = 1 / 3600
"""A game waits at its title where a host is likely to be asked for it within the hour."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a host has for seats that wait: `seats` and `memory_bytes` that no session has reserved, how much of the
    whole memory and of the cores the machine uses, ours or not.
    """

    seats: int
    memory_bytes: int
    whole_memory_bytes: int
    used_cores_share: float
    used_memory_share: float


def enough(launches_per_s: float, hosts: int) -> int:
    """The fewest seats on each of `hosts` that leave at most `EMPTY_HANDED` of the launches without one: a quantile of
    the launches that come while one is replaced, which are a Poisson process's.
    """
    mean = launches_per_s / max(1, hosts) * REPLACED_WITHIN_S
    count, probability = 0, math.exp(-mean)
    so_far = probability
    while so_far < 1 - EMPTY_HANDED and count < MOST_SEATS:
        count += 1
        probability *= mean / count
        so_far += probability
    return count


def waiting(
    launches_per_s: Mapping[Size, float], hosts: int, room: Room, here: Mapping[Size, int], seat_bytes: int
) -> dict[Size, int]:
    """How many of each size, the most wanted size first; at least one of that size wherever there is room for it.

    `launches_per_s` is what the whole installation has seen lately, `here` what waits on this host now.
    """
    wanted: dict[Size, int] = {}
    left = _most(room, seat_bytes)
    is_busy = room.used_cores_share > BUSY_SHARE
    for size in sorted(launches_per_s, key=lambda size: (-launches_per_s[size], size)):
        count = enough(launches_per_s[size], hosts)
        if not wanted:
            count = max(1, count)
        if is_busy:
            count = min(count, here.get(size, 0))
        if count := min(count, left):
            wanted[size] = count
            left -= count
    return wanted


def titles(
    launches_per_s: Mapping[str, float],
    hosts: int,
    room: Room,
    here: Mapping[str, int],
    needed_bytes: Mapping[str, int],
) -> dict[str, int]:
    """How many games of each build should wait at their title, the most wanted build first.

    `launches_per_s` is of the builds for which that is safe, `room` what sessions and waiting seats leave, and
    `needed_bytes` what a session of each takes. Where one is too large for what is left, no less wanted one goes
    before it.
    """
    wanted: dict[str, int] = {}
    is_busy = room.used_cores_share > BUSY_SHARE
    for build in sorted(launches_per_s, key=lambda build: (-launches_per_s[build], build)):
        if launches_per_s[build] / max(1, hosts) < TITLE_FROM_PER_S:
            break
        count = max(1, enough(launches_per_s[build], hosts))
        if is_busy:
            count = min(count, here.get(build, 0))
        count = min(count, MOST_TITLES - sum(wanted.values()), _most(room, needed_bytes[build]))
        if not count:
            break
        wanted[build] = count
        room = replace(room, seats=room.seats - count, memory_bytes=room.memory_bytes - count * needed_bytes[build])
    return wanted


def _most(room: Room, seat_bytes: int) -> int:
    """What waits now is part of what the machine uses, so a full memory gives it all up."""
    if room.used_memory_share > 1 - KEPT_FREE_SHARE:
        return 0
    free_bytes = room.memory_bytes - KEPT_FREE_SHARE * room.whole_memory_bytes
    return max(0, min(MOST_SEATS, room.seats, math.floor(free_bytes / seat_bytes)))
