"""One engine, two ways in: `read` and `write`; and `rows` for a single query of a hot path.

Every change happens inside `async with database.write() as session`: it commits at the end or rolls back whole. No
other I/O belongs inside (CONTRIBUTING.md, invariant 4). On SQLite a write takes the one write lock at its start
(`BEGIN IMMEDIATE`), so what it read is still true when it commits. On PostgreSQL (READ COMMITTED) only what it locked
is: names (`lock`), then rows, in the one order of docs/decisions/0009.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from sqlalchemy import URL, Connection, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection

from metering import UNMETERED, Meter
from orchestrator.database.failures import named
from orchestrator.database.prepared import Prepared, Values
from orchestrator.database.sqlite import DRIVER
from orchestrator.errors import DatabaseUnavailable
from orchestrator.observing.table import (
    DATABASE_FAILURES,
    DATABASE_LOCK_SECONDS,
    DATABASE_SECONDS,
    DATABASE_WAIT,
)

POOL_SIZE = 10
POOL_OVERFLOW = 5
POOL_WAIT_S = 5.0

_SQLITE_NOW = text("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')")
_POSTGRESQL_NOW = text("SELECT clock_timestamp()")
_POSTGRESQL_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_SQLITE_OPTIONS: dict[str, Any] = {"module": DRIVER}
_POSTGRESQL_OPTIONS: dict[str, Any] = {
    "pool_size": POOL_SIZE,
    "max_overflow": POOL_OVERFLOW,
    "pool_timeout": POOL_WAIT_S,
    "connect_args": {
        "timeout": 5.0,
        "command_timeout": 30.0,
        "server_settings": {
            "application_name": "playhouse",
            "jit": "off",  # our statements are small: compiling them takes longer than running them
            "lock_timeout": "10s",
            # The locks of a replica that died, or whose machine vanished, are let go.
            "client_connection_check_interval": "1s",
            "idle_in_transaction_session_timeout": "15s",
        },
    },
}


def shown_url(url: URL) -> str:
    """Fit for people's eyes: without the password, and without the query, where drivers take one as well."""
    return url.set(query={}).render_as_string(hide_password=True)


class Database:
    """The engine and its unit of work. `url` names the driver: `sqlite+aiosqlite:///…` or `postgresql+asyncpg://…`.

    All ways in raise `DatabaseUnavailable` when the database is away or too busy; what is asked after it came back
    succeeds again.
    """

    def __init__(self, url: str, meter: Meter = UNMETERED) -> None:
        self.url = url
        self._meter = meter
        self.is_sqlite = url.startswith("sqlite")
        self.engine = create_async_engine(url, **(_SQLITE_OPTIONS if self.is_sqlite else _POSTGRESQL_OPTIONS))
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        autocommit = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._single = async_sessionmaker(autocommit, expire_on_commit=False)
        # SQLite has one writer. Waiting here is fair and immediate; its own busy handler polls.
        self._writer = asyncio.Lock() if self.is_sqlite else None
        # READ COMMITTED looks anew with each statement; a report of several must be of one moment.
        self._look = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        if self.is_sqlite:
            event.listen(self.engine.sync_engine, "connect", _configure_sqlite)
            event.listen(self.engine.sync_engine, "begin", _begin_sqlite)
        else:
            event.listen(self.engine.sync_engine, "checkout", _refuse_ended)

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncSession]:
        """One transaction that commits when the block ends, or rolls back with its error."""
        with _Measured(self._meter, "write") as measured, named():
            async with self._writer or nullcontext(), self._sessions() as session:
                await session.connection(execution_options={"is_write": True})
                measured.begins()
                yield session
                await session.commit()

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncSession]:
        """One consistent look; nothing that is changed here is kept."""
        with _Measured(self._meter, "read") as measured, named():
            async with self._sessions() as session:
                await session.connection(execution_options=self._look)
                measured.begins()
                yield session

    @asynccontextmanager
    async def statements(self, *, is_write: bool) -> AsyncGenerator[AsyncSession]:
        """On PostgreSQL each statement is a transaction of its own, which spares two round trips: for whoever needs no
        more than one to be whole. On SQLite they are one `write` or `read`.
        """
        if self.is_sqlite:
            async with self.write() if is_write else self.read() as session:
                yield session
            return
        with _Measured(self._meter, "statements") as measured, named():
            async with self._single() as session:
                await session.connection()
                measured.begins()
                yield session

    async def first(self, query: Prepared, values: Values) -> Any:
        """The first row of `rows`, None when there is none."""
        return next(iter(await self.rows(query, values)), None)

    async def rows(self, query: Prepared, values: Values) -> Sequence[Any]:
        """The rows of one query. They are of one moment by themselves, so nothing is begun and nothing rolled back: one
        round trip, one turn of SQLite's thread.
        """
        with _Measured(self._meter, "statements") as measured, named():
            async with self.engine.connect() as connection:
                measured.begins()
                return await query.alone(connection, values)

    async def now(self, session: AsyncSession) -> datetime:
        """The database's clock in UTC, which decides every lease and deadline."""
        if self.is_sqlite:
            value: Any = (await session.execute(_SQLITE_NOW)).scalar_one()
            return datetime.fromisoformat(value)
        return self.told((await session.execute(_POSTGRESQL_NOW)).scalar_one())

    def told(self, moment: datetime) -> datetime:
        """What `DatabaseNow` gave within a larger statement, as `now` would say it."""
        return moment.astimezone(UTC)

    async def lock(self, session: AsyncSession, name: str) -> None:
        """Until this transaction ends, no other one of any replica holds the lock `name`. SQLite's one writer has it
        anyway.
        """
        if not self.is_sqlite:
            began_s = time.perf_counter()
            await session.execute(_POSTGRESQL_LOCK, {"name": name})
            self._meter.observe(DATABASE_LOCK_SECONDS, time.perf_counter() - began_s)

    async def close(self) -> None:
        await self.engine.dispose()


class _Measured:
    """How long one transaction waited to begin, and how long it was."""

    def __init__(self, meter: Meter, kind: str) -> None:
        self._meter, self._kind = meter, kind

    def __enter__(self) -> Self:
        self._asked_s = self._began_s = time.perf_counter()
        return self

    def begins(self) -> None:
        self._began_s = time.perf_counter()
        self._meter.observe(DATABASE_WAIT, self._began_s - self._asked_s, kind=self._kind)

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._meter.observe(DATABASE_SECONDS, time.perf_counter() - self._began_s, kind=self._kind)
        if isinstance(error, DatabaseUnavailable):
            self._meter.count(DATABASE_FAILURES)


def _configure_sqlite(connection: DBAPIConnection, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _refuse_ended(_connection: DBAPIConnection, _record: object, proxy: PoolProxiedConnection) -> None:
    """What a restart of the database left in the pool is replaced. The driver knows that its connection has ended: to
    ask the server each time would cost three round trips.
    """
    driver: Any = proxy.driver_connection
    if driver.is_closed():
        raise DisconnectionError


def _begin_sqlite(connection: Connection) -> None:
    is_write = connection.get_execution_options().get("is_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")
