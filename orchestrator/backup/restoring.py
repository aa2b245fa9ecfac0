"""Makes an installation of a backup, where there is none, or in place of the one that is there.

Everything is unpacked, verified and tried in a folder of its own first. Then archives go into the store, where nothing
is ever overwritten, and at the very end the database is there at once: a file gets its name, or a transaction commits.
"""

import asyncio
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sqlalchemy import Connection, MetaData, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from migrations.run import alone
from orchestrator.backup import aftermath, building
from orchestrator.backup import store as archives
from orchestrator.backup.errors import BackupRefused
from orchestrator.backup.manifest import FILES, Manifest
from orchestrator.backup.reading import Unpacked, unpack
from orchestrator.backup.store import Found
from orchestrator.backup.tables import look
from orchestrator.backup.workplace import UNFINISHED, workplace
from orchestrator.replica import sole_replica
from orchestrator.saves.opening import open_store
from orchestrator.services import open_services
from orchestrator.settings import Settings

STAGED = ".restore-"

_MAY_BE_THERE = frozenset({"replica.lock", "lost+found"})
_REPLICAS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'playhouse'"
    " AND pid <> pg_backend_pid()"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`ended` sessions had been active. `replaced` is where the database lies that was here before, if it is a file."""

    manifest: Manifest
    ended: int
    stored: int
    found: Found
    replaced: Path | None = None


def restore(settings: Settings, pieces: Iterable[bytes], *, may_replace: bool) -> Outcome:
    """Make the installation of `settings` that of this backup. Raises `BackupRefused`, `ReplicaAlreadyRunning`, and
    what disk, store and database raise; the database is then as it was.
    """
    if not may_replace:
        _require_empty(settings)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with sole_replica(settings), workplace(settings.data, STAGED) as folder:
        _ask_target(settings, may_replace=may_replace)
        unpacked = unpack(pieces, folder)
        staged = folder / "orchestrator.sqlite3"
        building.build(unpacked, staged)
        unfinished = settings.data / UNFINISHED
        unfinished.touch()
        ended, stored, found = asyncio.run(_settle(settings, folder, staged, unpacked))
        building.settle(staged)
        replaced = _put_in_place(settings, staged, may_replace=may_replace)
        for name in unpacked.manifest.members:
            if name.startswith(FILES):
                unpacked.file(name).replace(settings.data / name.removeprefix(FILES))
        unfinished.unlink()
    return Outcome(unpacked.manifest, ended, stored, found, replaced)


async def _settle(settings: Settings, folder: Path, staged: Path, unpacked: Unpacked) -> tuple[int, int, Found]:
    """See to what follows from going back, in the staged database, and to the store."""
    apart = {"data": folder / "apart", "database_url": building.url_of(staged), "store_url": ""}
    async with open_services(settings.model_copy(update=apart)) as services, open_store(settings) as store:
        ended = await aftermath.settle(services, unpacked.manifest.made_at)
        stored = await archives.put_all(unpacked, store)
        return ended, stored, await archives.compare(services.database, store)


def _require_empty(settings: Settings) -> None:
    here = {path.name for path in settings.data.iterdir()} if settings.data.exists() else set[str]()
    database = _sqlite_file(settings)
    has_database = database is not None and database.exists()
    if UNFINISHED in here and not has_database:
        return
    left = sorted(name for name in here - _MAY_BE_THERE if not name.startswith(STAGED))
    if left or has_database:
        what = ", ".join(left[:5]) or str(database)
        raise BackupRefused(
            f"{settings.data.absolute()} is not empty ({what}). Say with ORCHESTRATOR_DATA which folder is, or with "
            "--replace that its database gives way to the backup's."
        )


def _ask_target(settings: Settings, *, may_replace: bool) -> None:
    """Of PostgreSQL; a file was looked at, and its replica's lock is held."""
    if _sqlite_file(settings) is not None:
        return

    asyncio.run(alone(settings.database_url, lambda connection: _there(connection, may_replace=may_replace)))


def _there(connection: Connection, *, may_replace: bool) -> MetaData:
    """The tables that may give way."""
    if connection.scalar(_REPLICAS):
        raise BackupRefused("A replica, or a command, works on this database. Stop all replicas first.")
    tables = look(connection)
    if tables.tables and not may_replace:
        raise BackupRefused("The database is not empty. Say with --replace that all of it gives way to the backup.")
    return tables


def _put_in_place(settings: Settings, staged: Path, *, may_replace: bool) -> Path | None:
    file = _sqlite_file(settings)
    if file is not None:
        return _put_file(staged, file.absolute())

    def fill(connection: Connection) -> None:
        _there(connection, may_replace=may_replace).drop_all(connection)  # a replica may have started meanwhile
        building.copy(staged, connection)

    asyncio.run(alone(settings.database_url, fill))
    return None


def _put_file(staged: Path, file: Path) -> Path | None:
    """At once. What had the name before stays beside it, with what SQLite has written beside that. Whoever is stopped
    in between leaves the one or the other, whole unless somebody had the old database open, so that it is not settled.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.restored")
    shutil.move(staged, partial)
    _on_disk(partial)
    aside = next(name for number in count(1) if not (name := file.with_name(f"{file.name}.replaced-{number}")).exists())
    with suppress(SQLAlchemyError):  # one that cannot be read stays aside as it is
        if file.exists():
            building.settle(file)
    with suppress(FileNotFoundError):
        _name_as_well(file, aside)
    for beside in ("-wal", "-shm"):  # of one that could not be settled; the new one must not find them
        with suppress(FileNotFoundError):
            file.with_name(file.name + beside).rename(aside.with_name(aside.name + beside))
    partial.replace(file)
    _on_disk(file.parent)
    return aside if aside.exists() else None


def _name_as_well(file: Path, aside: Path) -> None:
    """Raises FileNotFoundError."""
    try:
        aside.hardlink_to(file)
    except FileNotFoundError:
        raise
    except OSError:  # a drive without hard links
        file.rename(aside)


def _on_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sqlite_file(settings: Settings) -> Path | None:
    url = make_url(settings.database_url)
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None
