"""Which replicas of the arena are there, and when none was. A replica that died takes its players' sockets along: it is
known by its silence, and how long it was silent counts against nobody. So nothing may happen to a match before it is
known when nobody was there: after a start, and after a time in which this replica could not work itself.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, ScalarSelect, case, delete, exists, func, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.arena.losses import Connected
from orchestrator.arena.models import ArenaConnection, ArenaMatch, ArenaOutage, ArenaReplica, ArenaWaiting
from orchestrator.database import Database, insert_unless_there
from orchestrator.errors import DatabaseUnavailable
from orchestrator.ids import new_id

SILENT_MS: Final = 6_000
"""A replica that has said nothing for so long is dead: three of its beats were not heard."""

_FORGET_MS: Final = 3_600_000

log = structlog.get_logger()


def milliseconds(moment: datetime) -> int:
    """Since 1970, as matches count."""
    return round(moment.timestamp() * 1000)


class Presence:
    """This replica among the others. `begin` comes before anything else happens here. `clock_s` never runs back."""

    def __init__(self, database: Database, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.id = new_id("rep")
        self._database = database
        self._clock_s = clock_s
        self._began_ms = 0
        self._sure_until_s = 0.0
        self._beaten_s = -float(SILENT_MS)
        self._has_settled = asyncio.Event()
        self._outages: list[tuple[int, int]] = []

    async def begin(self) -> None:
        """On SQLite whoever was here before is dead. On PostgreSQL that is to be seen."""
        async with self._database.read() as session:
            self._began_ms = milliseconds(await self._database.now(session))
        await self.settle()

    @property
    def is_sure(self) -> bool:
        """Whether every outage is known here. `settle` makes it so, `stay_sure` keeps it so."""
        return self._clock_s() < self._sure_until_s

    def doubt(self) -> None:
        """This replica may not have been there just now."""
        self._sure_until_s = 0.0

    def stay_sure(self) -> None:
        """This replica works: no outage for as long as others would not take it for dead either."""
        if self.is_sure:
            self._sure_until_s = self._clock_s() + SILENT_MS / 1000

    async def sure(self, patience_s: float) -> bool:
        """Wait until it is; False when it is not by then."""
        try:
            async with asyncio.timeout(patience_s):
                while not self.is_sure:
                    self._has_settled.clear()
                    await self._has_settled.wait()
        except TimeoutError:
            return False
        return True

    async def settle(self) -> bool:
        """Write down the outage that nobody has written down yet, and learn of all others. False while that cannot be
        told: whoever was here until just now may be alive or dead.
        """
        async with self._database.write() as session:
            await self._database.lock(session, "arena-outages")
            now_ms = milliseconds(await self._database.now(session))
            is_playing = await session.scalar(select(exists().where(ArenaMatch.ended_at.is_(None))))
            if is_playing and not await self._look_back(session, now_ms):
                return False
            outages = select(ArenaOutage.began_ms, ArenaOutage.ended_ms).order_by(ArenaOutage.ended_ms)
            found = [(began_ms, ended_ms) for began_ms, ended_ms in await session.execute(outages)]
        self._outages, self._began_ms = found, 0
        self._sure_until_s = self._clock_s() + SILENT_MS / 1000
        self._has_settled.set()
        return True

    async def _look_back(self, session: AsyncSession, now_ms: int) -> bool:
        """False while those who may be there were last seen before this replica began."""
        mine_ms = await session.scalar(select(ArenaReplica.seen_ms).where(ArenaReplica.id == self.id))
        if mine_ms is not None and now_ms - mine_ms < SILENT_MS:
            return True
        others = select(func.max(ArenaReplica.seen_ms)).where(ArenaReplica.id != self.id)
        seen_ms = await session.scalar(others.where(~self.is_silent(now_ms)))
        if seen_ms is not None:
            return seen_ms > self._began_ms
        last_ms = await session.scalar(select(func.max(ArenaReplica.seen_ms)))
        known_ms = await session.scalar(select(func.max(ArenaOutage.ended_ms)))
        began_ms = max(last_ms or now_ms, known_ms or 0)
        if began_ms < now_ms:
            await insert_unless_there(session, ArenaOutage, began_ms=began_ms, ended_ms=now_ms)
            log.info("arena.outage", seconds=(now_ms - began_ms) / 1000)
        await self.here(session, now_ms)
        return True

    def outages_since(self, excused_ms: int) -> list[tuple[int, int]]:
        """Began and ended, the oldest first: those of which a match that was excused until then does not know."""
        return [(began_ms, ended_ms) for began_ms, ended_ms in self._outages if ended_ms > excused_ms]

    def is_silent(self, now_ms: int) -> ColumnElement[bool]:
        """Of another replica: it is dead. SQLite has but one that lives."""
        is_over = true() if self._database.is_sqlite else ArenaReplica.seen_ms <= now_ms - SILENT_MS
        return (ArenaReplica.id != self.id) & or_(ArenaReplica.is_gone, is_over)

    def quietest(self) -> ScalarSelect[int | None]:
        """Of a match's sockets on other replicas, when the quietest of those was heard last: 0 when it has gone, None
        when there are none. `is_dead` knows what that means.
        """
        seen_ms = case((ArenaReplica.is_gone, 0), else_=ArenaReplica.seen_ms)
        of_others = select(func.min(seen_ms)).join(ArenaConnection, ArenaConnection.replica_id == ArenaReplica.id)
        of_match = of_others.where(ArenaConnection.match_id == ArenaMatch.id, ArenaReplica.id != self.id)
        return of_match.correlate(ArenaMatch).scalar_subquery()

    def is_dead(self, quietest_ms: int | None, now_ms: int) -> bool:
        """The same as `is_silent`, of what `quietest` gave."""
        return quietest_ms is not None and (self._database.is_sqlite or quietest_ms <= now_ms - SILENT_MS)

    def connected(self, row: Any, now_ms: int) -> Connected:
        """A socket's row, with `seen_ms` and `is_gone` of its replica, and whether that is dead."""
        quietest_ms = 0 if row.is_gone else row.seen_ms
        is_dead = row.replica_id != self.id and self.is_dead(quietest_ms, now_ms)
        return Connected(row.socket_id, 1 if row.seat else 0, row.seen_ms, is_dead)

    async def here(self, session: AsyncSession, now_ms: int) -> None:
        """Make sure that this replica is known to be there, before one of its sockets is."""
        if self._clock_s() - self._beaten_s < SILENT_MS / 3000:
            return
        await insert_unless_there(session, ArenaReplica, id=self.id, seen_ms=now_ms, is_gone=False)
        is_old = ArenaReplica.seen_ms < now_ms - SILENT_MS // 3
        await session.execute(update(ArenaReplica).where(ArenaReplica.id == self.id, is_old).values(seen_ms=now_ms))

    async def beat(self) -> None:
        """Say that this replica is there. In doubt it first has to look back."""
        began_s = self._clock_s()
        async with self._database.write() as session:
            await session.scalar(select(ArenaReplica.id).where(ArenaReplica.id == self.id).with_for_update())
            if not self.is_sure:
                return
            now_ms = milliseconds(await self._database.now(session))
            await self.here(session, now_ms)
            await session.execute(update(ArenaReplica).where(ArenaReplica.id == self.id).values(seen_ms=now_ms))
            used = select(ArenaConnection.replica_id).union(select(ArenaWaiting.replica_id))
            long_gone = ArenaReplica.seen_ms < now_ms - _FORGET_MS
            await session.execute(delete(ArenaReplica).where(long_gone, ArenaReplica.id.not_in(used)))
        self._beaten_s = began_s

    async def sockets(self) -> set[str]:
        """Of this replica, those that are taken for connected to a match."""
        query = select(ArenaConnection.socket_id).where(ArenaConnection.replica_id == self.id)
        async with self._database.read() as session:
            return set(await session.scalars(query))

    async def leave(self) -> None:
        """This replica ends, and its sockets with it. Where the database is away, its silence will tell."""
        gone = update(ArenaReplica).where(ArenaReplica.id == self.id).values(is_gone=True)
        try:
            async with self._database.write() as session:
                await session.execute(gone)
        except DatabaseUnavailable:
            log.warning("arena.left_without_a_word", replica=self.id)
