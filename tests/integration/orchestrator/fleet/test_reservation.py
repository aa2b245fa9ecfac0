"""A place is taken by one statement, and two who take it at the same instant cannot both have it."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime

import pytest

from bench.fleet.town import GIB, SEATS, add_game, add_hosts, add_sessions
from orchestrator.play.reservation import reserve
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings
from scheduler.values import Resources
from tests.conftest import only_on

WANTED = Resources(0.5, GIB // 2, 1)


@pytest.fixture
async def services(settings: Settings) -> AsyncGenerator[Services]:
    """Without a loop that places who waits."""
    async with open_services(settings) as opened:
        yield opened


async def almost_full(services: Services, waiting: int) -> tuple[str, list[str], datetime]:
    """A host with one seat left, who waits, and the time."""
    await add_game(services)
    [host] = await add_hosts(services.database, 1)
    sessions = await add_sessions(services.database, [host.host_id] * (SEATS - 1), waiting)
    async with services.database.read() as session:
        return host.host_id, sessions, await services.database.now(session)


async def test_the_last_seat_is_given_once_and_a_session_is_placed_once(services: Services) -> None:
    host, (first, second), now = await almost_full(services, 2)
    async with services.database.write() as session:
        assert await reserve(session, first, host, WANTED, now)
    async with services.database.write() as session:
        assert not await reserve(session, second, host, WANTED, now)
        assert not await reserve(session, first, host, WANTED, now)


async def test_nothing_is_given_beyond_any_resource_or_of_a_host_that_is_unknown(services: Services) -> None:
    host, (session_id,), now = await almost_full(services, 1)
    async with services.database.write() as session:
        for wanted in (Resources(1000.0, 1, 1), Resources(0.1, 1000 * GIB, 1), Resources(0.1, 1, 2)):
            assert not await reserve(session, session_id, host, wanted, now)
        assert not await reserve(session, session_id, "nobody", WANTED, now)
        assert await reserve(session, session_id, host, WANTED, now)


@only_on("postgresql")
async def test_who_waits_for_another_that_takes_the_last_seat_is_refused(services: Services) -> None:
    host, (first, second), now = await almost_full(services, 2)
    async with services.database.write() as session:
        assert await reserve(session, first, host, WANTED, now)
        waiting = asyncio.create_task(_reserve(services, second, host, now))
        done, _ = await asyncio.wait({waiting}, timeout=0.3)
        assert not done, "the second looks at what the first has not committed yet"
    assert not await waiting


@only_on("postgresql")
async def test_many_at_once_take_every_seat_and_no_more(services: Services) -> None:
    await add_game(services)
    [host] = await add_hosts(services.database, 1)
    sessions = await add_sessions(services.database, [host.host_id] * (SEATS - 4), 10)
    async with services.database.read() as session:
        now = await services.database.now(session)
    taken = await asyncio.gather(*(_reserve(services, each, host.host_id, now) for each in sessions))
    assert sum(taken) == 4


async def _reserve(services: Services, session_id: str, host: str, now: datetime) -> bool:
    async with services.database.write() as session:
        return await reserve(session, session_id, host, WANTED, now)
