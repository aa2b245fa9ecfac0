"""Hosts as they are chosen among: looks that follow each other share one, and what matters is never missed."""

from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bench.fleet.town import SEATS, add_game, add_hosts, add_sessions
from orchestrator.catalog.models import Build
from orchestrator.fleet.models import Host
from orchestrator.fleet.operations import HostChange
from orchestrator.fleet.placement import Place
from orchestrator.play.models import Session
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings
from tests.conftest import only_on


@pytest.fixture
async def services(settings: Settings) -> AsyncGenerator[Services]:
    """Without a loop that places who waits."""
    async with open_services(settings) as opened:
        await add_game(opened)
        yield opened


async def find(services: Services, session_id: str) -> Place | None:
    async with services.database.write() as session:
        now, build = await services.database.now(session), await _build(session)
        return await services.placement.find(session, session_id, build.build_spec, now)


async def _build(session: AsyncSession) -> Build:
    return (await session.scalars(select(Build))).one()


@contextmanager
def looks(services: Services) -> Generator[list[str]]:
    """Each time that all hosts are asked about."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("SELECT hosts.id, hosts.incarnation"):
            seen.append(statement)

    event.listen(services.database.engine.sync_engine, "before_cursor_execute", note)
    yield seen
    event.remove(services.database.engine.sync_engine, "before_cursor_execute", note)


async def test_launches_that_follow_each_other_share_one_look_at_the_hosts(services: Services) -> None:
    hosts = [host.host_id for host in await add_hosts(services.database, 3)]
    waiting = await add_sessions(services.database, hosts * (SEATS - 2), 6)
    with looks(services) as seen:
        places = [await find(services, session_id) for session_id in waiting]
    assert len(seen) == 1
    assert sorted(place.host_id for place in places if place is not None) == sorted(hosts * 2)


async def test_a_full_fleet_is_looked_at_anew_before_anybody_is_refused(services: Services) -> None:
    [host] = await add_hosts(services.database, 1)
    waiting = await add_sessions(services.database, [host.host_id] * (SEATS - 1), 3)
    assert await find(services, waiting[0]) is not None
    assert await find(services, waiting[1]) is None
    async with services.database.write() as session:  # as another replica does it
        await session.execute(update(Session).where(Session.id == waiting[0]).values(position="stopped"))
    assert await find(services, waiting[1]) is not None


@only_on("postgresql")
async def test_a_place_that_another_replica_took_is_given_to_nobody_else(services: Services) -> None:
    first, second = await add_hosts(services.database, 2)
    waiting = await add_sessions(services.database, [first.host_id, second.host_id] * (SEATS - 1), 3)
    one = await find(services, waiting[0])
    assert one is not None
    async with open_services(services.settings) as another:
        two = await find(another, waiting[1])
    assert two is not None
    assert {one.host_id, two.host_id} == {first.host_id, second.host_id}
    assert await find(services, waiting[2]) is None


async def test_what_an_operator_says_of_a_host_holds_at_once(services: Services) -> None:
    [host] = await add_hosts(services.database, 1)
    waiting = await add_sessions(services.database, [], 2)
    assert await find(services, waiting[0]) is not None
    await services.fleet_operations.change(host.host_id, HostChange(is_draining=True))
    async with services.database.write() as session:
        now, build = await services.database.now(session), await _build(session)
        assert await services.placement.why_nowhere(session, build.build_spec, now) is not None


async def test_a_lease_that_is_over_ends_what_was_kept(services: Services) -> None:
    await add_hosts(services.database, 1)
    waiting = await add_sessions(services.database, [], 1)
    assert await find(services, waiting[0]) is not None
    async with services.database.write() as session:
        later = await services.database.now(session) + timedelta(hours=2)
        build = await _build(session)
        assert await services.placement.why_nowhere(session, build.build_spec, later) is not None
        assert (await session.scalars(select(Host.id))).one()
