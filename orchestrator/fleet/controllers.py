"""`/api/agents/*`: what game hosts call, save for saves. HTTP only."""

from litestar import Controller, get, post
from litestar.di import NamedDependency, Provide
from litestar.handlers import BaseRouteHandler
from litestar.params import FromQuery, JSONBody

from agent_protocol import JoinRequest, JoinResponse, News, SyncRequest, SyncResponse
from orchestrator.fleet.identity import HostIdentities
from orchestrator.fleet.sync import AgentSync
from orchestrator.http import AnyConnection, AnyRequest
from orchestrator.installation import Installation
from orchestrator.installation.signing import SigningKeys

MOST_SYNC_BYTES = 8 * 1024**2  # a host that is refused for its report's size could never make it smaller
_CACHE = "host"


async def from_host(connection: AnyConnection, _handler: BaseRouteHandler) -> None:
    """Guard, so that nobody else's body is read: Unauthorized unless a host asks. It may have been removed."""
    identities: HostIdentities = connection.app.state.identities
    connection.state[_CACHE] = await identities.identify(connection.headers.get("authorization"))


async def provide_host_id(request: AnyRequest) -> str:
    """Which host asks; only behind the guard."""
    found: str = request.state[_CACHE]
    return found


class AgentController(Controller):
    path = "/api/agents"
    tags = ("agents",)
    dependencies = {"host_id": Provide(provide_host_id)}

    @post("/join", status_code=200, operation_id="joinHost")
    async def join(
        self,
        data: JSONBody[JoinRequest],
        identities: NamedDependency[HostIdentities],
        installation: NamedDependency[Installation],
        signing_keys: NamedDependency[SigningKeys],
    ) -> JoinResponse:
        """A new host: the token is good once, the public key is that of every later request of the host."""
        host_id = await identities.join(data)
        return JoinResponse(host_id=host_id, installation=installation.installation_id, keys=signing_keys.jwks())

    @post(
        "/sync",
        status_code=200,
        operation_id="syncHost",
        guards=[from_host],
        request_max_body_size=MOST_SYNC_BYTES,
    )
    async def sync(
        self, data: JSONBody[SyncRequest], host_id: NamedDependency[str], agent_sync: NamedDependency[AgentSync]
    ) -> SyncResponse:
        """A host's whole report, answered with all that it should run. 409 `stale_sync` for one that is too old."""
        return await agent_sync.sync(host_id, data)

    @get("/wait", operation_id="waitForOrders", guards=[from_host])
    async def wait(
        self, revision: FromQuery[int], host_id: NamedDependency[str], agent_sync: NamedDependency[AgentSync]
    ) -> News:
        """Held until there is another revision of the host's orders than the one given, with which they come."""
        return await agent_sync.wait(host_id, revision)
