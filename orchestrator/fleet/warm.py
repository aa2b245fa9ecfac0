"""Which seats a host should keep waiting: what people have launched lately, put to `scheduler.warm`.

The demand is the whole installation's and is summed anew every few seconds in each replica, not with every sync of a
host. It is a hint: nothing is reserved by it, and a seat that waits gives way to any session.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_protocol import BuildSpec, SyncRequest, WarmSeats
from orchestrator.catalog.models import Build, Game
from orchestrator.fleet.ledger import SessionLedger
from orchestrator.fleet.profiles import SEAT_MEMORY_BYTES
from scheduler.values import Resources
from scheduler.warm import Room, Size, waiting

LATELY = timedelta(hours=1)
SUMMED_EVERY_S = 10.0
LAUNCHES_OF_A_BUILD_PER_S = 1 / 86_400
"""What each game in the catalogue is expected to be launched by somebody, before anything was seen of it."""


class WarmOrders:
    """One for each replica. `monotonic_s` is any clock that never goes back."""

    def __init__(self, ledger: SessionLedger, monotonic_s: Callable[[], float]) -> None:
        self._ledger = ledger
        self._monotonic_s = monotonic_s
        self._summed_s: float | None = None
        self._launches_per_s: dict[Size, float] = {}

    async def seats(
        self, session: AsyncSession, request: SyncRequest, hosts: int, reserved: Resources, now: datetime
    ) -> tuple[WarmSeats, ...]:
        """For the host that reports so, on which sessions have reserved so much."""
        moment_s = self._monotonic_s()
        if self._summed_s is None or moment_s - self._summed_s >= SUMMED_EVERY_S:
            self._launches_per_s = await self._demand(session, now)
            self._summed_s = moment_s
        here = {(seats.width, seats.height): seats.count for seats in request.warm_seats}
        wanted = waiting(self._launches_per_s, hosts, _room(request, reserved), here, SEAT_MEMORY_BYTES)
        return tuple(WarmSeats(width=width, height=height, count=count) for (width, height), count in wanted.items())

    async def _demand(self, session: AsyncSession, now: datetime) -> dict[Size, float]:
        launches = await self._ledger.launches(session, now - LATELY)
        current = set(await session.scalars(select(Game.current_build_id).where(Game.current_build_id.is_not(None))))
        found: dict[Size, float] = {}
        for build in await session.scalars(select(Build).where(Build.id.in_({*launches, *current}))):
            display = BuildSpec.model_validate(build.spec).display
            size = (display.width // 2 * 2, display.height // 2 * 2)  # as a seat has it
            seen = launches.get(build.id, 0) / LATELY.total_seconds()
            found[size] = found.get(size, 0.0) + seen + (LAUNCHES_OF_A_BUILD_PER_S if build.id in current else 0.0)
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
