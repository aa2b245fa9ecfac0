"""A stretch of network between a page and its seat: what goes through it can be cut, and comes back when mended."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.async_api import Browser, Page, Route

import orchestrator.web
from streaming.audience import Role
from streaming.errors import SeatError
from streaming.protocol import Introduction, SessionDescription
from tests.integration.streaming.seat_support import HERE, Seat

ORIGIN = "http://playhouse.test"
SCRIPTS = Path(orchestrator.web.__file__).parent / "static" / "js"
CANDIDATE = re.compile(r"(a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1 )(\d+)( typ host)")


class Way:
    """Carries signalling, and datagrams when it is `between`: then the page sees the way's own ports alone."""

    def __init__(self, seat: Seat, role: Role = Role.PLAYER, *, between: bool = True) -> None:
        self._seat = seat
        self._role = role
        self._between = between
        self._transports: list[asyncio.DatagramTransport] = []
        self.is_cut = False

    async def open_page(self, browser: Browser, **config: object) -> Page:
        page = await browser.new_page()
        await page.route(f"{ORIGIN}/**", self._serve)
        await page.goto(f"{ORIGIN}/#{quote(json.dumps(config))}")
        return page

    def close(self) -> None:
        for transport in self._transports:
            transport.close()

    async def _serve(self, route: Route) -> None:
        path = route.request.url.removeprefix(ORIGIN).partition("#")[0]
        if self.is_cut:
            await route.abort("internetdisconnected")
        elif path.startswith("/js/"):
            script = (SCRIPTS / path.removeprefix("/js/")).read_text()
            await route.fulfill(content_type="text/javascript", body=script)
        elif path == "/session/connect":
            await self._signal(route)
        else:
            await route.fulfill(content_type="text/html", body=(HERE / "stream.html").read_text())

    async def _signal(self, route: Route) -> None:
        order: dict[str, Any] = json.loads(route.request.post_data or "{}")
        offer = SessionDescription.model_validate(order["offer"])
        if self._between:
            lines = (line for line in offer.sdp.splitlines() if not line.startswith("a=candidate"))
            offer = SessionDescription(type="offer", sdp="".join(f"{line}\r\n" for line in lines))
        who = Introduction(person=order["page"], again=order["again"])
        try:
            answer = await self._seat.client.connect(offer, role=self._role, who=who)
        except SeatError as error:
            await route.fulfill(status=409, json={"error": error.code, "message": error.message})
            return
        sdp = await self._through(answer.sdp) if self._between else answer.sdp
        await route.fulfill(json={"answer": {"type": "answer", "sdp": sdp}})

    async def _through(self, sdp: str) -> str:
        ports = {found[2] for found in CANDIDATE.finditer(sdp)}
        ours = {port: await self._listen(int(port)) for port in ports}
        return CANDIDATE.sub(lambda found: f"{found[1]}{ours[found[2]]}{found[3]}", sdp)

    async def _listen(self, seat_port: int) -> int:
        loop = asyncio.get_running_loop()
        page_end, seat_end = _End(self), _End(self)
        page_end.other, seat_end.other = seat_end, page_end
        seat_end.peer = ("127.0.0.1", seat_port)
        for end in (page_end, seat_end):
            transport, _ = await loop.create_datagram_endpoint(lambda end=end: end, local_addr=("127.0.0.1", 0))
            self._transports.append(transport)
        assert page_end.transport is not None
        return int(page_end.transport.get_extra_info("sockname")[1])


class _End(asyncio.DatagramProtocol):
    """One side of the way. The page's is learnt from what it sends."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self.other: _End | None = None
        self.peer: tuple[str, int] | None = None
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.peer = addr
        other = self.other
        if not self._way.is_cut and other is not None and other.transport is not None and other.peer is not None:
            other.transport.sendto(data, other.peer)

    def error_received(self, exc: Exception) -> None:
        """The other side has closed its port: the datagram is lost, as on any network."""
