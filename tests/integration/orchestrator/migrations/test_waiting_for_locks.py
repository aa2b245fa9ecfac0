"""A migration of a house that is open: it waits for whoever reads, and holds nobody up behind it."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from migrations import migrate, revisions, run
from tests.conftest import only_on

LIMIT_S = 60.0


class Said:
    """In place of the log."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.has_news = asyncio.Event()

    def warning(self, event: str, **_: object) -> None:
        self.events.append(event)
        self.has_news.set()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Said:
    said = Said()
    monkeypatch.setattr("migrations.run._log", said)
    monkeypatch.setattr(run, "LOCK_WAIT_S", 0.05)
    monkeypatch.setattr(run, "PAUSE_S", 0.05)
    return said


@pytest.fixture
async def engine(empty_database_url: str) -> AsyncGenerator[AsyncEngine]:
    """Of a database as it was at 0026. 0027 alters `sessions`, 0028 `arena_matches`."""
    await migrate(empty_database_url, "0026")
    engine = create_async_engine(empty_database_url)
    yield engine
    await engine.dispose()


@only_on("postgresql")
async def test_a_migration_lets_go_until_whoever_reads_is_done(
    engine: AsyncEngine, empty_database_url: str, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "TRIES", 10_000)
    async with asyncio.timeout(LIMIT_S), engine.begin() as report:
        await report.execute(text("SELECT count(*) FROM sessions"))
        migrating = asyncio.create_task(migrate(empty_database_url))
        await said.has_news.wait()
        assert said.events == ["migrations.wait_for_lock"]
        async with engine.begin() as player:
            await player.execute(text("SELECT count(*) FROM sessions"))
    before = await migrating
    assert before.current == "0026"
    assert (await revisions(engine)).current == before.head


@only_on("postgresql")
async def test_a_migration_that_finds_no_gap_gives_up_between_revisions(
    engine: AsyncEngine, empty_database_url: str, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "TRIES", 2)
    async with engine.begin() as writer:
        await writer.execute(text("LOCK TABLE arena_matches IN ROW EXCLUSIVE MODE"))
        with pytest.raises(run.MigrationBlocked, match=r"did not let go: CREATE INDEX .*arena_matches") as blocked:
            await migrate(empty_database_url)
    assert "\n" not in str(blocked.value)
    assert (await revisions(engine)).current == "0027"
    await migrate(empty_database_url)
    assert (await revisions(engine)).is_current


class Deadlock(Exception):
    sqlstate = "40P01"


@only_on("postgresql")
async def test_a_migration_that_loses_a_deadlock_tries_again(
    engine: AsyncEngine, empty_database_url: str, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, failures = run.alone, [DBAPIError("ALTER TABLE sessions", None, Deadlock())]

    async def unlucky(*arguments: Any) -> Any:
        if failures:
            raise failures.pop()
        return await alone(*arguments)

    monkeypatch.setattr(run, "alone", unlucky)
    await migrate(empty_database_url)
    assert said.events == ["migrations.wait_for_lock"]
    assert (await revisions(engine)).is_current


@only_on("postgresql")
async def test_who_comes_second_says_that_it_waits(engine: AsyncEngine, empty_database_url: str, said: Said) -> None:
    async with asyncio.timeout(LIMIT_S):
        async with engine.begin() as other:
            await other.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": 0x706C6179})
            migrating = asyncio.create_task(migrate(empty_database_url))
            await said.has_news.wait()
            assert said.events == ["migrations.wait_for_another"]
        await migrating
