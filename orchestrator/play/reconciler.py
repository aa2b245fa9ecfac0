"""The loop that holds deadlines, notices lost hosts and places what waits. Every replica runs it.

It decides nothing: it finds the rows whose time has come and tells the lifecycle. Each row is a transaction of its own,
and one that another replica holds is left to it.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import ColumnElement, delete, exists, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.catalog.models import Build
from orchestrator.database import Database
from orchestrator.errors import DatabaseUnavailable
from orchestrator.fleet.host_life import LOST_AFTER_LEASE
from orchestrator.fleet.models import Host
from orchestrator.fleet.operations import FleetOperations
from orchestrator.fleet.placement import Placement
from orchestrator.notices import PLACER, Notices
from orchestrator.observing import spans
from orchestrator.play.clock import ClockWatch
from orchestrator.play.launching import ATTEMPTS_COUNT_FOR, place
from orchestrator.play.lifecycle import (
    ON_HOST,
    PREPARING,
    STARTING,
    DeadlinePassed,
    GivenAway,
    HostLost,
    NowhereElse,
    Position,
)
from orchestrator.play.models import LaunchAttempt, Session
from orchestrator.play.moves import Moves

INTERVAL_S = 1.0
BATCH = 50
BLIND_AFTER_FRAME = timedelta(seconds=10)
ABSENCE_S = 10.0
RETURN_GRACE_S = 45.0
SWEEP_INTERVAL_S = 60.0
WATCHED_BEFORE_FORGETTING_S = 3600.0

_log = structlog.get_logger()
_ON_HOST = [position.value for position in ON_HOST]


def is_lost(position: Position, lease_until: datetime, last_frame_at: datetime | None, now: datetime) -> bool:
    """True when a session gives its silent host up: the lease is well over, and nobody sees the running game."""
    if now < lease_until + LOST_AFTER_LEASE:
        return False
    return position is not Position.RUNNING or last_frame_at is None or now >= last_frame_at + BLIND_AFTER_FRAME


class RunWatch(Protocol):
    """Whoever ordered runs, and ends what nobody plays."""

    def is_news(self, now: datetime) -> ColumnElement[bool]:
        """Whether `look` has something to do to a session."""
        ...

    async def look(self, session: AsyncSession, row: Session, now: datetime) -> None:
        """What became of it. The caller holds the row."""
        ...


class Reconciler:
    def __init__(
        self,
        database: Database,
        notices: Notices,
        placement: Placement,
        moves: Moves,
        clock: ClockWatch,
        fleet: FleetOperations,
        runs: RunWatch,
    ) -> None:
        self._database = database
        self._notices = notices
        self._placement = placement
        self._moves = moves
        self._clock = clock
        self._fleet = fleet
        self._runs = runs
        self._round = asyncio.Lock()
        self._answered_s: float | None = None
        self._watching_since_s = 0.0
        self._swept_s: float | None = None

    async def run(self) -> None:
        """Until cancelled. A database that is away is said once, and once when it is back."""
        is_down = False
        with self._notices.subscribe(PLACER) as news:
            while True:
                try:
                    await self.round()
                    if is_down:
                        _log.info("reconciler.recovered")
                    is_down = False
                except DatabaseUnavailable:
                    if not is_down:
                        _log.exception("reconciler.failed")
                    is_down = True
                await news.wait(INTERVAL_S)

    async def round(self) -> None:
        """One look: deadlines, lost hosts, then waiting sessions in the order they came.

        Rounds of one replica take turns: whatever one of them holds and the next one would pass over is let go.
        """
        async with self._round:
            now = await self._clock.look()
            if self._watched_s() >= RETURN_GRACE_S:
                await self._pass_deadlines(now)
                await self._lose_hosts(now)
            await self._fleet.note_changes(now)
            await self._note_silence(now)
            if self._watched_s() >= RETURN_GRACE_S:
                await self._watch_runs(now)
            await self._give_away(now)
            await self._place_waiting(now)
            await self._sweep(now)

    def _watched_s(self) -> float:
        """The database has answered: for how long it does so without a break.

        While it did not, or nobody looked, nobody could report or keep a session alive either: what ran out meanwhile
        gets a chance to be heard before it is acted upon, so that a restart of ours ends no game.
        """
        moment_s = self._clock.monotonic_s()
        if self._answered_s is None or moment_s - self._answered_s > ABSENCE_S:
            self._watching_since_s = moment_s
        self._answered_s = moment_s
        return moment_s - self._watching_since_s

    async def _pass_deadlines(self, now: datetime) -> None:
        can_expire = Session.position.in_([position.value for position in (*STARTING, Position.RUNNING)])
        is_over = or_(
            Session.deadline <= now, can_expire & (Session.expires_at <= now), can_expire & (Session.ends_at <= now)
        )

        async def pass_deadline(session: AsyncSession, row: Session) -> None:
            await self._moves.apply(session, row, DeadlinePassed(), now)

        await self._each(is_over, pass_deadline)

    async def _lose_hosts(self, now: datetime) -> None:
        is_silent = Host.lease_until <= now - LOST_AFTER_LEASE
        is_seen = (Session.position == Position.RUNNING.value) & (Session.last_frame_at > now - BLIND_AFTER_FRAME)
        can_move = Session.position.in_([position.value for position in (*PREPARING, Position.RUNNING)])
        is_on_silent_host = (
            can_move
            & Session.host_id.in_(select(Host.id).where(is_silent))
            & (Session.last_frame_at.is_(None) | ~is_seen)
        )

        async def lose_host(session: AsyncSession, row: Session) -> None:
            lease_until = await session.scalar(select(Host.lease_until).where(Host.id == row.host_id))
            if lease_until is not None and is_lost(Position(row.position), lease_until, row.last_frame_at, now):
                await self._moves.apply(session, row, HostLost(), now)

        await self._each(is_on_silent_host, lose_host)

    async def _watch_runs(self, now: datetime) -> None:
        async def look(session: AsyncSession, row: Session) -> None:
            await self._runs.look(session, row, now)

        await self._each(self._runs.is_news(now), look)

    async def _note_silence(self, now: datetime) -> None:
        """The host's next sync takes it back, and leaves the silence out of an absence (`ledger`). When it was we who
        were away, an absence begins anew: nobody knows who was connected meanwhile, and pages come back after us.
        """
        were_we_away = self._watched_s() < RETURN_GRACE_S
        silent_hosts = select(Host.id).where(Host.lease_until <= now)
        is_news = Session.position.in_(_ON_HOST) & Session.is_host_silent.is_(False) & Session.host_id.in_(silent_hosts)

        async def note(session: AsyncSession, row: Session) -> None:
            row.is_host_silent, row.unseen_since = True, None if were_we_away else row.unseen_since
            self._notices.publish_after_commit(session, f"session:{row.id}")

        await self._each(is_news, note)

    async def _give_away(self, now: datetime) -> None:
        """What nobody is connected to leaves a host that is to be emptied, as soon as another has room. One at a time,
        of all replicas: a place elsewhere is taken only once its session is there, and is good for one.
        """
        emptied = select(Host.id).where(Host.is_draining, Host.moves_idle, Host.lease_until > now)
        is_idle = (Session.position == Position.RUNNING.value) & Session.is_paused & (Session.peers == 0)

        async def give_away(session: AsyncSession, row: Session) -> None:
            on_their_way = Session.former_host_id.in_(emptied) & (Session.position == Position.PLACING.value)
            if await session.scalar(select(exists().where(on_their_way))):
                return
            has_room = await self._has_room(session, row.build_id, now, [str(row.host_id)])
            if has_room and not await self._waits_for_a_free_place(session, now):
                await self._moves.apply(session, row, GivenAway(), now)

        await self._each(is_idle & Session.host_id.in_(emptied), give_away, lock="give-away")

    async def _waits_for_a_free_place(self, session: AsyncSession, now: datetime) -> bool:
        """Whether somebody waits who would fit somewhere now, and goes first. Who fits nowhere keeps nobody back."""
        waiting = select(Session.build_id, Session.failed_hosts).where(Session.position == Position.PLACING.value)
        wishes = {(build_id, *failed_hosts) for build_id, failed_hosts in await session.execute(waiting)}
        for build_id, *failed_hosts in wishes:
            if await self._has_room(session, build_id, now, failed_hosts):
                return True
        return False

    async def _has_room(self, session: AsyncSession, build_id: str, now: datetime, without: Sequence[str]) -> bool:
        build = await session.get_one(Build, build_id)
        return await self._placement.has_room(session, build.build_spec, now, without)

    async def _place_waiting(self, now: datetime) -> None:
        back = select(Host.id).where(Host.lease_until > now)
        # A former host that is back says first what became of the session there: its save may be newer than ours.
        is_former_host_back = Session.former_host_id.is_not(None) & Session.former_host_id.in_(back)
        is_waiting = (Session.position == Position.PLACING.value) & ~is_former_host_back

        full: set[str] = set()

        async def find_place(session: AsyncSession, row: Session) -> None:
            span = self._moves.tracer.begin(spans.PLACE, row.traceparent)
            # a look in vain, once a second, is not told
            if await place(session, row, now, self._placement, self._moves, span, tells_vain=False):
                span.end()
                return
            if not row.failed_hosts:
                full.add(row.build_id)  # where an earlier one of the same game found no place, no later one does
                return
            build = (await session.get_one(Build, row.build_id)).build_spec
            if await self._placement.why_nowhere(session, build, now, row.failed_hosts) is not None:
                await self._moves.apply(session, row, NowhereElse(), now)

        await self._each(is_waiting, find_place, in_vain=lambda build_id, failed: not failed and build_id in full)

    async def _sweep(self, now: datetime) -> None:
        moment_s = self._clock.monotonic_s()
        if self._swept_s is not None and moment_s - self._swept_s < SWEEP_INTERVAL_S:
            return
        async with self._database.write() as session:
            await session.execute(delete(LaunchAttempt).where(LaunchAttempt.at <= now - ATTEMPTS_COUNT_FOR))
        if self._watched_s() >= WATCHED_BEFORE_FORGETTING_S:  # whoever was off as long as we were may still come
            await self._fleet.forget(now)
        self._swept_s = moment_s

    async def _each(
        self,
        condition: ColumnElement[bool],
        act: Callable[[AsyncSession, Session], Awaitable[None]],
        in_vain: Callable[[str, Sequence[str]], bool] = lambda _build_id, _failed_hosts: False,
        lock: str | None = None,
    ) -> None:
        """`act` on each row for which `condition` still holds once it is ours, the oldest first. A mistake in one stops
        no other. Rows whose build and failed hosts say that it is `in_vain` are left out. With `lock`, no two acts of
        any replicas overlap.
        """
        async for session_id, build_id, failed_hosts in self._ids(condition):
            if in_vain(build_id, failed_hosts):
                continue
            try:
                async with self._database.write() as session:
                    if lock is not None:
                        await self._database.lock(session, lock)
                    mine = select(Session).where(Session.id == session_id, condition)
                    row = await session.scalar(mine.with_for_update(skip_locked=True))
                    if row is not None:
                        await act(session, row)
                self._watched_s()
            except DatabaseUnavailable:
                raise
            except Exception:
                _log.exception("session.mistake", session=session_id)

    async def _ids(self, condition: ColumnElement[bool]) -> AsyncGenerator[tuple[str, str, list[str]]]:
        """The sessions that fulfil it, page by page: those that stay what they are hide none behind them."""
        is_next = true()
        while True:
            columns = Session.id, Session.created_at, Session.build_id, Session.failed_hosts
            query = select(*columns).where(condition, is_next)
            async with self._database.read() as session:
                page = (await session.execute(query.order_by(Session.created_at, Session.id).limit(BATCH))).all()
            for session_id, _, build_id, failed_hosts in page:
                yield session_id, build_id, failed_hosts
            if len(page) < BATCH:
                return
            last_id, last_at, *_ = page[-1]
            is_next = (Session.created_at > last_at) | ((Session.created_at == last_at) & (Session.id > last_id))
