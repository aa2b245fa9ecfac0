"""Which tenant is asking, and what every answer to a tenant has in common."""

from typing import Any

from litestar import MediaType, Response
from litestar.datastructures import MutableScopeHeaders
from litestar.di import NamedDependency
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.audit.recording import Actor, ActorKind
from orchestrator.errors import ApiError, Forbidden, RateLimited, Unauthorized
from orchestrator.http import AnyConnection, AnyRequest, address_of, answer_bug, request_id_of
from orchestrator.limits.throttle import Tally
from orchestrator.tenants.keys import Proven, TenantKeys

_PROVEN, _TALLY = "tenant", "tenant_tally"
_PATHS = ("/v1/", "/api/v1/")
_CORS_METHODS = "GET, POST, PATCH, DELETE, OPTIONS"
_CORS_HEADERS = "Authorization, Content-Type, Idempotency-Key"
_EXPOSED = "X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After"


async def with_tenant_key(connection: AnyConnection, _handler: BaseRouteHandler) -> None:
    """Guard: Unauthorized without a good key, Forbidden from a page that it is not for, RateLimited."""
    header = connection.headers.get("authorization", "").strip()
    if not header:
        raise Unauthorized("Missing Authorization header")
    scheme, _, secret = header.partition(" ")
    keys: TenantKeys = connection.app.state.tenant_keys
    proven = await keys.authenticate(
        secret.strip() if scheme.lower() == "bearer" else "", address=address_of(connection)
    )
    connection.state[_PROVEN], connection.state[_TALLY] = proven, proven.tally
    if proven.tally.is_over:
        raise RateLimited("Rate limit exceeded", retry_after_s=proven.tally.ends_in_s)
    if not proven.allows(connection.headers.get("origin")):
        raise Forbidden("Origin not allowed for this API key")


async def provide_proven(request: AnyRequest) -> Proven:
    """Whose key this is; only behind the guard."""
    return proven_of(request)


async def provide_actor(request: AnyRequest, proven: NamedDependency[Proven]) -> Actor:
    """The key, as the audit log names it; only behind the guard."""
    return Actor(ActorKind.TENANT_KEY, proven.key_id, address_of(request))


def proven_of(connection: AnyConnection) -> Proven:
    """Whose key a request that has passed the guard carries."""
    found: Proven = connection.state[_PROVEN]
    return found


class TenantHeaders(ASGIMiddleware):
    """With tenants' answers: what is left of the minute's requests, and that pages of other origins may read them, as
    nothing there rests on a cookie.
    """

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if not scope["path"].startswith(_PATHS):
            await next_app(scope, receive, send)
            return
        origin = dict(scope["headers"]).get(b"origin")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders.from_message(message)
                tally: Tally | None = scope.get("state", {}).get(_TALLY)
                if tally is not None:
                    headers["X-RateLimit-Limit"] = str(tally.limit.tries)
                    headers["X-RateLimit-Remaining"] = str(tally.remaining)
                    headers["X-RateLimit-Reset"] = str(int(tally.ends_at.timestamp()))
                if origin is not None:
                    headers["Access-Control-Allow-Origin"] = origin.decode("latin-1")
                    headers["Access-Control-Expose-Headers"] = _EXPOSED
                    headers["Access-Control-Allow-Methods"] = _CORS_METHODS
                    headers["Access-Control-Allow-Headers"] = _CORS_HEADERS
                    headers["Vary"] = "Origin"
            await send(message)

        await next_app(scope, receive, send_with_headers)


def answer_tenant_error(request: AnyRequest, error: ApiError) -> Response[Any]:
    """An expected failure as the tenants' pages word it: `{"error": text}`."""
    headers = {"X-Request-Id": request_id_of(request.scope)}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    return _json({"error": error.message}, error.status, headers)


def answer_tenant_http_error(request: AnyRequest, error: HTTPException) -> Response[Any]:
    """What the framework refuses, in the same shape."""
    if error.status_code >= 500:
        return answer_tenant_bug(request, error)
    return _json({"error": error.detail}, error.status_code, {"X-Request-Id": request_id_of(request.scope)})


def answer_tenant_bug(request: AnyRequest, error: Exception) -> Response[Any]:
    """A bug: logged whole, answered with the id under which to find it."""
    answer_bug(request, error)
    request_id = request_id_of(request.scope)
    content = {"error": "Something went wrong on our side", "requestId": request_id}
    return _json(content, 500, {"X-Request-Id": request_id})


def _json(content: dict[str, str], status: int, headers: dict[str, str]) -> Response[Any]:
    return Response(content, status_code=status, headers=headers, media_type=MediaType.JSON)
