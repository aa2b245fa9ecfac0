"""What one replica publishes every replica hears: after the commit, and never after a rollback."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

import pytest

from orchestrator.database import Database
from orchestrator.notices import Hearing, Notices
from tests.conftest import only_on

DEADLINE_S = 60


@pytest.fixture
async def elsewhere(database: Database) -> AsyncGenerator[Notices]:
    """The notices of another replica on the same database, which listens."""
    notices, other = Notices(), Notices()
    hearing = asyncio.create_task(Hearing(database, notices).run())
    with notices.subscribe("begun") as begun:
        async with asyncio.timeout(DEADLINE_S):
            while not await begun.wait(0.1):
                async with database.write() as session:
                    other.publish_after_commit(session, "begun")
    yield notices
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)


async def change_your_mind(database: Database, notices: Notices, topic: str) -> None:
    with suppress(LookupError):
        async with database.write() as session:
            notices.publish_after_commit(session, topic)
            raise LookupError


async def test_a_notice_is_heard_here_once_its_transaction_is_over(database: Database) -> None:
    notices = Notices()
    with notices.subscribe("session:a") as news:
        async with database.write() as session:
            notices.publish_after_commit(session, "session:a")
            async with session.begin_nested():
                pass
            assert not await news.wait(0)
        assert await news.wait(0)


async def test_what_is_rolled_back_is_not_heard(database: Database) -> None:
    notices = Notices()
    with notices.subscribe("session:a") as news:
        await change_your_mind(database, notices, "session:a")
        assert not await news.wait(0)


@only_on("postgresql")
async def test_another_replica_hears_it(database: Database, elsewhere: Notices) -> None:
    here = Notices()
    with elsewhere.subscribe("session:a") as news, elsewhere.subscribe("session:b") as other:
        async with database.write() as session:
            here.publish_after_commit(session, "session:a")
        assert await news.wait(DEADLINE_S)
        assert not await other.wait(0)


@only_on("postgresql")
async def test_another_replica_hears_nothing_of_a_rollback(database: Database, elsewhere: Notices) -> None:
    here = Notices()
    with elsewhere.subscribe("session:a") as undone, elsewhere.subscribe("session:b") as done:
        await change_your_mind(database, here, "session:a")
        async with database.write() as session:
            here.publish_after_commit(session, "session:b")
        assert await done.wait(DEADLINE_S)
        assert not await undone.wait(0)


@only_on("postgresql")
async def test_very_many_topics_of_one_transaction_wake_everybody(database: Database, elsewhere: Notices) -> None:
    here = Notices()
    with elsewhere.subscribe("anything") as news:
        async with database.write() as session:
            for number in range(1000):
                here.publish_after_commit(session, f"session:{number}")
        assert await news.wait(DEADLINE_S)
