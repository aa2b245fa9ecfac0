"""Deletes from the store what no version names any more. Every replica runs the loop; rows are taken by lease.

Three ways lead here: the transaction that drops a version writes its keys down, slots that were deleted long enough ago
give theirs, and a sweep finds what was stored but never came into SQL, because a replica died in between. Nothing that
a version names is ever deleted, and nothing of sessions that this database does not know.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.database import Database
from orchestrator.errors import DatabaseUnavailable, StoreUnavailable
from orchestrator.play.models import Session
from orchestrator.saves.keeping import SlotKeeping
from orchestrator.saves.models import SaveVersion, UnwantedArchive
from orchestrator.saves.store import ArchiveStore

INTERVAL_S = 5.0
LONGEST_BACKOFF_S = 300.0
SWEEP_EVERY = timedelta(hours=1)
READERS_GRACE = timedelta(seconds=10)  # whoever looked a key up just before it was dropped may still open it
LEASE = timedelta(seconds=60)
FORGOTTEN_AFTER = timedelta(days=1)
HALF_WRITTEN_AFTER = timedelta(hours=1)
BATCH = 50

_log = structlog.get_logger()


class Disposal:
    def __init__(self, database: Database, store: ArchiveStore, slot_keeping: SlotKeeping) -> None:
        self._database = database
        self._store = store
        self._slot_keeping = slot_keeping

    async def run(self) -> None:
        """Until cancelled. A store or database that is away is said once, and once when it is back."""
        failures = 0
        next_sweep: float = 0.0
        now_s = asyncio.get_running_loop().time
        while True:
            try:
                if now_s() >= next_sweep:
                    await self.sweep()
                    next_sweep = now_s() + SWEEP_EVERY.total_seconds()
                await self.round()
            except (StoreUnavailable, DatabaseUnavailable) as error:
                if failures == 0:
                    _log.warning("saves.disposal_failed", error=str(error))
                failures += 1
            else:
                if failures:
                    _log.info("saves.disposal_recovered")
                failures = 0
            await asyncio.sleep(min(LONGEST_BACKOFF_S, INTERVAL_S * 2 ** min(failures, 10)))

    async def round(self) -> None:
        """Delete what is due. What fails stays, and is taken again when its lease is over: `StoreUnavailable`."""
        failure: StoreUnavailable | None = None
        while keys := await self._take():
            for key in keys:
                try:
                    await self._store.delete(key)
                except StoreUnavailable as error:
                    failure = error
                    continue
                async with self._database.write() as session:
                    await session.execute(delete(UnwantedArchive).where(UnwantedArchive.key == key))
            if failure is not None:
                raise failure

    async def _take(self) -> Sequence[str]:
        """Lease some rows whose time has come. A key that a version names is wanted again, and its row goes."""
        async with self._database.write() as session:
            now = await self._database.now(session)
            due = (
                select(UnwantedArchive)
                .where(
                    UnwantedArchive.since <= now - READERS_GRACE,
                    or_(UnwantedArchive.lease_until.is_(None), UnwantedArchive.lease_until <= now),
                )
                .order_by(UnwantedArchive.since)
                .limit(BATCH)
                .with_for_update(skip_locked=True)
            )
            rows = list(await session.scalars(due))
            named = await _named(session, [row.key for row in rows])
            for row in rows:
                if row.key in named:
                    await session.delete(row)
                else:
                    row.lease_until = now + LEASE
        return [row.key for row in rows if row.key not in named]

    async def sweep(self) -> None:
        """Write down what lay in the store for a day and no row names, and what deleted slots held that nobody can
        bring back any more; clear what a crash left half-written.
        """
        while await self._slot_keeping.bury():
            pass
        async with self._database.read() as session:
            now = await self._database.now(session)
        await self._store.clear_abandoned((now - HALF_WRITTEN_AFTER).timestamp())
        batch: list[str] = []
        async for key in self._store.stored_before((now - FORGOTTEN_AFTER).timestamp()):
            batch.append(key)
            if len(batch) == BATCH:
                await self._write_down(batch, now)
                batch = []
        await self._write_down(batch, now)

    async def _write_down(self, keys: Sequence[str], now: datetime) -> None:
        if not keys:
            return
        async with self._database.write() as session:
            await self._database.lock(session, "saves:sweep")
            ours = await _of_known_sessions(session, keys)
            named = await _named(session, ours)
            known = set(await session.scalars(select(UnwantedArchive.key).where(UnwantedArchive.key.in_(ours))))
            forgotten = [key for key in ours if key not in named and key not in known]
            session.add_all(UnwantedArchive(key=key, since=now) for key in forgotten)
        if forgotten:
            _log.info("saves.forgotten", archives=len(forgotten))


async def _named(session: AsyncSession, keys: Sequence[str]) -> set[str]:
    """Those of the keys that a version names, as its archive or as its picture."""
    of_sessions = SaveVersion.session_id.in_({_session_of(key) for key in keys})
    query = select(SaveVersion.key, SaveVersion.picture_key).where(of_sessions)
    return {key for row in await session.execute(query) for key in row if key in keys}


async def _of_known_sessions(session: AsyncSession, keys: Sequence[str]) -> list[str]:
    """A store beside the wrong database is left alone: what sessions made that are not there stays."""
    sessions = await session.scalars(select(Session.id).where(Session.id.in_({_session_of(key) for key in keys})))
    known = set(sessions)
    return [key for key in keys if _session_of(key) in known]


def _session_of(key: str) -> str:
    """Keys are `slot/session-…`."""
    return key.partition("/")[2].replace("/", "-").partition("-")[0]
