"""Sessions as the fleet sees them: what they reserve, what hosts report of them, what hosts should run.

The one place where a host's words become lifecycle events.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import structlog
from sqlalchemy import ColumnElement, Select, case, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_protocol import (
    BuildSpec,
    DesiredSession,
    EndCode,
    ObservedSession,
    ObservedState,
    RestoreSource,
    Statistics,
)
from metering import UNMETERED, Meter
from orchestrator.catalog.models import Build, Game
from orchestrator.fleet import profiles
from orchestrator.fleet.ledger import Claim, SessionOnHost
from orchestrator.fleet.models import Host
from orchestrator.observing.committed import after_commit
from orchestrator.observing.table import PROFILE_RATIO
from orchestrator.play import reservation
from orchestrator.play.clock import ClockWatch
from orchestrator.play.lifecycle import (
    FINAL,
    ON_HOST,
    Advanced,
    EndedOnHost,
    Event,
    Position,
    Returned,
    Used,
)
from orchestrator.play.models import Session, revision_of
from orchestrator.play.moves import Moves
from orchestrator.saves.service import Saves
from scheduler.profiles import Sample
from scheduler.values import Resources

_log = structlog.get_logger()
SAME_INPUT = timedelta(seconds=1)
MOST_PEERS = 1000
TELLING_PLAY_S = 30.0
_WHOLE_SESSIONS = {EndCode.STOPPED, EndCode.EXITED, EndCode.EXPIRED, EndCode.SAVE_FAILED}
_FINAL = [position.value for position in FINAL]
_ON_HOST = frozenset(position.value for position in ON_HOST)
_REPORTED = {
    ObservedState.PULLING: Position.PULLING,
    ObservedState.RESTORING: Position.RESTORING,
    ObservedState.BOOTING: Position.BOOTING,
    ObservedState.RUNNING: Position.RUNNING,
}


class Ledger:
    """Implements `fleet.ledger.SessionLedger`."""

    def __init__(self, moves: Moves, saves: Saves, clock: ClockWatch, meter: Meter = UNMETERED) -> None:
        self._meter = meter
        self._moves = moves
        self._saves = saves
        self._clock = clock
        self._builds: dict[str, BuildSpec] = {}

    async def reserved(self, session: AsyncSession, host_id: str | None = None) -> Mapping[str, Resources]:
        return await reserved(session, host_id)

    async def launches(self, session: AsyncSession, since: datetime) -> Mapping[str, int]:
        counted = select(Session.build_id, func.count()).where(Session.created_at > since).group_by(Session.build_id)
        return {build_id: int(count) for build_id, count in await session.execute(counted)}

    async def on_host(self, session: AsyncSession, host_id: str) -> tuple[SessionOnHost, ...]:
        return (await _places(session, Session.host_id == host_id)).get(host_id, ())

    async def on_hosts(self, session: AsyncSession) -> Mapping[str, tuple[SessionOnHost, ...]]:
        return await _places(session, Session.host_id.is_not(None))

    async def unplaced(self, session: AsyncSession) -> int:
        waiting = select(func.count()).select_from(Session).where(reservation.IS_ACTIVE)
        return await session.scalar(waiting.where(Session.position == Position.PLACING.value)) or 0

    async def count_by_host(self, session: AsyncSession) -> Mapping[str, int]:
        counts = select(Session.host_id, func.count()).where(reservation.IS_ON_HOST).group_by(Session.host_id)
        return {host_id: count for host_id, count in await session.execute(counts) if host_id}

    async def reserve(self, session: AsyncSession, session_id: str, host_id: str, claim: Claim, now: datetime) -> bool:
        return await reservation.reserve(session, session_id, host_id, claim, now)

    async def launches_by_age(self, session: AsyncSession, since: Sequence[datetime]) -> Mapping[str, tuple[int, ...]]:
        sums = (func.sum(case((Session.created_at > moment, 1), else_=0)) for moment in since)
        query = select(Session.game_id, *sums).where(Session.created_at > min(since)).group_by(Session.game_id)
        found: dict[str, tuple[int, ...]] = {}
        for game_id, *counts in await session.execute(query):
            reached = [0, *(int(count) for count in counts)]
            found[game_id] = tuple(later - before for before, later in pairwise(reached))
        return found

    def has_any(self) -> ColumnElement[bool]:
        return or_(
            exists().where(Session.host_id == Host.id, reservation.IS_ACTIVE),
            exists().where(Session.former_host_id == Host.id, reservation.IS_ACTIVE),
        )

    async def unchanged(
        self, session: AsyncSession, host_id: str, observed: tuple[ObservedSession, ...], now: datetime
    ) -> tuple[DesiredSession, ...] | None:
        rows = {row.id: row for row in await session.scalars(_concerned(host_id))}
        seen = {item.session_id: item for item in observed}
        is_settled = all(_is_settled(item, rows.get(item.session_id)) for item in observed)
        if not is_settled or any(_is_news(row, host_id, seen.get(row.id)) for row in rows.values()):
            return None
        return await self._orders(session, [row for row in rows.values() if row.position in _ON_HOST], now)

    async def observe(
        self, session: AsyncSession, host_id: str, observed: tuple[ObservedSession, ...], now: datetime
    ) -> tuple[str, ...]:
        seen = {item.session_id: item for item in observed}
        changed: list[str] = []
        lessons: list[_Lesson] = []
        for row in await session.scalars(_concerned(host_id).order_by(Session.id).with_for_update()):
            before = revision_of(row)
            lesson = await self._hear(session, row, host_id, seen.get(row.id), now)
            if lesson is not None:
                lessons.append(lesson)
            if revision_of(row) != before:
                changed.append(row.id)
        if lessons:
            await self._learn(session, host_id, lessons, now)
        return tuple(changed)

    async def _hear(
        self, session: AsyncSession, row: Session, host_id: str, item: ObservedSession | None, now: datetime
    ) -> "_Lesson | None":
        """What a host says of a session that it has, or had when it was lost. Older generations move nothing."""
        if row.is_host_silent:
            row.is_host_silent, row.unseen_since = False, await self._without_silence(session, row, host_id, now)
        if item is not None and item.generation == row.generation:
            return await self._take_in(session, row, host_id, item, now)
        if row.former_host_id == host_id:
            await self._moves.apply(session, row, _forgotten(row.generation), now)
        return None

    async def _without_silence(
        self, session: AsyncSession, row: Session, host_id: str, now: datetime
    ) -> datetime | None:
        """Since when nobody is connected, had the host not been silent since its last report."""
        heard_at = await session.scalar(select(Host.last_sync_at).where(Host.id == host_id))
        if row.unseen_since is None or heard_at is None:
            return row.unseen_since
        return min(now, row.unseen_since + max(timedelta(0), now - heard_at))

    async def _take_in(
        self, session: AsyncSession, row: Session, host_id: str, item: ObservedSession, now: datetime
    ) -> "_Lesson | None":
        has_progress = item.progress is not None and item.progress.model_dump() != row.progress
        event = _event(item, host_id, was_former=row.former_host_id == host_id, has_progress=has_progress)
        before = row.position, row.former_host_id
        if row.for_result and item.state is ObservedState.ENDED:
            row.result = item.result and item.result.model_dump()
        if event is not None:
            await self._moves.apply(session, row, event, now)
        has_moved = before != (row.position, row.former_host_id)
        lesson = None
        if item.state is ObservedState.ENDED and item.statistics is not None and has_moved:
            _add_figures(row, item.statistics)
            code = item.end.code if item.end else EndCode.STOPPED
            promised = Resources(row.reserved_cpu_cores, row.reserved_memory_bytes, 1)
            lesson = _Lesson(row.build_id, item.statistics, code, promised)
        if row.host_id != host_id or row.position in _FINAL:
            return lesson
        for name, value in _told(item).items():
            setattr(row, name, value)
        if item.last_input_at is not None and _is_new_input(item.last_input_at, row.last_input_at):
            # No host knows the future: it has not heard yet that our clock went back.
            row.last_input_at = min(item.last_input_at, now)
            await self._moves.apply(session, row, Used(), now)
        return lesson

    async def _learn(self, session: AsyncSession, host_id: str, lessons: "list[_Lesson]", now: datetime) -> None:
        """One order of the builds for all hosts: two that report at once wait for each other and never in a ring."""
        host = await session.get_one(Host, host_id)
        for lesson in sorted(lessons, key=lambda lesson: lesson.build_id):
            build = await session.get_one(Build, lesson.build_id)
            sample = _sample(lesson, build.build_spec)
            self._compare(session, lesson.promised, sample)
            await profiles.record(session, lesson.build_id, profiles.host_class(host), sample, now)

    def _compare(self, session: AsyncSession, promised: Resources, sample: Sample) -> None:
        """What the game used beside what it was given, its seat aside. A run that was short or failed says little."""
        cores = promised.cpu_cores - profiles.SEAT_CPU_CORES
        memory_bytes = promised.memory_bytes - profiles.SEAT_MEMORY_BYTES
        if sample.failed or sample.played_s < TELLING_PLAY_S or cores <= 0 or memory_bytes <= 0:
            return
        meter = self._meter

        def count() -> None:
            meter.observe(PROFILE_RATIO, sample.cpu_cores / cores, resource="cpu")
            meter.observe(PROFILE_RATIO, sample.memory_peak_bytes / memory_bytes, resource="memory")

        after_commit(session, count)

    async def desired(
        self, session: AsyncSession, host_id: str, observed: tuple[ObservedSession, ...], now: datetime
    ) -> tuple[DesiredSession, ...]:
        mine = select(Session).where(Session.host_id == host_id, reservation.IS_ON_HOST)
        rows = {row.id: row for row in await session.scalars(mine)}
        wanted = list(await self._orders(session, list(rows.values()), now))
        for item in observed:
            if _is_settled(item, rows.get(item.session_id)):
                continue
            row = await session.get(Session, item.session_id)
            if row is not None and host_id in {row.host_id, *row.placed_on}:
                build = await self._build(session, row.build_id)
                wanted.append(_order(row, build, item.generation, self._clock.ahead(now), None, is_wanted=False))
        return tuple(wanted)

    async def _orders(
        self, session: AsyncSession, rows: Sequence[Session], now: datetime
    ) -> tuple[DesiredSession, ...]:
        """One for each row, as it stands."""
        if not rows:
            return ()
        ahead = self._clock.ahead(now)
        # The newest, not what the session began with: a host that lost everything begins from here.
        heads = await self._saves.newest(session, {row.slot_id for row in rows})
        return tuple(
            [
                _order(
                    row,
                    await self._build(session, row.build_id),
                    row.generation,
                    ahead,
                    heads.get(row.slot_id),
                    is_wanted=row.position != Position.STOPPING.value,
                )
                for row in rows
            ]
        )

    async def _build(self, session: AsyncSession, build_id: str) -> BuildSpec:
        """Builds never change, so each is read once."""
        if build_id not in self._builds:
            self._builds[build_id] = (await session.get_one(Build, build_id)).build_spec
        return self._builds[build_id]


async def _places(session: AsyncSession, condition: ColumnElement[bool]) -> Mapping[str, tuple[SessionOnHost, ...]]:
    """By host, the sessions of the condition that have a place there, the oldest first."""
    query = (
        select(
            Session.host_id,
            Session.id,
            Game.slug,
            Session.position,
            Session.created_at,
            Session.is_paused,
            Session.peers,
            Session.last_input_at,
        )
        .join(Game, Game.id == Session.game_id)
        .where(reservation.IS_ON_HOST, condition)
        .order_by(Session.created_at, Session.id)
    )
    found: dict[str, list[SessionOnHost]] = {}
    for host_id, session_id, slug, position, began, is_paused, peers, last_input_at in await session.execute(query):
        there = SessionOnHost(session_id, slug, position, began, is_paused, peers, last_input_at)
        found.setdefault(str(host_id), []).append(there)
    return {host_id: tuple(there) for host_id, there in found.items()}


def _order(
    row: Session,
    build: BuildSpec,
    generation: int,
    ahead: timedelta,
    restore: RestoreSource | None,
    *,
    is_wanted: bool,
) -> DesiredSession:
    return DesiredSession(
        session_id=row.id,
        generation=generation,
        want="run" if is_wanted else "stop",
        build=build,
        restore=restore,
        timezone=row.timezone,
        epoch=row.epoch,
        for_result=row.for_result,
        traceparent=row.traceparent,
        expires_at=row.expires_at + ahead,
        ends_at=row.ends_at + ahead,
    )


def _concerned(host_id: str) -> Select[Session]:
    """The sessions that a host has, and those that it had when it was lost."""
    return select(Session).where(
        or_(Session.host_id == host_id, Session.former_host_id == host_id), reservation.IS_ACTIVE
    )


def _is_news(row: Session, host_id: str, item: ObservedSession | None) -> bool:
    """False only when this report leaves the row as it is. What is not plain is news: then it is heard in full."""
    if row.is_host_silent or row.host_id != host_id or row.former_host_id is not None:
        return True
    if item is None:
        return False
    return (
        item.generation != row.generation
        or item.state.value != row.position
        or any(getattr(row, name) != value for name, value in _told(item).items())
        or (item.last_input_at is not None and _is_new_input(item.last_input_at, row.last_input_at))
    )


def _told(item: ObservedSession) -> dict[str, object]:
    """The columns that are as the host tells them."""
    return {
        "is_seat_ready": item.seat_ready,
        "progress": item.progress.model_dump() if item.progress else None,
        "is_paused": item.paused,
        "save_used_bytes": item.save_used_bytes,
        "peers": min(item.peers, MOST_PEERS),
    }


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What one session that ended teaches of its build."""

    build_id: str
    statistics: Statistics
    code: str
    promised: Resources


