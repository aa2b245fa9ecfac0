"""Which publisher is asking. A path that needs one has `guards=[with_key]`, which runs before the body is looked at."""

from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler

from orchestrator.audit.recording import Actor, ActorKind
from orchestrator.http import AnyConnection, AnyRequest, address_of
from orchestrator.publishers.keys import PublisherKeys
from orchestrator.publishers.models import Publisher

_CACHE = "publisher"


async def with_key(connection: AnyConnection, _handler: BaseRouteHandler) -> None:
    """Guard: Unauthorized without a good key, RateLimited."""
    keys: PublisherKeys = connection.app.state.publisher_keys
    scheme, _, secret = connection.headers.get("authorization", "").partition(" ")
    is_bearer = scheme.lower() == "bearer"
    connection.state[_CACHE] = await keys.authenticate(
        secret.strip() if is_bearer else None, address=address_of(connection)
    )


async def provide_publisher(request: AnyRequest) -> Publisher:
    """Whose key this is; only behind the guard."""
    found: Publisher = request.state[_CACHE]
    return found


async def provide_publisher_actor(request: AnyRequest, publisher: NamedDependency[Publisher]) -> Actor:
    """The publisher, as the audit log names them; only behind the guard."""
    return Actor(ActorKind.PUBLISHER, publisher.id, address_of(request))
