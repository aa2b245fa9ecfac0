"""What tests of sessions do all the time, over the documented HTTP."""

from datetime import timedelta
from typing import Any

import httpx

from agent_protocol import DesiredSession
from tests.integration.orchestrator.conftest import ScriptedHost
from tests.integration.orchestrator.play.clock import Clock


async def launch(player: httpx.AsyncClient, game: str = "the-question", **body: object) -> httpx.Response:
    """`key` becomes the Idempotency-Key."""
    headers = {"Idempotency-Key": str(body.pop("key"))} if "key" in body else {}
    return await player.post("/api/game/launch", json={"gameSlug": game, **body}, headers=headers)


async def running(player: httpx.AsyncClient, host: ScriptedHost, **body: object) -> DesiredSession:
    """A session that runs on this host, as the host was ordered to run it."""
    await host.sync()
    assert (await launch(player, **body)).status_code == 202
    [order] = (await host.sync()).sessions
    await host.run(order)
    return order


async def status(player: httpx.AsyncClient, session_id: str, **query: object) -> dict[str, Any]:
    answer = await player.get("/api/game/session-status", params={"sessionId": session_id, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def stop(player: httpx.AsyncClient, session_id: str) -> httpx.Response:
    return await player.post("/api/game/stop", json={"sessionId": session_id})


async def keep_alive(player: httpx.AsyncClient, session_id: str, frames: int | None = None) -> httpx.Response:
    body: dict[str, object] = {"sessionId": session_id}
    return await player.post("/api/game/keepalive", json=body | ({} if frames is None else {"framesDecoded": frames}))


async def keep_synced(clock: Clock, host: ScriptedHost, span: timedelta) -> None:
    """Time passes, and the host reports every five seconds."""
    until = clock.time + span
    while clock.time < until:
        await clock.pass_time(timedelta(seconds=5))
        await host.sync()