def _sample(lesson: _Lesson, build: BuildSpec) -> Sample:
    statistics, was_short_of_memory = lesson.statistics, lesson.code == EndCode.OUT_OF_MEMORY
    peak_bytes = statistics.peak_memory_bytes
    if was_short_of_memory:  # it wanted more than it was allowed, however little a sample saw
        peak_bytes = max(peak_bytes, build.limits.memory_bytes)
    return Sample(
        played_s=statistics.played_s,
        cpu_cores=statistics.played_cpu_seconds / statistics.played_s if statistics.played_s > 0 else 0.0,
        memory_peak_bytes=peak_bytes,
        boot_s=statistics.boot_s,
        out_of_memory=was_short_of_memory,
        failed=lesson.code not in _WHOLE_SESSIONS,
        frame_s=statistics.frame_s,
    )


async def reserved(session: AsyncSession, host_id: str | None = None) -> dict[str, Resources]:
    """What live sessions take of each host, or of that one alone. One that waits for another host still takes its place
    on the former one.
    """
    on = func.coalesce(Session.host_id, Session.former_host_id)
    query = (
        select(
            on,
            func.sum(Session.reserved_cpu_cores),
            func.sum(Session.reserved_memory_bytes),
            func.count(),
        )
        .where(reservation.IS_ON_HOST | reservation.LEAVES_A_HOST)
        .group_by(on)
    )
    if host_id is not None:
        query = query.where(on == host_id)
    rows = await session.execute(query)
    return {host: Resources(float(cpu), int(memory), seats) for host, cpu, memory, seats in rows if host}


