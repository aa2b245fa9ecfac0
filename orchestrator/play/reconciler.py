"""The loop that holds deadlines and places what waits. Every replica runs it; rows are taken one transaction at a time.

It decides nothing: it finds the rows whose time has come and tells the lifecycle.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from agent_protocol import BuildSpec
from orchestrator.catalog.models import Build
from orchestrator.database import Database
from orchestrator.fleet.models import Host
from orchestrator.fleet.placement import Placement
from orchestrator.notices import PLACER, Notices
from orchestrator.play.lifecycle import ON_HOST, DeadlinePassed, HostLost, NowhereElse, Position, is_due
from orchestrator.play.models import Session, life_of
from orchestrator.play.moves import Moves
from orchestrator.play.service import Play

INTERVAL_S = 1.0
BATCH = 50
LOST_AFTER_LEASE = timedelta(seconds=60)
ABSENCE = timedelta(seconds=10)
RETURN_GRACE = timedelta(seconds=45)

_log = structlog.get_logger()


class Reconciler:
    def __init__(self, database: Database, notices: Notices, play: Play, placement: Placement, moves: Moves) -> None:
        self._database = database
        self._notices = notices
        self._play = play
        self._placement = placement
        self._moves = moves
        self._last_round: datetime | None = None
        self._watching_since: datetime | None = None

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
                except SQLAlchemyError:
                    if not is_down:
                        _log.exception("reconciler.failed")
                    is_down = True
                await news.wait(INTERVAL_S)

    async def round(self) -> None:
        """One look: deadlines, lost hosts, then waiting sessions in the order they came."""
        async with self._database.write() as session:
            now = await self._database.now(session)
            watching_since = self._watch(now)
            if now - watching_since >= RETURN_GRACE:
                await self._pass_deadlines(session, now)
            await self._lose_hosts(session, now, watching_since)
            await self._place_waiting(session, now)

    def _watch(self, now: datetime) -> datetime:
        """Since when this loop has looked without a break.

        While nobody looked, nobody could report or keep a session alive either: what ran out meanwhile gets a chance
        to be heard before it is acted upon, so that a restart of ours ends no game.
        """
        if self._watching_since is None or self._last_round is None or now - self._last_round > ABSENCE:
            self._watching_since = now
        self._last_round = now
        return self._watching_since

    async def _pass_deadlines(self, session: AsyncSession, now: datetime) -> None:
        is_running = Session.position == Position.RUNNING.value
        over = or_(
            Session.deadline <= now,
            is_running & (Session.expires_at <= now),
            is_running & (Session.ends_at <= now),
        )
        for row in await _claim(session, over):
            if is_due(life_of(row), now):
                await self._moves.apply(session, row, DeadlinePassed(), now)

    async def _lose_hosts(self, session: AsyncSession, now: datetime, watching_since: datetime) -> None:
        hosts = await session.scalars(select(Host).where(Host.lease_until <= now))
        lost = [
            host.id
            for host in hosts
            if host.lease_until and now - max(host.lease_until, watching_since) >= LOST_AFTER_LEASE
        ]
        if not lost:
            return
        on_lost = Session.host_id.in_(lost) & Session.position.in_([position.value for position in ON_HOST])
        for row in await _claim(session, on_lost):
            await self._moves.apply(session, row, HostLost(), now)

    async def _place_waiting(self, session: AsyncSession, now: datetime) -> None:
        for row in await _claim(session, Session.position == Position.PLACING.value):
            if await self._play.place(session, row, now):
                continue
            build = BuildSpec.model_validate((await session.get_one(Build, row.build_id)).spec)
            if row.failed_hosts and not await self._placement.could_ever_fit(session, build, now, row.failed_hosts):
                await self._moves.apply(session, row, NowhereElse(), now)


async def _claim(session: AsyncSession, condition: ColumnElement[bool]) -> list[Session]:
    query = select(Session).where(condition).order_by(Session.created_at).limit(BATCH)
    return list(await session.scalars(query.with_for_update(skip_locked=True)))
