"""What tests of sessions do all the time, over the documented HTTP."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx

from agent_protocol import DesiredSession
from orchestrator.play.models import Session
from orchestrator.services import Services
from tests.integration.orchestrator.conftest import ScriptedHost
from tests.integration.orchestrator.play.clock import STEP, Clock


async def launch(player: httpx.AsyncClient, game: str = "the-question", /, **body: object) -> httpx.Response:
    """`key` becomes the Idempotency-Key."""
    headers = {"Idempotency-Key": str(body.pop("key"))} if "key" in body else {}
    return await player.post("/api/game/launch", json={"gameSlug": game, **body}, headers=headers)


async def running(
    player: httpx.AsyncClient, host: ScriptedHost, game: str = "the-question", /, **body: object
) -> DesiredSession:
    """A session that runs on this host, as the host was ordered to run it."""
    await host.sync()
    assert (await launch(player, game, **body)).status_code == 202
    [order] = (await host.sync()).sessions
    await host.run(order)
    return order


async def status(player: httpx.AsyncClient, session_id: str, **query: str | float) -> dict[str, Any]:
    params: dict[str, str | float] = {"sessionId": session_id, **query}
    answer = await player.get("/api/game/session-status", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def reach(player: httpx.AsyncClient, session_id: str, wanted: str) -> dict[str, Any]:
    """The status once its status or its phase is the wanted one."""
    async with asyncio.timeout(60):
        view = await status(player, session_id)
        while wanted not in {view["status"], view["phase"]}:
            view = await status(player, session_id, wait=2, after=view["revision"])
        return view


async def stop(player: httpx.AsyncClient, session_id: str) -> httpx.Response:
    return await player.post("/api/game/stop", json={"sessionId": session_id})


async def keep_alive(player: httpx.AsyncClient, session_id: str, frames: int | None = None) -> httpx.Response:
    body: dict[str, object] = {"sessionId": session_id}
    return await player.post("/api/game/keepalive", json=body | ({} if frames is None else {"framesDecoded": frames}))


async def let_expire_in(services: Services, session_id: str, span: timedelta) -> None:
    """As if nobody had played for long: only `span` is left of the idle time."""
    async with services.database.write() as session:
        row = await session.get_one(Session, session_id)
        row.expires_at = await services.database.now(session) + span


async def keep_synced(clock: Clock, host: ScriptedHost, span: timedelta, every: timedelta = STEP) -> None:
    """Time passes, and the host reports often enough not to be lost."""
    until = clock.time + span
    while clock.time < until:
        await clock.skip(min(until - clock.time, every))
        await host.sync()
