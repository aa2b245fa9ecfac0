"""A migration adds, so that the program from before goes on beside the new one and after a roll-back. Or it says that
it contracts, and since which release nothing uses what it takes away.
"""

import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Connection, DateTime, MetaData, Table, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from migrations import migrate
from tests.conftest import only_on
from tests.integration.orchestrator.migrations.shapes import Column, Shape, Shapes, breaks, shapes_of

HOUSE = Path(__file__).parents[4]
FROM = "0023"
"""The revision after which the rule holds. Those before were made when nothing had been released."""

TEXT, NUMBER = Column("str", 40, is_nullable=False), Column("int")
HOSTS: Shapes = {"hosts": Shape({"id": TEXT, "seats": NUMBER}, frozenset({"unique ['name']"}))}


def changed(**columns: Column | None) -> Shapes:
    after = {**HOSTS["hosts"].columns, **columns}
    kept = {name: column for name, column in after.items() if column is not None}
    return {"hosts": Shape(kept, HOSTS["hosts"].rules)}


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (HOSTS, []),
        ({**HOSTS, "seats": Shape({"id": TEXT})}, []),
        (changed(name=Column("str")), []),
        (changed(name=Column("str", is_nullable=False, has_default=True)), []),
        (changed(id=Column("str", 41, is_nullable=True)), []),
        (changed(id=Column("str", 41, is_nullable=False)), []),
        (changed(id=Column("str", is_nullable=False)), []),
        ({"hosts": Shape(HOSTS["hosts"].columns)}, []),
        ({}, ["hosts is gone"]),
        (changed(seats=None), ["hosts.seats is gone"]),
        (changed(seats=Column("str")), ["hosts.seats was int and is str"]),
        (changed(id=Column("str", 39, is_nullable=False)), ["hosts.id is shorter"]),
        (changed(seats=Column("int", is_nullable=False)), ["hosts.seats takes no NULL any more"]),
        (changed(name=Column("str", is_nullable=False)), ["hosts.name is new and must be given"]),
        (
            {"hosts": Shape(HOSTS["hosts"].columns, frozenset({"unique ['name']", "unique ['seats']"}))},
            ["hosts has a new rule: unique ['seats']"],
        ),
    ],
)
def test_what_breaks_the_program_from_before_is_told(after: Shapes, told: list[str]) -> None:
    assert list(breaks(HOSTS, after)) == told


def test_a_default_that_goes_breaks_who_relied_on_it() -> None:
    before = changed(name=Column("str", is_nullable=False, has_default=True))
    assert list(breaks(before, changed(name=Column("str", is_nullable=False)))) == [
        "hosts.name has no default any more"
    ]


async def test_every_migration_adds_or_says_since_when_nothing_needs_what_it_takes(empty_database_url: str) -> None:
    released = set(re.findall(r"^## \[(\d[^\]]*)\]", (HOUSE / "CHANGELOG.md").read_text(), re.MULTILINE))
    await migrate(empty_database_url, FROM)
    async with opened(empty_database_url) as engine:
        before = await look(engine)
        for revision, since in later():
            await migrate(empty_database_url, revision)
            after = await look(engine)
            broken = list(breaks(before, after))
            if since is None:
                assert broken == [], f"{revision} contracts: say so with contracts_since, see CONTRIBUTING.md"
                async with engine.begin() as connection:
                    await connection.run_sync(live_as_before, before)
            else:
                assert broken, f"{revision} takes nothing away"
                assert since in released, f"{revision}: {since} was never released"
            before = after


@only_on("sqlite")
async def test_what_was_done_before_there_was_a_release_would_be_refused(empty_database_url: str) -> None:
    await migrate(empty_database_url, "0001")
    async with opened(empty_database_url) as engine:
        first = await look(engine)
        await migrate(empty_database_url, FROM)
        assert list(breaks(first, await look(engine)))


def later() -> Iterator[tuple[str, str | None]]:
    """Each revision after `FROM`, with the release since which nothing needs what it takes away."""
    scripts = ScriptDirectory(str(HOUSE / "migrations"))
    for script in reversed(list(scripts.iterate_revisions("head", FROM))):
        yield script.revision, getattr(script.module, "contracts_since", None)


def live_as_before(connection: Connection, before: Shapes) -> None:
    """What a program from before does in each of its tables: it gives no more than it must, and reads all it knows."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # rows alone, without those they name
    metadata = MetaData()
    metadata.reflect(connection)
    for name, shape in before.items():
        if name == "alembic_version":
            continue
        table: Table = metadata.tables[name]
        columns = [table.c[column] for column in shape.columns]
        given = {column.name: value_of(column.type) for column in columns if shape.columns[column.name].must_be_given}
        connection.execute(insert(table).values(**given))
        assert connection.execute(select(*columns)).first() is not None
        connection.execute(table.delete())


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[AsyncEngine]:
    engine = create_async_engine(url)
    yield engine
    await engine.dispose()


async def look(engine: AsyncEngine) -> Shapes:
    async with engine.connect() as connection:
        return await connection.run_sync(shapes_of)


def value_of(type_: Any) -> object:
    """Some value of this type."""
    if isinstance(type_, JSON):
        return {}
    if isinstance(type_, DateTime):
        return datetime(2027, 1, 1, tzinfo=UTC)
    return {str: "a", int: 1, float: 1.0, bool: True}[type_.python_type]
