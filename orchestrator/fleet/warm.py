"""What a host should keep waiting, seats and games at their title: what people have launched lately, put to
`scheduler.warm`.

The demand is the whole installation's and is summed anew every few seconds in each replica, not with every sync of a
host. It is a hint: nothing is reserved by it, and what waits gives way to any session.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_protocol import BuildSpec, SyncRequest, WarmSeats, WarmTitles
from orchestrator.catalog.models import Build, Game
from orchestrator.fleet import profiles
from orchestrator.fleet.ledger import SessionLedger
from orchestrator.fleet.profiles import SEAT_MEMORY_BYTES
from scheduler.values import Resources, seat_pixels
from scheduler.warm import Room, Size, titles, waiting

LATELY = timedelta(hours=1)
SUMMED_EVERY_S = 10.0
LAUNCHES_OF_A_BUILD_PER_S = 1 / 86_400
"""What each game in the catalogue is expected to be launched by somebody, before anything was seen of it."""


@dataclass(frozen=True, slots=True)
class WarmOrder:
    """What should wait on one host, the most wanted first."""

    seats: tuple[WarmSeats, ...]
    titles: tuple[WarmTitles, ...]


NOTHING_WAITS = WarmOrder((), ())


@dataclass(slots=True)
class _Demand:
    """What was launched lately: by the display's size, and by build where a game may wait at its title."""

    sizes_per_s: dict[Size, float] = field(default_factory=dict[Size, float])
    titles_per_s: dict[str, float] = field(default_factory=dict[str, float])
    builds: dict[str, BuildSpec] = field(default_factory=dict[str, BuildSpec])
    needed_bytes: dict[str, int] = field(default_factory=dict[str, int])


class WarmOrders:
    """One for each replica. `monotonic_s` is any clock that never goes back."""

    def __init__(self, ledger: SessionLedger, monotonic_s: Callable[[], float]) -> None:
        self._ledger = ledger
        self._monotonic_s = monotonic_s
        self._summed_s: float | None = None
        self._demand = _Demand()

    async def orders(
        self, session: AsyncSession, request: SyncRequest, hosts: int, reserved: Resources, now: datetime
    ) -> WarmOrder:
        """For the host that reports so, on which sessions have reserved so much."""
        moment_s = self._monotonic_s()
        if self._summed_s is None or moment_s - self._summed_s >= SUMMED_EVERY_S:
            self._demand = await self._look(session, now)
            self._summed_s = moment_s
        demand, room = self._demand, _room(request, reserved)
        here, titles_here = Counter[Size](), Counter[str]()
        for seats in request.warm_seats:
            if seats.build_id is None:
                here[seats.width, seats.height] += seats.count
            else:
                titles_here[seats.build_id] += seats.count
        wanted = waiting(demand.sizes_per_s, hosts, room, here, SEAT_MEMORY_BYTES)
        count = sum(wanted.values())
        left = replace(room, seats=room.seats - count, memory_bytes=room.memory_bytes - count * SEAT_MEMORY_BYTES)
        images = {image.image_id for image in request.images}
        per_s = {
            build_id: per_s
            for build_id, per_s in demand.titles_per_s.items()
            if demand.builds[build_id].image_id in images
        }
        at_title = titles(per_s, hosts, left, titles_here, demand.needed_bytes)
        return WarmOrder(
            tuple(WarmSeats(width=width, height=height, count=count) for (width, height), count in wanted.items()),
            tuple(
                WarmTitles(build=demand.builds[build_id], count=count, memory_bytes=demand.needed_bytes[build_id])
                for build_id, count in at_title.items()
            ),
        )

    async def _look(self, session: AsyncSession, now: datetime) -> _Demand:
        launches = await self._ledger.launches(session, now - LATELY)
        current = set(await session.scalars(select(Game.current_build_id).where(Game.current_build_id.is_not(None))))
        found = _Demand()
        for row in await session.scalars(select(Build).where(Build.id.in_({*launches, *current}))):
            build = row.build_spec
            size = seat_pixels(build.display.width, build.display.height)
            seen = launches.get(row.id, 0) / LATELY.total_seconds()
            expected = seen + (LAUNCHES_OF_A_BUILD_PER_S if row.id in current else 0.0)
            found.sizes_per_s[size] = found.sizes_per_s.get(size, 0.0) + expected
            if seen and build.waits_at_title and row.id in current:
                needed = profiles.needed_anywhere((await profiles.load(session, row.id)).values(), build)
                found.builds[row.id], found.titles_per_s[row.id] = build, seen
                found.needed_bytes[row.id] = needed.memory_bytes
        return found


def _room(request: SyncRequest, reserved: Resources) -> Room:
    capacity, usage = request.capacity, request.usage
    return Room(
        seats=capacity.seats - reserved.seats,
        memory_bytes=capacity.memory_bytes - reserved.memory_bytes,
        whole_memory_bytes=capacity.memory_bytes,
        used_cores_share=usage.cpu_cores / capacity.cpu_cores if capacity.cpu_cores > 0 else 1.0,
        used_memory_share=usage.memory_bytes / capacity.memory_bytes if capacity.memory_bytes > 0 else 1.0,
    )
