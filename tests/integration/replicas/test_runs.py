"""A tenant's streamed game outlives the replica at which it was joined, and its end reaches the tenant once."""

import httpx
from sqlalchemy import select

from agent_protocol import RunResult
from orchestrator.webhooks.models import WebhookDelivery
from tests.integration.orchestrator.arena.players import clients_of
from tests.integration.orchestrator.conftest import ScriptedHost, add_game
from tests.integration.replicas.house import House
from tests.integration.replicas.test_matches import backend_at

GAME = "subway-runner"
TOLD = RunResult(score=893, distance=313, coins=58, duration=21.87, reason="crashed")


async def test_a_run_whose_replica_is_killed_ends_at_the_other_with_its_score(house: House) -> None:
    await add_game(house.services, GAME)
    async with (
        httpx.AsyncClient(base_url=house.a.url, timeout=60) as at_a,
        httpx.AsyncClient(base_url=house.b.url, timeout=60) as at_b,
        clients_of(house.a.url) as clients_of_a,
        clients_of(house.b.url) as clients_of_b,
    ):
        host = ScriptedHost(at_b, await house.services.identities.issue_join_token())
        await host.sync()
        backend = await backend_at(house.a, house.settings, at_a)
        await house.services.webhooks.add(backend.tenant_id, "https://tenant.example/hook", ["game.ended"], retries=1)
        session = await backend.session(GAME, "ann")
        ann = await clients_of_a.connected(GAME, session["sessionToken"])
        await ann.join(session)
        await ann.hears("stream:status")
        [order] = (await host.sync()).sessions
        await host.run(order)
        assert (await ann.hears("game:started"))["roomId"] == order.session_id, "it heard of what came to the other"
        await house.a.kill()
        ann = await clients_of_b.connected(GAME, session["sessionToken"])
        await ann.say("game:reconnect")
        assert (await ann.hears("game:started"))["roomId"] == order.session_id
        host.see_end(order, "exited")
        host.observed[order.session_id] = host.observed[order.session_id].model_copy(update={"result": TOLD})
        for _ in range(2):
            await host.sync()
        over = await ann.hears("game:over")
        assert (over["reason"], over["score"], over["distance"]) == ("finished", 893, 313)
        backend.http = at_b
        told = (await backend.get(f"/v1/sessions/{session['sessionId']}")).json()
        assert {"roomId": order.session_id, **told["result"]} == over
        async with house.services.database.read() as rows:
            letters = list(await rows.scalars(select(WebhookDelivery)))
        assert [letter.data for letter in letters] == [told["result"]]
