"""Brings a database to the newest revision, and says how far it is.

An upgrade holds a lock, so that replicas which migrate at once do it once. A failure leaves whole revisions: on SQLite,
and of a database without a table, all or none.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

_FOLDER = Path(__file__).parent
_ADVISORY_LOCK = 0x706C6179  # "play"
_LET_GO = frozenset({"55P03", "40P01"})  # a lock was not to be had in time; a deadlock
_SHOWN_CHARACTERS = 100
LOCK_WAIT_S = 5.0
PAUSE_S = 5.0
TRIES = 24

Result = TypeVar("Result")
_log = structlog.get_logger()


class MigrationBlocked(Exception):
    """A lock was not to be had for minutes. What was done until then is whole revisions."""


@dataclass(frozen=True)
class Revisions:
    """Where a database is, and where this program wants it."""

    current: str | None
    head: str
    is_current: bool
    """Also true of a database that a newer program has taken further, whatever this one can still do with it."""


async def migrate(url: str, revision: str = "head") -> Revisions:
    """Upgrade the database at `url` to this revision, which it has not passed, or to the newest; what it was before.
    Does nothing to one that is there, or that a newer program has taken further.

    On PostgreSQL each revision is a transaction of its own, and none waits longer than `LOCK_WAIT_S` for a lock, for
    whoever wants the same table waits behind it. It lets go and tries again. Raises `MigrationBlocked`.
    """
    first: Revisions | None = None
    while True:
        before = await _patiently(url, revision)
        first = first or before
        if _is_there(before, revision):
            return first


async def _patiently(url: str, revision: str) -> Revisions:
    tries = 0
    while True:
        tries += 1
        try:
            return await alone(url, lambda connection: upgrade(connection, revision, by_steps=True))
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _LET_GO:
                raise
            statement = " ".join((error.statement or "").split())[:_SHOWN_CHARACTERS]
            if tries >= TRIES:
                raise MigrationBlocked(
                    f"Somebody holds a lock that the migration needs, and did not let go: {statement}. What was not "
                    "done yet was not begun; see pg_stat_activity, and migrate again."
                ) from error
            _log.warning("migrations.wait_for_lock", statement=statement, tries=tries)
            await asyncio.sleep(PAUSE_S)


def upgrade(connection: Connection, revision: str = "head", *, by_steps: bool = False) -> Revisions:
    """`migrate` within a transaction of the caller's: whole, or `by_steps` no more than the next revision of a database
    that has one.
    """
    is_postgresql = connection.dialect.name == "postgresql"
    if is_postgresql:
        _take_turn(connection)
    before = revisions_of(connection)
    if not _is_there(before, revision):
        is_step = by_steps and is_postgresql and before.current is not None
        command.upgrade(config(connection), "+1" if is_step else revision)
    return before


def _is_there(found: Revisions, revision: str) -> bool:
    return found.is_current or found.current == revision


def _take_turn(connection: Connection) -> None:
    """Wait for whoever migrates at the same time, which holds up nobody else; and from then on for nobody for long."""
    if not connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK}):
        _log.warning("migrations.wait_for_another")
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    connection.execute(text("SELECT set_config('lock_timeout', :wait, true)"), {"wait": f"{int(LOCK_WAIT_S * 1000)}ms"})


async def alone(url: str, do: Callable[[Connection], Result]) -> Result:
    """What `do` answers, in one transaction on the database at `url`, of which nothing stays when it fails."""
    _keep_private(url)
    async with _engine(url) as engine:
        return await _in_transaction(engine, do)


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


def is_known(revision: str) -> bool:
    """Whether this program has it."""
    return revision in _written()[1]


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
