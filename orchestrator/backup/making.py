"""Makes a backup while players play: the rows of one moment, then the archives and pictures that these rows name.

The moment is a snapshot that only reads, and holds up nobody. What its rows name is held by a second name (a hard link)
before the snapshot ends, so nothing that is dropped meanwhile is missing from the backup. It is the one transaction
that is open while something is written to a local disk.
"""

import asyncio
import hashlib
import io
import os
import tarfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Table, make_url, text

from migrations.run import revisions_of
from orchestrator.backup.errors import BackupRefused
from orchestrator.backup.manifest import (
    ARCHIVES,
    FILES,
    KEPT_FILES,
    MANIFEST,
    MOST_MANIFEST_BYTES,
    Manifest,
    Member,
    Rows,
    Writable,
    table_member,
)
from orchestrator.backup.rows import encode
from orchestrator.backup.tables import filled_in_order, look, rows_of
from orchestrator.backup.workplace import workplace
from orchestrator.database import Database
from orchestrator.settings import Settings

KEYS_IN = {"save_versions": ("key", "picture_key"), "game_pictures": ("key",)}
"""The columns that name something in the store."""

HELD = ".backup-"
_AS_SLOW_AS_THE_DISK = text("SET LOCAL idle_in_transaction_session_timeout = 0")


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


@dataclass
class Snapshot:
    """Rows in `folder`, one file a table; `held` has what they name in the store, None where there is none yet."""

    folder: Path
    held: Path | None
    has_archives: bool
    made_at: datetime | None = None
    revision: str = ""
    tables: dict[str, Rows] = field(default_factory=dict[str, Rows])
    keys: dict[str, Path] = field(default_factory=dict[str, Path])
    missing: list[str] = field(default_factory=list[str])


def make(settings: Settings, out: Writable) -> Manifest:
    """Write a backup of the installation of `settings`. Raises `BackupRefused`, and what the database and disk raise;
    then what was written is worth nothing.
    """
    _require_database(settings)
    settings.data.mkdir(parents=True, exist_ok=True)
    saves = settings.data / "saves"
    with ExitStack() as stack:
        folder = stack.enter_context(workplace(settings.data, HELD))
        has_archives = not settings.store_url
        held = stack.enter_context(workplace(saves, HELD)) if has_archives and saves.exists() else None
        snapshot = Snapshot(folder, held, has_archives)
        asyncio.run(_take(settings, saves, snapshot))
        return write(settings, snapshot, out)


def _require_database(settings: Settings) -> None:
    """Whoever forgot to say which folder would make an empty one there."""
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        raise BackupRefused(
            f"There is no database in {settings.data.absolute()}. Say with ORCHESTRATOR_DATA where it is."
        )


async def _take(settings: Settings, saves: Path, snapshot: Snapshot) -> None:
    database = Database(settings.database_url)
    try:
        async with database.read() as session:
            if not database.is_sqlite:
                await session.execute(_AS_SLOW_AS_THE_DISK)
            snapshot.made_at = await database.now(session)
            await session.run_sync(lambda within: _take_rows(within.connection(), saves, snapshot))
    finally:
        await database.close()


def _take_rows(connection: Connection, saves: Path, snapshot: Snapshot) -> None:
    revision = revisions_of(connection).current
    if revision is None:
        raise BackupRefused("There is nothing to back up: the database has no tables yet.")
    snapshot.revision = revision
    tables = filled_in_order(look(connection))
    # What names archives comes first: the sooner they are held, the less has been dropped.
    for table in sorted(tables, key=lambda table: table.name not in KEYS_IN):
        _take_table(connection, table, saves, snapshot)


def _take_table(connection: Connection, table: Table, saves: Path, snapshot: Snapshot) -> None:
    names = [column.name for column in table.columns]
    named = KEYS_IN.get(table.name, ()) if snapshot.has_archives else ()
    places = [names.index(name) for name in named if name in names]
    count = 0
    with (snapshot.folder / table.name).open("wb") as file:
        for row in rows_of(connection, table):
            file.write(encode(row))
            for key in (row[place] for place in places if row[place] is not None):
                _hold(key, saves, snapshot)
            count += 1
    snapshot.tables[table.name] = Rows(columns=tuple(names), count=count)


def _hold(key: str, saves: Path, snapshot: Snapshot) -> None:
    if snapshot.held is None:
        snapshot.missing.append(key)
        return
    second = snapshot.held / str(len(snapshot.keys))
    try:
        os.link(saves / key, second)
    except FileNotFoundError:
        snapshot.missing.append(key)
    else:
        snapshot.keys[key] = second


def write(settings: Settings, snapshot: Snapshot, out: Writable) -> Manifest:
    """As an archive, which its manifest ends."""
    assert snapshot.made_at is not None
    members: dict[str, Member] = {}
    written: Any = out  # of which tarfile asks no more than to write
    with tarfile.open(fileobj=written, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        writing = _Writing(tar, snapshot.made_at, members)
        for table in snapshot.tables:
            writing.file(table_member(table), snapshot.folder / table)
        for number, (key, file) in enumerate(snapshot.keys.items()):
            writing.file(f"{ARCHIVES}{number:07}", file, key)
        for name in KEPT_FILES:
            if (settings.data / name).is_file():
                writing.file(f"{FILES}{name}", settings.data / name)
        manifest = Manifest(
            made_at=snapshot.made_at,
            program=version("playhouse"),
            revision=snapshot.revision,
            has_archives=snapshot.has_archives,
            tables=snapshot.tables,
            members=members,
            missing=tuple(snapshot.missing),
        )
        body = manifest.model_dump_json().encode()
        if len(body) > MOST_MANIFEST_BYTES:
            raise BackupRefused("There is more in the store than a backup holds. Keep saves in S3, and back that up.")
        writing.add(MANIFEST, len(body), io.BytesIO(body))
    return manifest


class _Writing:
    def __init__(self, tar: tarfile.TarFile, made_at: datetime, members: dict[str, Member]) -> None:
        self._tar = tar
        self._made_at_s = int(made_at.timestamp())
        self._members = members

    def file(self, name: str, path: Path, key: str | None = None) -> None:
        with path.open("rb") as file:
            size_bytes = os.fstat(file.fileno()).st_size
            digest = self.add(name, size_bytes, file)
        self._members[name] = Member(size_bytes=size_bytes, sha256=digest, key=key)

    def add(self, name: str, size_bytes: int, content: Readable) -> str:
        """Its SHA-256."""
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = size_bytes, 0o600, self._made_at_s
        hashing: Any = _Hashing(content)
        self._tar.addfile(member, hashing)
        return hashing.sha256.hexdigest()


class _Hashing:
    """What is read through it is counted into `sha256`."""

    def __init__(self, content: Readable) -> None:
        self._content = content
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._content.read(size)
        self.sha256.update(piece)
        return piece
