"""Brings a database to the newest revision, and says how far it is.

The whole upgrade is one transaction that holds a lock, so that replicas which migrate at once do it once, and a failure
leaves what was there.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

_FOLDER = Path(__file__).parent
_ADVISORY_LOCK = 0x706C6179  # "play"

Result = TypeVar("Result")


@dataclass(frozen=True)
class Revisions:
    """Where a database is, and where this program wants it."""

    current: str | None
    head: str
    is_current: bool
    """Also true of a database that a newer program has taken further, whatever this one can still do with it."""


async def migrate(url: str) -> Revisions:
    """Upgrade the database at `url` to the newest revision; what it was before. Does nothing to one that is there."""

    def upgrade(connection: Connection) -> Revisions:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        before = revisions_of(connection)
        if not before.is_current:
            command.upgrade(config(connection), "head")
        return before

    _keep_private(url)
    async with _engine(url) as engine:
        return await _in_transaction(engine, upgrade)


async def revisions(engine: AsyncEngine) -> Revisions:
    """How far the database of `engine` is."""
    async with engine.connect() as connection:
        return await connection.run_sync(revisions_of)


def _keep_private(url: str) -> None:
    """SQLite keeps signing keys and password hashes in a file: nobody else may read it, nor its -wal."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite" and address.database:
        path = Path(address.database)
        path.touch(mode=0o600)
        path.chmod(0o600)


def revisions_of(connection: Connection) -> Revisions:
    head, known = _written()
    current = MigrationContext.configure(connection).get_current_revision()
    return Revisions(current, head, is_current=current is not None and (current == head or current not in known))


@cache
def _written() -> tuple[str, frozenset[str]]:
    """The newest revision of this program, and all of them: reading them runs every file of them."""
    scripts = ScriptDirectory(str(_FOLDER))
    return scripts.get_current_head() or "", frozenset(script.revision for script in scripts.walk_revisions())


def config(connection: Connection) -> Config:
    """Alembic's configuration: this folder, that connection."""
    configuration = Config()
    configuration.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    return configuration


@asynccontextmanager
async def _engine(url: str) -> AsyncGenerator[AsyncEngine, None]:
    engine = create_async_engine(url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _configure_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    try:
        yield engine
    finally:
        await engine.dispose()


async def _in_transaction(engine: AsyncEngine, do: Callable[[Connection], Result]) -> Result:
    async with engine.begin() as connection:
        return await connection.run_sync(do)


def _configure_sqlite(connection: DBAPIConnection, _record: object) -> None:
    # Foreign keys stay off (SQLite's default): with them, making a table anew would empty those that point to it.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
