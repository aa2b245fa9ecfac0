"""A tenant's server, which does with webhooks what a test says."""

import hashlib
import hmac
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Received:
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    def is_signed_by(self, secret: str, header: str = "X-BetaGamer-Signature") -> bool:
        """As a tenant would look."""
        expected = "sha256=" + hmac.new(secret.encode(), self.body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected, self.headers.get(header, ""))


@dataclass
class Receiver:
    """`status` is what it answers, unless it has an `answer`."""

    url: str = ""
    port: int = 0
    status: int = 200
    answer: Answer | None = None
    received: list[Received] = field(default_factory=list[Received])

    @property
    def events(self) -> list[tuple[str, int]]:
        """Session and number of all that came, in their order."""
        return [(each.json["sessionId"], each.json["data"]["number"]) for each in self.received]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.received.append(Received(dict(request.headers), await request.read()))
        if self.answer is not None:
            return await self.answer(request)
        return web.Response(status=self.status, text="as the test says")


@asynccontextmanager
async def receiving(
    host: str = "127.0.0.1", port: int = 0, ssl_context: SSLContext | None = None
) -> AsyncGenerator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=ssl_context).start()
        receiver.port = runner.addresses[0][1]
        receiver.url = f"http://{host}:{receiver.port}/hook"
        yield receiver
    finally:
        await runner.cleanup()
