"""The application on a port, a tenant with its keys, and players' clients."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn
from litestar import Litestar

from orchestrator.arena.engine import MAX_MESSAGE_BYTES
from orchestrator.services import Services
from orchestrator.tenants.plans import Plan
from tests.integration.orchestrator.arena.players import Clients

ORIGIN = "https://games.example"


@dataclass
class Backend:
    """A tenant's server: it has the keys."""

    http: httpx.AsyncClient
    tenant_id: str
    live_key: str
    test_key: str

    async def post(self, path: str, fields: Any, *, key: str | None = None, **headers: str) -> httpx.Response:
        bearer = {"Authorization": f"Bearer {key or self.live_key}"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(path, json=fields, headers=bearer | named)

    async def get(self, path: str, *, key: str | None = None, **headers: str) -> httpx.Response:
        return await self.http.get(path, headers={"Authorization": f"Bearer {key or self.live_key}"} | headers)

    async def session(self, game: str, *players: str, **fields: Any) -> dict[str, Any]:
        people = [{"id": player, "displayName": player.title()} for player in players]
        answer = await self.post("/v1/sessions", {"game": game, "players": people, **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()


@pytest.fixture
async def arena_url(app: Litestar) -> AsyncGenerator[str]:
    """Where `app` is served."""
    listener = socket.create_server(("127.0.0.1", 0))
    asgi: Any = app
    config = uvicorn.Config(
        asgi,
        lifespan="off",
        log_config=None,
        access_log=False,
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE_BYTES,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    await app.state["arena"].sockets.will_end()
    server.should_exit = True
    await serving
    listener.close()


@pytest.fixture
async def backend(services: Services, client: httpx.AsyncClient) -> Backend:
    return await new_backend(services, client, "Acme Games")


@pytest.fixture
async def clients(app: Litestar, arena_url: str) -> AsyncGenerator[Clients]:
    made = Clients(arena_url)
    yield made
    closing = asyncio.create_task(made.close())
    while not closing.done():  # this client waits for the poll that it has sent
        await app.state["arena"].sockets.engine.release()
        await asyncio.wait({closing}, timeout=0.05)


async def new_backend(services: Services, client: httpx.AsyncClient, name: str, plan: Plan = Plan.GROWTH) -> Backend:
    live, test = await services.tenant_keys.create(name, plan, [ORIGIN])
    return Backend(client, live.tenant.id, live.secret, test.secret)
