"""Sessions as the fleet sees them: what they reserve, what hosts report of them, what hosts should run.

The one place where a host's words become lifecycle events.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_protocol import BuildSpec, DesiredSession, ObservedSession, ObservedState, Statistics
from orchestrator.catalog.models import Build
from orchestrator.fleet import profiles
from orchestrator.fleet.models import Host
from orchestrator.play.lifecycle import (
    FINAL,
    ON_HOST,
    Advanced,
    EndedOnHost,
    Event,
    Position,
    Used,
)
from orchestrator.play.models import Session, life_of
from orchestrator.play.moves import Moves
from orchestrator.saves.service import Saves
from scheduler.placement import Resources
from scheduler.profiles import Sample

_log = structlog.get_logger()
_POSITIONS_ON_HOST = [position.value for position in ON_HOST]
SAME_INPUT = timedelta(seconds=1)
_WHOLE_SESSIONS = {"stopped", "exited", "expired", "save_failed"}
_REPORTED = {
    ObservedState.PULLING: Position.PULLING,
    ObservedState.RESTORING: Position.RESTORING,
    ObservedState.BOOTING: Position.BOOTING,
    ObservedState.RUNNING: Position.RUNNING,
}


class Ledger:
    """Implements `fleet.ledger.SessionLedger`."""

    def __init__(self, moves: Moves, saves: Saves) -> None:
        self._moves = moves
        self._saves = saves

    async def reserved(self, session: AsyncSession) -> Mapping[str, Resources]:
        return await reserved(session)

    async def observe(
        self, session: AsyncSession, host_id: str, observed: tuple[ObservedSession, ...], now: datetime
    ) -> tuple[str, ...]:
        if not observed:
            return ()
        ids = [item.session_id for item in observed]
        rows = {row.id: row for row in await session.scalars(select(Session).where(Session.id.in_(ids)))}
        changed: list[str] = []
        for item in observed:
            row = rows.get(item.session_id)
            if row is None or row.host_id != host_id or row.generation != item.generation:
                continue
            if await self._take_in(session, row, host_id, item, now):
                changed.append(row.id)
        return tuple(changed)

    async def _take_in(
        self, session: AsyncSession, row: Session, host_id: str, item: ObservedSession, now: datetime
    ) -> bool:
        before = (row.position, row.is_seat_ready, row.progress)
        was_final = life_of(row).position in FINAL
        progress = item.progress.model_dump() if item.progress else None
        event = _event(item, has_progress=progress is not None and progress != row.progress)
        if not was_final:
            row.is_seat_ready, row.progress = item.seat_ready, progress
        has_moved = event is not None and await self._moves.apply(session, row, event, now)
        if _is_new_input(item.last_input_at, row.last_input_at):
            row.last_input_at = item.last_input_at
            await self._moves.apply(session, row, Used(), now)
        if item.state is ObservedState.ENDED and item.statistics is not None:
            is_first_word = row.duration_s is None and life_of(row).position in FINAL
            if is_first_word:
                row.duration_s = item.statistics.duration_s
                row.cpu_seconds = item.statistics.cpu_seconds
                row.peak_memory_bytes = item.statistics.peak_memory_bytes
            if is_first_word or has_moved:
                code = item.end.code if item.end else "stopped"
                await self._learn(session, row.build_id, host_id, item.statistics, code, now)
        return before != (row.position, row.is_seat_ready, row.progress)

    async def _learn(
        self, session: AsyncSession, build_id: str, host_id: str, statistics: Statistics, code: str, now: datetime
    ) -> None:
        host = await session.get_one(Host, host_id)
        peak_bytes = statistics.peak_memory_bytes
        if code == "out_of_memory":  # it wanted more than it was allowed, however little a sample saw
            build = await session.get_one(Build, build_id)
            peak_bytes = max(peak_bytes, BuildSpec.model_validate(build.spec).limits.memory_bytes)
        sample = Sample(
            played_s=statistics.played_s,
            cpu_cores=statistics.played_cpu_seconds / statistics.played_s if statistics.played_s > 0 else 0.0,
            memory_peak_bytes=peak_bytes,
            boot_s=statistics.boot_s,
            out_of_memory=code == "out_of_memory",
            failed=code not in _WHOLE_SESSIONS,
        )
        await profiles.record(session, build_id, profiles.host_class(host), sample, now)

    async def desired(
        self, session: AsyncSession, host_id: str, observed: tuple[ObservedSession, ...], now: datetime
    ) -> tuple[DesiredSession, ...]:
        mine = select(Session).where(Session.host_id == host_id, Session.position.in_(_POSITIONS_ON_HOST))
        rows = {row.id: row for row in await session.scalars(mine)}
        wanted = [
            await self._order(session, row, row.generation, is_wanted=row.position != Position.STOPPING.value)
            for row in rows.values()
        ]
        strays = [item for item in observed if not _is_settled(item, rows.get(item.session_id))]
        for item in strays:
            row = await session.get(Session, item.session_id)
            if row is not None:
                wanted.append(await self._order(session, row, item.generation, is_wanted=False))
        return tuple(wanted)

    async def _order(self, session: AsyncSession, row: Session, generation: int, *, is_wanted: bool) -> DesiredSession:
        build = await session.get_one(Build, row.build_id)
        return DesiredSession(
            session_id=row.id,
            generation=generation,
            want="run" if is_wanted else "stop",
            build=BuildSpec.model_validate(build.spec),
            # The newest, not what the session began with: a host that lost everything begins from here.
            restore=await self._saves.restore_source(session, await self._saves.head_of(session, row.slot_id)),
            timezone=row.timezone,
            epoch=row.epoch,
            expires_at=row.expires_at,
            ends_at=row.ends_at,
        )


async def reserved(session: AsyncSession) -> dict[str, Resources]:
    """What live sessions take of each host."""
    query = (
        select(
            Session.host_id,
            func.sum(Session.reserved_cpu_cores),
            func.sum(Session.reserved_memory_bytes),
            func.count(),
        )
        .where(Session.position.in_(_POSITIONS_ON_HOST))
        .group_by(Session.host_id)
    )
    rows = await session.execute(query)
    return {host_id: Resources(float(cpu), int(memory), seats) for host_id, cpu, memory, seats in rows if host_id}


def _event(item: ObservedSession, *, has_progress: bool) -> Event | None:
    if item.state is ObservedState.ENDED:
        if item.end is None:
            return EndedOnHost(item.generation, "stopped", "The game was stopped.")
        return EndedOnHost(item.generation, item.end.code, item.end.message, item.end.log_tail)
    position = _REPORTED.get(item.state)
    return Advanced(item.generation, position, has_progress) if position else None


def _is_new_input(reported: datetime | None, known: datetime | None) -> bool:
    """Hosts work the moment out anew for each report, so the same input comes back a little earlier or later."""
    return reported is not None and (known is None or reported - known > SAME_INPUT)


def _is_settled(item: ObservedSession, row: Session | None) -> bool:
    """True when nothing has to be said about what the host reports: it is ordered already, or over there too."""
    if item.state is ObservedState.ENDED:
        return True
    return row is not None and row.generation == item.generation
