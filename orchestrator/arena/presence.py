"""Which replicas of the arena are there, and when none was. A replica that died takes its players' sockets along: it is
known by its silence, and how long it was silent counts against nobody.
"""

from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import ColumnElement, delete, func, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.arena.models import ArenaConnection, ArenaMatch, ArenaOutage, ArenaReplica, ArenaWaiting
from orchestrator.database import Database, insert_unless_there
from orchestrator.ids import new_id

SILENT_MS: Final = 6_000
"""A replica that has said nothing for so long is dead: three of its beats were not heard."""

_FORGET_MS: Final = 3_600_000

log = structlog.get_logger()


def milliseconds(moment: datetime) -> int:
    """Since 1970, as matches count."""
    return round(moment.timestamp() * 1000)


class Presence:
    """This replica among the others. `begin` comes before anything else happens here."""

    def __init__(self, database: Database) -> None:
        self.id = new_id("rep")
        self._database = database
        self._began_ms = 0
        self._is_settled = False
        self._outages: list[tuple[int, int]] = []

    async def begin(self) -> None:
        """On SQLite whoever was here before is dead. On PostgreSQL that is to be seen."""
        async with self._database.read() as session:
            self._began_ms = milliseconds(await self._database.now(session))
            outages = select(ArenaOutage.began_ms, ArenaOutage.ended_ms).order_by(ArenaOutage.ended_ms)
            self._outages = [(began_ms, ended_ms) for began_ms, ended_ms in await session.execute(outages)]
        await self.settle()

    async def settle(self) -> None:
        """Find out whether anybody was there before this replica began, and write down the outage when nobody was."""
        if self._is_settled:
            return
        async with self._database.write() as session:
            await self._database.lock(session, "arena-outages")
            now_ms = milliseconds(await self._database.now(session))
            others = ArenaReplica.id != self.id
            last_ms = await session.scalar(select(func.max(ArenaReplica.seen_ms)).where(others))
            is_playing = await session.scalar(select(func.count()).where(ArenaMatch.ended_at.is_(None)))
            if last_ms is None or not is_playing:
                self._is_settled = True
                return
            alive = select(func.count()).where(others, ~self.is_silent(now_ms))
            if await session.scalar(alive):
                self._is_settled = last_ms > self._began_ms
                return
            ended_ms = max(self._began_ms, last_ms)
            known = await session.scalar(select(func.max(ArenaOutage.ended_ms)))
            began_ms = max(last_ms, known or 0)
            if began_ms < ended_ms:
                await insert_unless_there(session, ArenaOutage, began_ms=began_ms, ended_ms=ended_ms)
                self._outages.append((began_ms, ended_ms))
                await self.here(session, now_ms)
                log.info("arena.outage", seconds=(ended_ms - began_ms) / 1000)
            self._is_settled = True

    def outages_since(self, excused_ms: int) -> list[tuple[int, int]]:
        """Began and ended, the oldest first: those of which a match that was excused until then does not know."""
        return [(began_ms, ended_ms) for began_ms, ended_ms in self._outages if ended_ms > excused_ms]

    def is_silent(self, now_ms: int) -> ColumnElement[bool]:
        """Of another replica: it is dead. SQLite has but one that lives."""
        is_over = true() if self._database.is_sqlite else ArenaReplica.seen_ms <= now_ms - SILENT_MS
        return (ArenaReplica.id != self.id) & or_(ArenaReplica.is_gone, is_over)

    async def here(self, session: AsyncSession, now_ms: int) -> None:
        """Make sure that this replica is known to be there, before one of its sockets is."""
        await insert_unless_there(session, ArenaReplica, id=self.id, seen_ms=now_ms, is_gone=False)
        is_old = ArenaReplica.seen_ms < now_ms - SILENT_MS // 3
        await session.execute(update(ArenaReplica).where(ArenaReplica.id == self.id, is_old).values(seen_ms=now_ms))

    async def beat(self) -> bool:
        """Say that this replica is there. False when it was silent for so long that others may have parted with its
        players.
        """
        async with self._database.write() as session:
            now_ms = milliseconds(await self._database.now(session))
            seen_ms = await session.scalar(select(ArenaReplica.seen_ms).where(ArenaReplica.id == self.id))
            await self.here(session, now_ms)
            await session.execute(update(ArenaReplica).where(ArenaReplica.id == self.id).values(seen_ms=now_ms))
            used = select(ArenaConnection.replica_id).union(select(ArenaWaiting.replica_id))
            long_gone = ArenaReplica.seen_ms < now_ms - _FORGET_MS
            await session.execute(delete(ArenaReplica).where(long_gone, ArenaReplica.id.not_in(used)))
        return seen_ms is None or now_ms - seen_ms < SILENT_MS

    async def leave(self) -> None:
        """This replica ends, and its sockets with it."""
        async with self._database.write() as session:
            await session.execute(update(ArenaReplica).where(ArenaReplica.id == self.id).values(is_gone=True))
