"""A database made of a backup's rows: by our own migrations as far as its program was, filled, and migrated on.

It is made on SQLite whatever it is to become: the rows are tried there before anything else is touched.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from migrations import migrate
from migrations.run import is_known, upgrade
from orchestrator.backup.errors import BackupRefused
from orchestrator.backup.manifest import table_member
from orchestrator.backup.reading import Unpacked
from orchestrator.backup.rows import MOST_LINE_BYTES, decode
from orchestrator.backup.tables import count_on, empty, fill, filled_in_order, kinds_of, look, rows_of


def url_of(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


def build(unpacked: Unpacked, file: Path) -> None:
    """Make the SQLite database `file` of the rows of a backup. Raises `BackupRefused`."""
    manifest = unpacked.manifest
    if not is_known(manifest.revision):
        raise BackupRefused(
            f"This backup is of a newer program (revision {manifest.revision}, Playhouse {manifest.program}). "
            "Restore it with that one."
        )
    asyncio.run(migrate(url_of(file), manifest.revision))
    engine = create_engine(f"sqlite:///{file}")
    try:
        with engine.begin() as connection:
            _fill_all(connection, unpacked)
    except (SQLAlchemyError, OverflowError, UnicodeEncodeError) as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise BackupRefused(f"The rows of this backup do not fit its tables: {cause}") from error
    finally:
        engine.dispose()
    asyncio.run(migrate(url_of(file)))


def settle(file: Path) -> None:
    """Put the database into its one file, with nothing beside it."""
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        connection.execute(text("PRAGMA journal_mode=DELETE"))
    engine.dispose()


def copy(file: Path, target: Connection) -> None:
    """Fill a database that has no table with all of `file`, in the transaction of `target`."""
    upgrade(target)
    engine = create_engine(f"sqlite:///{file}")
    try:
        with engine.connect() as source:
            tables, to_fill = look(source).tables, filled_in_order(look(target))
            empty(target, to_fill)
            for table in to_fill:
                names = [column.name for column in table.columns]
                here = tables[table.name]
                order = [list(here.columns).index(here.columns[name]) for name in names]
                fill(target, table, ([row[place] for place in order] for row in rows_of(source, here)))
                count_on(target, table)
    finally:
        engine.dispose()


def _fill_all(connection: Connection, unpacked: Unpacked) -> None:
    manifest = unpacked.manifest
    tables = filled_in_order(look(connection))
    unknown = set(manifest.tables) - {table.name for table in tables}
    if unknown:
        raise BackupRefused(f"The backup has a table that its revision has not: {min(unknown)}.")
    empty(connection, tables)
    for table in tables:
        told = manifest.tables.get(table.name)
        names = [column.name for column in table.columns]
        if told is None or sorted(told.columns) != sorted(names):
            raise BackupRefused(f"The backup has not the columns of table {table.name} that its revision has.")
        order = [told.columns.index(name) for name in names]
        kinds = dict(zip(names, kinds_of(table), strict=True))
        lines = _lines(unpacked.file(table_member(table.name)))
        rows = (decode(line, [kinds[name] for name in told.columns]) for line in lines)
        if fill(connection, table, ([row[place] for place in order] for row in rows)) != told.count:
            raise BackupRefused(f"The backup has not all rows of table {table.name}.")
    broken = connection.execute(text("PRAGMA foreign_key_check")).first()
    if broken is not None:
        raise BackupRefused(f"A row of table {broken[0]} names one of {broken[2]} that the backup has not.")


def _lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as rows:
        while line := rows.readline(MOST_LINE_BYTES):
            yield line
