"""Whose keys are stolen, and from which replica."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from agent_protocol import DesiredSession, SyncResponse
from orchestrator.services import Services, open_services
from orchestrator.tenants.plans import Plan
from tests.api.served import PLAIN, Served
from tests.integration.orchestrator.conftest import ScriptedHost
from tests.integration.orchestrator.saves.playing import saved, start


@dataclass
class Scene:
    """A player who plays on one host, a publisher and a tenant; and a neighbour of each."""

    replica: Served
    order: DesiredSession
    seen: SyncResponse
    version_id: str
    slot_id: str
    stream_token: str
    other_host: ScriptedHost
    other_tenants_key: str
    other_tenants_session: str
    session: dict[str, Any]

    @property
    def host(self) -> ScriptedHost:
        return self.replica.host

    @asynccontextmanager
    async def asking(self, **headers: str) -> AsyncGenerator[httpx.AsyncClient]:
        """A thief's program, with these headers."""
        async with httpx.AsyncClient(base_url=self.replica.url, headers=headers, **PLAIN) as client:
            yield client

    def bearer(self, token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}"}

    @asynccontextmanager
    async def hosts(self) -> AsyncGenerator[tuple[ScriptedHost, ScriptedHost]]:
        """The player's host and the other one, with a connection to speak by."""
        async with self.asking() as client:
            self.host.client = self.other_host.client = client
            yield self.host, self.other_host

    async def joining(self, token: str, name: str) -> int:
        """The status with which a new machine is taken in."""
        async with self.asking() as client:
            return (await ScriptedHost(client, token, name=name, images=()).join()).status_code

    @property
    def cookie(self) -> str:
        """The player's."""
        return self.replica.signed_in["Cookie"].partition("=")[2]

    @asynccontextmanager
    async def services(self) -> AsyncGenerator[Services]:
        """As the operator's command line has them, beside the replica."""
        async with open_services(self.replica.settings) as services:
            yield services


async def set_up(replica: Served) -> Scene:
    host = replica.host
    async with (
        httpx.AsyncClient(base_url=replica.url, headers=replica.signed_in, **PLAIN) as player,
        httpx.AsyncClient(base_url=replica.url, headers=replica.as_admin, **PLAIN) as admin,
        httpx.AsyncClient(base_url=replica.url, **PLAIN) as nobody,
        open_services(replica.settings) as services,
    ):
        host.client = nobody
        order = await start(player, host)
        version_id = (await saved(host, order, b"an archive"))["versionId"]
        status = (await player.get("/api/game/session-status", params={"sessionId": order.session_id})).json()
        [slot] = (await player.get("/api/saves", params={"gameSlug": "the-question"})).json()["saves"]
        token = (await admin.post("/api/admin/join-tokens", json={})).json()["token"]
        other_host = ScriptedHost(nobody, token, name="host-b", images=())
        assert (await other_host.join()).status_code == 200
        other, _ = await services.tenant_keys.create("Other Games", Plan.ENTERPRISE)
        return Scene(
            replica=replica,
            order=order,
            seen=await host.sync(),
            version_id=version_id,
            slot_id=slot["id"],
            stream_token=status["streamToken"],
            other_host=other_host,
            other_tenants_key=other.secret,
            other_tenants_session=(await match(nobody, other.secret))["sessionId"],
            session=await match(nobody, replica.as_tenant["Authorization"].partition(" ")[2]),
        )


async def match(client: httpx.AsyncClient, key: str, **fields: Any) -> dict[str, Any]:
    order = {"game": "tictactoe", "players": [{"id": "ann", "displayName": "Ann"}], **fields}
    answer = await client.post("/v1/sessions", json=order, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 201, answer.text
    return answer.json()
