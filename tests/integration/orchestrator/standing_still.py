"""Waiting until a transaction waits for another one, on PostgreSQL."""

import asyncio

from sqlalchemy import TextClause, text

from orchestrator.database import Database

_WAITERS = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
_OTHERS = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


async def stands_still(database: Database) -> None:
    await _until(database, _WAITERS, 1)


async def has_let_go(database: Database) -> None:
    await _until(database, _OTHERS, 0)


async def _until(database: Database, query: TextClause, wanted: int) -> None:
    async with asyncio.timeout(60):
        while True:
            async with database.read() as session:
                if await session.scalar(query) == wanted:
                    return
            await asyncio.sleep(0.02)
