"""A match outlives the replica that it was played on, and two players may be on two replicas."""

import asyncio

import httpx
import pytest
from sqlalchemy import update

from orchestrator.arena.bots import trainer
from orchestrator.arena.models import ArenaBot
from orchestrator.services import open_services
from orchestrator.settings import Settings
from orchestrator.tenants.plans import Plan
from tests.integration.orchestrator.arena.conftest import Backend
from tests.integration.orchestrator.arena.past import play
from tests.integration.orchestrator.arena.players import Client, clients_of
from tests.integration.replicas.house import House, Replica

LEARNED = {
    "game": "tictactoe", "name": "Evenings", "playerId": "robin", "displayName": "Robin",
    "botType": "learned", "targetRating": 3,
}  # fmt: skip


async def backend_at(replica: Replica, settings: Settings, client: httpx.AsyncClient) -> Backend:
    async with open_services(settings) as services:
        live, test = await services.tenant_keys.create("Acme Games", Plan.GROWTH)
    return Backend(client, live.tenant.id, live.secret, test.secret)


async def move(mover: Client, room: str, position: int, *hearers: Client) -> None:
    await mover.say("game:move", {"roomId": room, "position": position})
    for each in hearers:
        assert (await each.hears("game:move:made"))["position"] == position


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"], indirect=True)
async def test_a_match_goes_on_after_a_kill_and_a_restart(settings: Settings) -> None:
    replica = Replica(settings)
    await replica.start()
    try:
        async with httpx.AsyncClient(base_url=replica.url, timeout=60) as client, clients_of(replica.url) as clients:
            backend = await backend_at(replica, settings, client)
            session = await backend.session("tictactoe", "ann", "bob", matchType="private")
            ann, bob = [await clients.connected("tictactoe", session["sessionToken"]) for _ in range(2)]
            await ann.join(session, "ann")
            await ann.hears("matchmaking:waiting")
            await bob.join(session, "bob")
            room = (await ann.hears("game:started"))["roomId"]
            await move(ann, room, 0, ann, bob)
            await replica.kill()
            await replica.start()
            ann, bob = [await clients.connected("tictactoe", session["sessionToken"]) for _ in range(2)]
            for each, name in ((ann, "ann"), (bob, "bob")):
                await each.say("game:reconnect", {"playerId": name})
                back = await each.hears("game:reconnected")
                assert (back["roomId"], back["board"][0], back["currentTurn"]) == (room, "X", 1)
            for mover, position in ((bob, 3), (ann, 1), (bob, 4), (ann, 2)):
                await move(mover, room, position, ann, bob)
            assert (await bob.hears("game:over"))["winner"] == "ann"
            told = await backend.get(f"/v1/sessions/{session['sessionId']}")
            assert told.json()["result"]["moveCount"] == 5
    finally:
        await replica.kill()


async def test_two_on_two_replicas_play_and_one_goes_on_at_the_other_when_theirs_dies(house: House) -> None:
    async with (
        httpx.AsyncClient(base_url=house.a.url, timeout=60) as client,
        clients_of(house.a.url) as at_a,
        clients_of(house.b.url) as at_b,
    ):
        backend = await backend_at(house.a, house.settings, client)
        sessions = [await backend.session("tictactoe", name) for name in ("ann", "bob")]
        ann = await at_a.connected("tictactoe", sessions[0]["sessionToken"])
        bob = await at_b.connected("tictactoe", sessions[1]["sessionToken"])
        await ann.join(sessions[0])
        await ann.hears("matchmaking:waiting")
        await bob.join(sessions[1])
        room = (await ann.hears("game:started"))["roomId"]
        assert (await bob.hears("game:started"))["roomId"] == room
        await move(ann, room, 0, ann, bob)
        await move(bob, room, 3, ann, bob)
        await house.a.kill()
        assert (await bob.hears("player:disconnected"))["playerId"] == "ann"
        ann = await at_b.connected("tictactoe", sessions[0]["sessionToken"])
        await ann.say("game:reconnect", {"playerId": "ann"})
        assert (await ann.hears("game:reconnected"))["board"][:4] == ["X", None, None, "O"]
        await move(ann, room, 1, ann, bob)
        await move(bob, room, 4, ann, bob)
        await move(ann, room, 2, ann, bob)
        assert (await ann.hears("game:over"))["winner"] == "ann"


@pytest.mark.timeout(600)
async def test_a_training_whose_replica_dies_is_done_by_the_other(house: House) -> None:
    services = house.services
    live, _ = await services.tenant_keys.create("Acme Games", Plan.GROWTH)
    await play(services, live.tenant.id, count=3)
    by = await services.tenant_keys.authenticate(live.secret, address="127.0.0.1")
    bot = await services.tenant_bots.create(by, LEARNED)
    await services.tenant_bots.train(by, bot.id)
    learning = await _who_learns(house)
    await learning.kill()
    left = await services.tenant_bots.get(by, bot.id)
    assert (left.training, left.trained_at) == ("running", None)
    async with services.database.write() as session:
        await session.execute(update(ArenaBot).values(train_due_ms=1))  # its lease is over
    async with asyncio.timeout(300):
        while (await services.tenant_bots.get(by, bot.id)).training != "done":  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.05)


async def _who_learns(house: House) -> Replica:
    """The replica whose process does."""
    async with asyncio.timeout(60):
        while True:
            for replica in (house.a, house.b):
                if replica.has_child(trainer.__name__):
                    return replica
            await asyncio.sleep(0.01)
