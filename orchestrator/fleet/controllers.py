"""`/api/agents/*`: what game hosts call, save for saves. HTTP only."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, HeaderParameter, JSONBody

from agent_protocol import JoinRequest, JoinResponse, News, SyncRequest, SyncResponse
from orchestrator.fleet.identity import HostIdentities
from orchestrator.fleet.sync import AgentSync
from orchestrator.installation import Installation

MOST_SYNC_BYTES = 8 * 1024**2  # a host that is refused for its report's size could never make it smaller
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
        """A new host: the token is good once, the public key is that of every later request of the host."""
        host_id = await identities.join(data)
        return JoinResponse(host_id=host_id, installation=installation.installation_id, keys=installation.jwks())

    @post("/sync", status_code=200, operation_id="syncHost", request_max_body_size=MOST_SYNC_BYTES)
    async def sync(
        self,
        data: JSONBody[SyncRequest],
        identities: NamedDependency[HostIdentities],
        agent_sync: NamedDependency[AgentSync],
        authorization: Authorization = None,
    ) -> SyncResponse:
        """A host's whole report, answered with all that it should run. 409 `stale_sync` for one that is too old."""
        return await agent_sync.sync(await identities.identify(authorization), data)

    @get("/wait", operation_id="waitForOrders")
    async def wait(
        self,
        revision: FromQuery[int],
        identities: NamedDependency[HostIdentities],
        agent_sync: NamedDependency[AgentSync],
        authorization: Authorization = None,
    ) -> News:
        """Held until there is another revision of the host's orders than the one given, with which they come."""
        return await agent_sync.wait(await identities.identify(authorization), revision)
