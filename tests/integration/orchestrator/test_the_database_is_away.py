"""PostgreSQL stops and starts again: callers are told by name meanwhile, and nobody has to restart a replica."""

import asyncio
from collections.abc import Generator

import httpx
import pytest

from migrations import migrate
from orchestrator.database import Database
from orchestrator.notices import Hearing, Notices
from orchestrator.settings import Settings
from tests.conftest import SignedIn
from tests.integration.orchestrator.conftest import HostMaker
from tests.integration.orchestrator.play.scenes import launch
from tests.postgresql import PostgresqlServer


@pytest.fixture(scope="module")
def server() -> Generator[PostgresqlServer]:
    """One of our own, to stop."""
    with PostgresqlServer() as server:
        asyncio.run(server.execute("CREATE DATABASE house"))
        asyncio.run(migrate(server.url("house")))
        yield server


@pytest.fixture
def database_kind() -> str:
    return "postgresql"


@pytest.fixture
def settings(settings: Settings, server: PostgresqlServer) -> Settings:
    return settings.model_copy(update={"database_url": server.url("house")})


async def test_a_database_that_is_away_has_a_name_and_all_goes_on_once_it_is_back(
    server: PostgresqlServer, client: httpx.AsyncClient, signed_in: SignedIn, make_host: HostMaker, game: str
) -> None:
    player, host = await signed_in(), await make_host()
    server.stop()
    try:
        answers = [
            await player.get("/api/games"),
            await launch(player, game),
            await host.post_sync(host.seq + 1),
        ]
        assert (await client.get("/health/ready")).json() == {"status": "database_unreachable", "store": None}
        assert (await client.get("/health/live")).status_code == 200
    finally:
        server.start()
    for answer in answers:
        assert (answer.status_code, answer.json()["error"]) == (503, "database_unavailable")
        assert int(answer.headers["retry-after"]) > 0
    assert (await client.get("/health/ready")).status_code == 200
    await host.sync()
    assert (await launch(player, game)).status_code == 202
    assert len((await host.sync()).sessions) == 1


async def test_notices_are_heard_again_once_the_database_is_back(server: PostgresqlServer, settings: Settings) -> None:
    database, notices = Database(settings.database_url), Notices()
    hearing = asyncio.create_task(Hearing(database, notices).run())
    try:
        with notices.subscribe("host:a") as news, notices.subscribe("host:b") as begun:
            async with asyncio.timeout(60):
                while not await begun.wait(0.1):  # until it listens
                    await say(settings, "host:b")
                server.stop()
                server.start()
                assert await news.wait(30)  # it listens again, and makes up for what it missed
                await say(settings, "host:a")
                assert await news.wait(30)
    finally:
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)
        await database.close()


async def say(settings: Settings, topic: str) -> None:
    """As another replica would."""
    database = Database(settings.database_url)
    async with database.write() as session:
        Notices().publish_after_commit(session, topic)
    await database.close()
