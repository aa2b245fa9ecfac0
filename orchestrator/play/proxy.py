"""`/session/{id}/…` of hosts that only this machine can reach: passed on to the agent as it is.

The body carries the stream token that the agent checks, so nothing is decided here. Media never comes this way.
"""

from typing import Any
from urllib.parse import urlsplit

import aiohttp
from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIType, Schema
from litestar.params import FromPath
from litestar.response import Redirect

from orchestrator.api_operations import takes
from orchestrator.database import Database
from orchestrator.errors import ApiError, NotFound
from orchestrator.fleet.models import Host
from orchestrator.play.models import Session
from orchestrator.play.stream_access import is_only_local

CONNECT_TIMEOUT_S = 15.0
MAX_OFFER_BYTES = 256 * 1024
MAX_ANSWER_BYTES = 256 * 1024
VIA = "1.1 playhouse"
_WITHOUT_BODY = frozenset({204, 205, 304})


class HostUnreachable(ApiError):
    """The session's host does not answer just now; trying again helps."""

    status = 502
    code = "host_unreachable"


class SeatProxy:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._client: aiohttp.ClientSession | None = None

    async def connect(self, session_id: str, body: bytes) -> tuple[int, bytes]:
        """The agent's status and body for this offer, and none of its headers. Raises `NotFound` or `HostUnreachable`.

        A host may name any address of this machine as its own: it is told that the offer was passed on, so that ours is
        no way to ourselves, and where it would send us is not followed.
        """
        async with self._database.read() as session:
            row = await session.get(Session, session_id)
            host = await session.get(Host, row.host_id) if row and row.host_id else None
        if host is None or not is_only_local(host.public_url):
            raise NotFound("there is no such session here")
        address = urlsplit(host.public_url)
        url = f"{address.scheme}://{address.netloc}/session/{session_id}/connect"
        return await passed_on(self._http(), url, body)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    def _http(self) -> aiohttp.ClientSession:
        # Made at first use: aiohttp wants a running loop.
        if self._client is None:
            self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CONNECT_TIMEOUT_S))
        return self._client


async def passed_on(client: aiohttp.ClientSession, url: str, body: bytes) -> tuple[int, bytes]:
    """Status and body of a host's answer, which may be any bytes. Raises `HostUnreachable` where they are none that a
    browser could be given.
    """
    headers = {"Content-Type": "application/json", "Via": VIA}
    try:
        async with client.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            if not 200 <= answer.status < 600 or answer.status in _WITHOUT_BODY:
                raise HostUnreachable("the game's host answers what nobody asked for")
            return answer.status, await _bounded(answer.content)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise HostUnreachable("the game's host does not answer at the moment") from error


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    async for piece in content.iter_chunked(MAX_ANSWER_BYTES):
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise HostUnreachable("the game's host answers what nobody asked for")
    return bytes(body)


class SeatProxyController(Controller):
    path = "/session/{session_id:str}"
    tags = ("sessions",)

    @get("/", operation_id="openSession", status_code=302)
    async def open(self, session_id: FromPath[str]) -> Redirect:
        """The page of this session."""
        return Redirect(f"/play/{session_id}")

    @post(
        "/connect",
        status_code=200,
        operation_id="connectToSeat",
        operation_class=takes("application/json", schema=Schema(type=OpenAPIType.OBJECT)),
        request_max_body_size=MAX_OFFER_BYTES,
    )
    async def connect(
        self, request: Request[Any, Any, Any], session_id: FromPath[str], seat_proxy: NamedDependency[SeatProxy]
    ) -> Response[bytes]:
        """The WebRTC offer with the stream token, passed on to the session's host; its answer comes back as it is."""
        if any(each.strip() == VIA for line in request.headers.getall("via", []) for each in line.split(",")):
            raise NotFound("there is no such session here")
        status, body = await seat_proxy.connect(session_id, await request.body())
        return Response(body, status_code=status, media_type="application/json")
