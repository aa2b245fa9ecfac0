"""Starting: migrations, the lock on the data folder, health, the installation's identity."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from litestar import Litestar
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

from migrations import migrate, revisions
from migrations.run import config
from orchestrator.app import create_app
from orchestrator.database import Database
from orchestrator.database.tables import metadata
from orchestrator.installation import load_or_create
from orchestrator.replica import ReplicaAlreadyRunning, sole_replica
from orchestrator.services import NotMigrated, open_services
from orchestrator.settings import Settings
from tests.conftest import only_on


@pytest.fixture
async def empty(empty_database_url: str) -> AsyncGenerator[Database, None]:
    """A database that nobody has migrated."""
    database = Database(empty_database_url)
    yield database
    await database.close()


async def test_the_migrations_make_what_the_models_say(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_migration_leads_back_to_nothing(database: Database) -> None:
    engine = create_async_engine(database.url)
    async with engine.begin() as connection:
        await connection.run_sync(lambda connection: command.downgrade(config(connection), "base"))
        tables = await connection.run_sync(lambda connection: inspect(connection).get_table_names())
    await engine.dispose()
    assert tables == ["alembic_version"]


async def test_replicas_that_migrate_at_once_do_it_once(empty: Database) -> None:
    assert not (await revisions(empty.engine)).is_current
    before = await asyncio.gather(*(migrate(empty.url) for _ in range(4)))
    assert [was.current for was in before].count(None) == 1
    assert (await revisions(empty.engine)).is_current


async def test_a_database_that_a_newer_program_migrated_still_serves(database: Database) -> None:
    async with database.write() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert (await revisions(database.engine)).is_current


async def test_a_database_that_is_behind_stops_the_start(tmp_path: Path, empty_database_url: str) -> None:
    with pytest.raises(NotMigrated, match="orchestrator migrate"):
        async with open_services(Settings(data=tmp_path / "new", database_url=empty_database_url)):
            pass


@only_on("sqlite")
async def test_a_second_replica_on_the_same_data_is_refused(app: Litestar, settings: Settings) -> None:
    with pytest.raises(ReplicaAlreadyRunning, match=f"DATA={settings.data}"), sole_replica(settings):
        pass


async def test_the_data_folder_is_free_again_after_the_end(settings: Settings) -> None:
    for _ in "12":
        async with create_app(settings).lifespan():
            pass


@only_on("sqlite")
async def test_a_second_replica_on_the_same_database_is_refused(app: Litestar, settings: Settings) -> None:
    elsewhere = Settings(data=settings.data.with_name("other"), database_url=settings.database_url)
    with pytest.raises(ReplicaAlreadyRunning, match=str(settings.data)), sole_replica(elsewhere):
        pass


def test_replicas_on_postgresql_need_no_lock(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", database_url="postgresql+asyncpg://db/house")
    with sole_replica(settings), sole_replica(settings):
        assert not settings.data.exists()


async def test_health_says_whether_it_lives_and_can_serve(
    app: Litestar, client: httpx.AsyncClient, database: Database
) -> None:
    for path, expected in (("live", {"status": "ok"}), ("ready", {"status": "ok", "store": "ok"})):
        answer = await client.get(f"/health/{path}")
        assert (answer.status_code, answer.json()) == (200, expected)
    async with database.write() as session:
        await session.execute(text("DELETE FROM alembic_version"))
    answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (503, {"status": "database_not_migrated", "store": None})
    assert (await client.get("/health/live")).status_code == 200


async def test_replicas_that_start_together_are_one_installation(database: Database) -> None:
    first, *others = await asyncio.gather(*(load_or_create(database) for _ in range(4)))
    assert all(other.installation_id == first.installation_id for other in others)
    assert all(other.cookie_secret == first.cookie_secret for other in others)


async def test_an_installation_never_shows_its_secrets(database: Database) -> None:
    installation = await load_or_create(database)
    assert "secret" not in repr(installation)
    assert "signing" not in repr(installation)


def test_the_database_is_for_our_eyes_only(tmp_path: Path) -> None:
    """It holds signing keys and password hashes (invariant 12)."""
    path = tmp_path / "private.sqlite3"
    asyncio.run(migrate(f"sqlite+aiosqlite:///{path}"))
    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("private.sqlite3*")} == {0o600}
