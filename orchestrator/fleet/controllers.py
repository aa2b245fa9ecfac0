"""`/api/agents/*`: what game hosts call. HTTP only."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from litestar import Controller, Request, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody, QueryParameter
from litestar.response import Stream

from agent_protocol import JoinRequest, JoinResponse, SyncRequest, SyncResponse
from orchestrator.fleet.identity import HostIdentities
from orchestrator.fleet.sync import AgentSync
from orchestrator.installation import Installation
from orchestrator.saves.service import Saves
from orchestrator.saves.store import MAX_ARCHIVE_BYTES

Digest = Annotated[str, QueryParameter(pattern=r"^[0-9a-f]{64}$")]
Authorization = Annotated[str | None, HeaderParameter(name="Authorization", max_length=4096)]


class AgentController(Controller):
    path = "/api/agents"
    tags = ("agents",)

    @post("/join", status_code=200, operation_id="joinHost")
    async def join(
        self,
        data: JSONBody[JoinRequest],
        identities: NamedDependency[HostIdentities],
        installation: NamedDependency[Installation],
    ) -> JoinResponse:
        host_id = await identities.join(data)
        return JoinResponse(host_id=host_id, installation=installation.installation_id, keys=installation.jwks())

    @post("/sync", status_code=200, operation_id="syncHost")
    async def sync(
        self,
        data: JSONBody[SyncRequest],
        identities: NamedDependency[HostIdentities],
        agent_sync: NamedDependency[AgentSync],
        authorization: Authorization = None,
    ) -> SyncResponse:
        return await agent_sync.sync(await identities.authenticate(authorization), data)

    @get("/wait", operation_id="waitForOrders")
    async def wait(
        self,
        revision: FromQuery[int],
        identities: NamedDependency[HostIdentities],
        agent_sync: NamedDependency[AgentSync],
        authorization: Authorization = None,
    ) -> dict[str, int]:
        host_id = await identities.authenticate(authorization)
        return {"revision": await agent_sync.wait(host_id, revision)}

    @put(
        "/sessions/{session_id:str}/saves",
        status_code=200,
        operation_id="putSave",
        request_max_body_size=MAX_ARCHIVE_BYTES,
    )
    async def put_save(
        self,
        request: Request[Any, Any, Any],
        session_id: FromPath[str],
        generation: FromQuery[int],
        digest: Digest,
        size: FromQuery[int],
        identities: NamedDependency[HostIdentities],
        saves: NamedDependency[Saves],
        authorization: Authorization = None,
    ) -> dict[str, str | bool]:
        host_id = await identities.authenticate(authorization)
        accepted = await saves.accept(host_id, session_id, generation, digest, size, request.stream())
        return {"versionId": accepted.version_id, "head": accepted.is_head}

    @get("/saves/{version_id:str}", operation_id="getSave")
    async def get_save(
        self,
        version_id: FromPath[str],
        identities: NamedDependency[HostIdentities],
        saves: NamedDependency[Saves],
        authorization: Authorization = None,
    ) -> Stream:
        host_id = await identities.authenticate(authorization)
        size_bytes, body = await saves.open_for_host(host_id, version_id)
        return Stream(_pieces(body), media_type="application/zstd", headers={"Content-Length": str(size_bytes)})


async def _pieces(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in body:
        yield piece
