"""Replicas are restarted one after the other, as an upgrade does it, while people play: nobody notices."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from orchestrator.settings import Settings
from tests.integration.orchestrator.arena.conftest import Backend
from tests.integration.orchestrator.conftest import ScriptedHost
from tests.integration.replicas.house import House
from tests.integration.replicas.load import Load, agent, match, people, person, proxied, two_players
from tests.integration.replicas.test_matches import backend_at

PEOPLE = 4
LAUNCHES = 6


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Replicas that the proxy has longer to see leaving than it needs."""
    return settings.model_copy(update={"drain_s": 3.0})


@pytest.mark.timeout(600)
async def test_an_upgrade_of_both_replicas_fails_no_request_and_loses_no_move(house: House, tmp_path: Path) -> None:
    async with proxied((house.a, house.b), tmp_path) as url, AsyncExitStack() as stack:
        load = Load(url)
        stack.push_async_callback(load.close)
        host = ScriptedHost(load.client("127.0.0.20"), await house.services.identities.issue_join_token())
        host.cpu_cores = 100.0
        await host.sync()
        backend = await backend_at(house.a, house.settings, load.client("127.0.0.21"))
        pairs = []
        for transport, addresses in (
            ("websocket", ("127.0.0.31", "127.0.0.32")),
            ("websocket", ("127.0.0.33", "127.0.0.34")),
        ):
            session = await backend.session("connect4", "ann", "bob", matchType="private")
            pairs.append(await stack.enter_async_context(two_players(url, session, transport, addresses)))
        browsers = await people(house, load, PEOPLE)
        async with asyncio.TaskGroup() as running:
            serving = running.create_task(agent(load, host))
            playing = [running.create_task(match(pair, load.is_over)) for pair in pairs]
            using = [running.create_task(person(load, client, LAUNCHES)) for client in browsers]
            using.append(running.create_task(ordering(load, backend)))
            for replica in (house.a, house.b):
                before = load.done.total()
                while load.done.total() < before + 50:  # noqa: ASYNC110 - it is counted, not announced
                    await asyncio.sleep(0.05)
                await replica.end()
                await replica.start()
            load.is_over.set()
            await asyncio.gather(*playing, *using)
            serving.cancel()
    players = [player for pair in pairs for player in pair]
    assert load.failures == []
    assert set(load.done) == {"launch", "status", "keepalive", "stop", "sync", "wait", "order", "read"}
    assert [player.errors for player in players] == [[]] * len(players)
    assert [player.left for player in players] == [0] * len(players)
    assert {player.result for player in players} == {"Board full - Draw"}
    assert all(player.times_back for player in players), "each was sent away, by one replica or by both"


async def ordering(load: Load, backend: Backend) -> None:
    """A tenant's server makes sessions and looks at them."""
    while not load.is_over.is_set():
        made = await load.ask("order", backend.post("/v1/sessions", {"game": "chess", "players": [{"id": "cid"}]}))
        if made is not None:
            await load.ask("read", backend.get(f"/v1/sessions/{made.json()['sessionId']}"))
        await asyncio.sleep(0.2)