def _event(item: ObservedSession, host_id: str, *, was_former: bool, has_progress: bool) -> Event | None:
    if item.state is ObservedState.ENDED:
        if item.end is None:
            return EndedOnHost(item.generation, EndCode.STOPPED, "The game was stopped.")
        return EndedOnHost(item.generation, item.end.code, item.end.message, item.end.log_tail)
    if was_former:
        return Returned(host_id, item.generation) if item.state is ObservedState.RUNNING else None
    position = _REPORTED.get(item.state)
    return Advanced(item.generation, position, has_progress) if position else None


def _forgotten(generation: int) -> EndedOnHost:
    return EndedOnHost(generation, EndCode.HOST_RESTARTED, "The machine came back without the game.")


def _add_figures(row: Session, statistics: Statistics) -> None:
    """A session that lost its host used something on each."""
    row.duration_s = (row.duration_s or 0.0) + statistics.duration_s
    row.cpu_seconds = (row.cpu_seconds or 0.0) + statistics.cpu_seconds
    row.peak_memory_bytes = max(row.peak_memory_bytes or 0, statistics.peak_memory_bytes)


def _is_new_input(reported: datetime, known: datetime | None) -> bool:
    """Hosts work the moment out anew for each report, so the same input comes back a little earlier or later."""
    return known is None or reported - known > SAME_INPUT


def _is_settled(item: ObservedSession, row: Session | None) -> bool:
    """True when nothing has to be said about what the host reports: it is ordered already, or over there too."""
    if item.state is ObservedState.ENDED:
        return True
    return row is not None and row.generation == item.generation
