"""A scripted evening: launch, run, save and end over HTTP, and a look at what became of the saves."""

import hashlib
from pathlib import Path
from typing import Any

import httpx

from agent_protocol import DesiredSession
from orchestrator.settings import Settings
from tests.integration.orchestrator.conftest import ScriptedHost


async def start(player: httpx.AsyncClient, host: ScriptedHost, **body: object) -> DesiredSession:
    answer = await player.post("/api/game/launch", json={"gameSlug": "the-question", **body})
    assert answer.status_code == 202, answer.text
    session_id = answer.json()["sessionId"]
    [order] = [order for order in (await host.sync()).sessions if order.session_id == session_id]
    await host.run(order)
    return order


async def finish(player: httpx.AsyncClient, host: ScriptedHost, order: DesiredSession) -> None:
    await host.end(order, "exited")


async def slots(player: httpx.AsyncClient) -> list[dict[str, Any]]:
    return (await player.get("/api/saves", params={"gameSlug": "the-question"})).json()["saves"]


async def restored(host: ScriptedHost, order: DesiredSession) -> bytes:
    assert order.restore is not None
    answer = await host.client.get(order.restore.path, headers=host.headers)
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == order.restore.digest
    assert len(answer.content) == order.restore.size_bytes
    return answer.content


async def saved(host: ScriptedHost, order: DesiredSession, archive: bytes, **more: Any) -> dict[str, Any]:
    """Sends an archive and gives what was answered: its `versionId`, and whether it is the `head`."""
    answer = await host.put_save(order, archive, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def versions(player: httpx.AsyncClient, slot_id: str) -> list[dict[str, Any]]:
    answer = await player.get(f"/api/saves/{slot_id}/versions")
    assert answer.status_code == 200, answer.text
    return answer.json()["versions"]


async def evening(player: httpx.AsyncClient, host: ScriptedHost, *contents: bytes, **launch: object) -> str:
    """A whole session in the only slot, which saves these archives; the id of the slot."""
    order = await start(player, host, **launch)
    for content in contents:
        await saved(host, order, content)
    await finish(player, host, order)
    [slot] = await slots(player)
    return slot["id"]


def archives(settings: Settings) -> list[Path]:
    """Every file in the store, whole or half-written."""
    return [path for path in (settings.data / "saves").rglob("*") if path.is_file()]
