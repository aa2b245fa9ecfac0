"""A query without a transaction around it says what it says within one, and fails by the same names."""

import asyncio
from datetime import UTC, timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy import bindparam, func, literal_column, select, text

from orchestrator.database import Database, DatabaseNow, Prepared, engine, failures
from orchestrator.errors import DatabaseUnavailable, InvalidRequest
from orchestrator.fleet.models import Host
from orchestrator.settings import Settings
from tests.conftest import only_on

_HOST = Prepared(
    select(*Host.__table__.columns, DatabaseNow().label("now")).where(Host.id == bindparam("host_id", "hst1"))
)


async def _add_host(database: Database) -> Host:
    async with database.write() as session:
        now = await database.now(session)
        row = Host(
            id="hst1",
            name="one",
            public_key="key",
            public_url="http://host",
            labels={"zone": "a"},
            is_draining=True,
            lease_until=now,
            capacity={"cpu_cores": 1.5},
            usage={},
            images=[{"image_id": "a"}],
            pulling={},
            pull_bytes_per_s=0.5,
            created_at=now,
        )
        session.add(row)
        return row


async def _fail_in_the_middle(database: Database) -> None:
    async with database.write() as session:
        (await session.get_one(Host, "hst1")).name = "four"
        await session.flush()
        raise ZeroDivisionError


async def test_a_query_alone_says_of_each_column_what_the_row_says(database: Database) -> None:
    row = await _add_host(database)
    found: Any = await database.first(_HOST, {})
    for column in Host.__table__.columns:
        value, expected = getattr(found, column.name), getattr(row, column.name)
        assert (type(value), value) == (type(expected), expected), column.name
    assert found.created_at.tzinfo is UTC
    assert timedelta(0) <= database.told(found.now) - row.created_at < timedelta(hours=1)
    assert await database.first(_HOST, {"host_id": "another"}) is None


async def test_a_query_alone_holds_no_moment_fast(database: Database) -> None:
    await _add_host(database)
    for name in ("two", "three"):
        async with database.write() as session:
            row = await session.get_one(Host, "hst1")
            row.name = name
        assert (await database.first(_HOST, {})).name == name
    with pytest.raises(ZeroDivisionError):
        await _fail_in_the_middle(database)
    assert (await database.first(_HOST, {})).name == "three"


@pytest.mark.parametrize("value", ["\ud800", "\x00"])
async def test_what_no_database_can_hold_is_refused_by_name(database: Database, value: str) -> None:
    if database.is_sqlite and value == "\x00":
        assert await database.first(_HOST, {"host_id": value}) is None  # that one it can hold
        return
    with pytest.raises(InvalidRequest):
        await database.first(_HOST, {"host_id": value})


@only_on("postgresql")
async def test_a_mistake_of_ours_is_no_outage(database: Database) -> None:
    lacks_its_argument = Prepared(select(literal_column("$1::int").label("number")))
    with pytest.raises(asyncpg.InterfaceError, match="1 argument"):
        await database.first(lacks_its_argument, {})


@only_on("postgresql")
async def test_a_connection_that_was_closed_under_the_query_is_an_outage(database: Database) -> None:
    async with database.engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.close()
    with pytest.raises(DatabaseUnavailable), failures.named():
        await driver.fetch("SELECT 1")


@only_on("postgresql")
async def test_whose_answer_nobody_waits_for_any_more_is_nobody_elses(database: Database) -> None:
    sleeping = asyncio.create_task(database.first(Prepared(select(func.pg_sleep(600).label("slept"))), {}))
    asleep = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'")
    async with asyncio.timeout(60), database.statements(is_write=False) as session:
        while await session.scalar(asleep) == 0:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
    sleeping.cancel()
    await asyncio.gather(sleeping, return_exceptions=True)
    assert await asyncio.gather(*(database.first(_HOST, {}) for _ in range(3))) == [None, None, None]


@only_on("postgresql")
async def test_a_connection_that_owes_an_answer_is_nobodys(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    options = engine._POSTGRESQL_OPTIONS  # pyright: ignore[reportPrivateUsage] - to wait less
    monkeypatch.setitem(options["connect_args"], "command_timeout", 2.0)
    who_answers = Prepared(select(func.pg_backend_pid().label("number")))
    database = Database(settings.database_url)
    try:
        before = await database.first(who_answers, {})
        with pytest.raises(DatabaseUnavailable):
            await database.first(Prepared(select(func.pg_sleep(600).label("slept"))), {})
        assert (await database.first(who_answers, {})).number != before.number
    finally:
        await database.close()
