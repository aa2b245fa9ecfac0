"""`kill -9` of a replica in the middle of something: the other brings it to a right end."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
from sqlalchemy import func, select

from agent_protocol import ObservedState
from orchestrator.database import Database
from orchestrator.fleet.models import Host
from orchestrator.play.models import Session
from tests.integration.orchestrator.conftest import ScriptedHost
from tests.integration.orchestrator.play.scenes import launch, running, status, stop
from tests.integration.orchestrator.standing_still import has_let_go, stands_still
from tests.integration.replicas.house import House


@asynccontextmanager
async def holding(database: Database, table: type[Host | Session], row_id: str) -> AsyncGenerator[None]:
    """Whoever needs this row stands still in the middle of its transaction."""
    async with database.write() as session:
        await session.get_one(table, row_id, with_for_update=True)
        yield


async def lost(request: "asyncio.Task[httpx.Response]") -> bool:
    try:
        await request
    except httpx.TransportError:
        return True
    return False


async def test_a_launch_whose_replica_dies_in_the_middle_can_be_sent_to_the_other(house: House) -> None:
    here, there = await house.person()
    host = await house.host(house.b)
    database = house.services.database
    async with holding(database, Host, host.host_id):
        request = asyncio.create_task(launch(here, key="once"))
        await stands_still(database)  # its session is written, not committed, and it wants its place
        await house.a.kill()
        assert await lost(request)
        await has_let_go(database)
    again = await launch(there, key="once")
    assert again.status_code == 202, again.text
    [order] = (await host.sync()).sessions
    assert order.session_id == again.json()["sessionId"]
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Session)) == 1
    await host.run(order)
    assert (await status(there, order.session_id))["status"] == "running"


async def test_a_launch_whose_answer_was_lost_runs_on_at_the_other(house: House) -> None:
    here, there = await house.person()
    host = await house.host(house.b)
    started = await launch(here, key="once")
    await house.a.kill()
    assert (await launch(there, key="once")).json() == started.json()
    [order] = (await host.sync()).sessions
    await host.run(order)
    assert (await status(there, order.session_id))["status"] == "running"


async def test_a_stop_whose_replica_dies_in_the_middle_can_be_sent_to_the_other(house: House) -> None:
    here, there = await house.person()
    host = await house.host(house.b)
    order = await running(here, host)
    async with holding(house.services.database, Session, order.session_id):
        request = asyncio.create_task(stop(here, order.session_id))
        await stands_still(house.services.database)
        await house.a.kill()
        assert await lost(request)
    request = asyncio.create_task(stop(there, order.session_id))
    await is_told_to_stop(host)
    saved = await host.put_save(order, b"the counter stands at 7")
    assert saved.status_code == 200, saved.text
    await host.end(order)
    assert (await request).json()["status"] == "stopped"
    await ended_with_its_save(there, order.session_id)


async def test_a_stop_that_was_heard_ends_though_its_replica_died(house: House) -> None:
    here, there = await house.person()
    host = await house.host(house.b)
    order = await running(here, host)
    request = asyncio.create_task(stop(here, order.session_id))
    await is_told_to_stop(host)
    await house.a.kill()
    assert await lost(request)
    host.see(order, ObservedState.RUNNING, seat_ready=True)
    saved = await host.put_save(order, b"the counter stands at 7")
    assert saved.status_code == 200, saved.text
    await host.end(order)
    await ended_with_its_save(there, order.session_id)
    assert (await launch(there)).status_code == 202


async def is_told_to_stop(host: ScriptedHost) -> None:
    async with asyncio.timeout(60):
        while (answer := await host.sync()).sessions[0].want == "run":
            params = {"revision": answer.revision}
            await host.client.get("/api/agents/wait", params=params, headers=host.headers)


async def ended_with_its_save(player: httpx.AsyncClient, session_id: str) -> None:
    ended = await status(player, session_id)
    assert (ended["status"], ended["error"]["by"]) == ("stopped", "player")
    assert (await player.get("/api/game/sessions")).json()["sessions"] == []
    [slot] = (await player.get("/api/saves", params={"gameSlug": "the-question"})).json()["saves"]
    assert slot["sizeBytes"] > 0
