"""What every HTTP answer of ours has in common: the shape of errors, timestamps, request ids.

It knows no subject: nothing here reads the database or decides what an account may do.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Annotated, Any, TypeVar, cast
from urllib.parse import quote

import structlog
from litestar import MediaType, Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, InternalServerException, SerializationException, ValidationException
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError
from pydantic.alias_generators import to_camel

from orchestrator.errors import ApiError, Conflict, InvalidRequest, UnsupportedVersion
from orchestrator.ids import new_id

log = structlog.get_logger()

AnyRequest = Request[Any, Any, Any]
AnyConnection = ASGIConnection[Any, Any, Any, Any]

MOST_RETURN_CHARACTERS = 2000

_CODES = {401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
QUIET_S = 30.0
"""How long the sender of a body may say nothing."""


def utc_seconds(moment: datetime) -> str:
    """`2026-03-09T12:00:00Z`: every timestamp of the API but one."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_milliseconds(moment: datetime) -> str:
    """`2026-03-09T12:00:00.000Z`: `expires` of `/api/auth/session`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _only_boolean(value: object) -> object:
    # Litestar validates leniently, which would take "yes" and 1 for true.
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


Flag = Annotated[bool, BeforeValidator(_only_boolean)]
Timestamp = Annotated[datetime, PlainSerializer(utc_seconds, return_type=str)]


class Schema(BaseModel):
    """The base of every body that a browser sends or receives. Fields carry camelCase names as explicit aliases."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Wire(Schema):
    """A body whose field names are ours in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


SchemaType = TypeVar("SchemaType", bound=BaseModel)


def parse(schema: type[SchemaType], fields: object) -> SchemaType:
    """`fields` as a `schema`, or InvalidRequest that names the first wrong field."""
    try:
        return schema.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidRequest(_sentence(".".join(str(part) for part in first["loc"]), first["msg"])) from error


class BoundedRequest(Request[Any, Any, Any]):
    """A request whose body cannot be read as JSON is refused, also where the decoder gives up in a way of its own: text
    that is no UTF-8, brackets without end.
    """

    async def json(self) -> Any:
        try:
            return await super().json()
        except (UnicodeDecodeError, RecursionError) as error:
            raise InvalidRequest("The body is not valid JSON.") from error


async def read_fields(request: AnyRequest) -> dict[str, Any]:
    """The fields of a body that may be JSON or an HTML form."""
    if request.content_type[0] == MediaType.JSON:
        try:
            body: object = await request.json()
        except SerializationException as error:
            raise InvalidRequest("The body is not valid JSON.") from error
        if not isinstance(body, dict):
            raise InvalidRequest("The body must be a JSON object.")
        return cast("dict[str, Any]", body)
    return {str(name): value for name, value in (await request.form()).items()}


async def received(request: AnyRequest) -> AsyncIterator[bytes]:
    """The body as it arrives. `InvalidRequest` when its sender goes away in the middle, or is quiet for `QUIET_S`."""
    stream = aiter(request.stream())
    try:
        while True:
            async with asyncio.timeout(QUIET_S):
                piece = await anext(stream, None)
            if piece is None:
                return
            yield piece
    except TimeoutError as error:
        raise InvalidRequest(f"Nothing came for {QUIET_S:.0f} s.") from error
    except InternalServerException as error:
        raise InvalidRequest("The body did not arrive whole.") from error


def local_path(url: object, *origins: str) -> str:
    """Where a redirect may lead: `url` as a path of our own, `/` when it would leave one of our `origins`."""
    if not isinstance(url, str) or "\\" in url or any(ord(character) <= 32 for character in url):
        return "/"
    for origin in origins:
        if url.startswith(f"{origin}/"):
            url = url.removeprefix(origin)
            break
    return url if url.startswith("/") and not url.startswith("//") else "/"


def with_return(address: str, path: str) -> str:
    """`address` of a door, and in it where one wants to go from there; `/` is where one goes unasked."""
    if path == "/" or len(path) > MOST_RETURN_CHARACTERS:
        return address
    return f"{address}{'&' if '?' in address else '?'}callbackUrl={quote(path)}"


def origin_of(request: AnyRequest) -> str:
    """The origin under which this request reached us, such as `http://192.168.1.5:8000`."""
    return f"{request.base_url.scheme}://{request.base_url.netloc}"


def address_of(connection: AnyConnection) -> str:
    """Where this came from, as tries are counted: an IPv4 address, or the /64 network that one customer has of IPv6."""
    return sender(connection.client.host if connection.client else "unknown")


def sender(host: str) -> str:
    """What stands for whoever has this address."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ip_network((address, 64), strict=False))


class RequestIds(ASGIMiddleware):
    """Gives each request an id, binds it to the log, and answers it as `X-Request-Id`. API answers are never cached."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        request_id = request_id_of(scope)
        is_api = scope["path"].startswith("/api/")

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders.from_message(message)
                headers["X-Request-Id"] = request_id
                headers.setdefault("X-Content-Type-Options", "nosniff")
                if is_api:
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await next_app(scope, receive, send_with_id)


def request_id_of(scope: Scope) -> str:
    """This request's id, made at the first call."""
    return scope.setdefault("state", {}).setdefault("request_id", new_id("req"))


def answer_api_error(request: AnyRequest, error: ApiError) -> Response[Any]:
    """An expected failure, as the public API words it: `{"error", "message"}` and what else the error carries."""
    content: dict[str, object] = {"error": error.code, "message": error.message}
    if isinstance(error, Conflict | UnsupportedVersion):
        content |= error.details
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    return _json(request, content, error.status, headers)


def answer_http_error(request: AnyRequest, error: HTTPException) -> Response[Any]:
    """What the framework refuses (a malformed body, an unknown path) in the same shape."""
    if error.status_code >= 500:
        return answer_bug(request, error)
    code = _CODES.get(error.status_code, "invalid_request")
    return _json(request, {"error": code, "message": _describe(error)}, error.status_code, error.headers or {})


def answer_bug(request: AnyRequest, error: Exception) -> Response[Any]:
    """A bug: logged whole, answered with nothing but the id under which to find it."""
    request_id = request_id_of(request.scope)
    log.error("request.failed", method=request.method, path=request.url.path, request_id=request_id, exc_info=error)
    message = "Something went wrong on our side."
    return _json(request, {"error": "internal_error", "message": message, "requestId": request_id}, 500, {})


def _json(request: AnyRequest, content: dict[str, object], status: int, headers: dict[str, str]) -> Response[Any]:
    headers = {**headers, "X-Request-Id": request_id_of(request.scope)}
    return Response(content, status_code=status, headers=headers, media_type=MediaType.JSON)


def _describe(error: HTTPException) -> str:
    if isinstance(error, ValidationException) and isinstance(error.extra, list) and error.extra:
        first = cast("dict[str, str]", error.extra[0])
        return _sentence(first.get("key", ""), first.get("message", "is not valid"))
    if error.status_code == 404:
        return "There is nothing here."
    return error.detail


def _sentence(field: str, problem: str) -> str:
    return f"{field}: {problem}" if field else problem
