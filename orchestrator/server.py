"""One replica's HTTP server: it serves until a signal, and then ends without losing anybody's request."""

import asyncio
import socket
import sys

import uvicorn
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode
from websockets.protocol import State

from orchestrator.app import create_app
from orchestrator.arena.arena import Arena
from orchestrator.arena.engine import MAX_MESSAGE_BYTES
from orchestrator.collecting import Collecting
from orchestrator.leaving import Leaving, Patience, parting_gap_s, patience_of
from orchestrator.notices import Notices
from orchestrator.settings import Settings

_IDLE_S = 150
"""Longer than proxies keep a connection that nobody uses (Caddy 120 s, nginx 60 s): were we the first to close it, what
they send just then would be lost."""
_THREAD_TURN_S = 0.0005
_LOOK_EVERY_S = 0.05


def serve_until_told(settings: Settings, host: str, port: int) -> bool:
    """Until SIGTERM or SIGINT. False when it could not start; its log says why."""
    app = create_app(settings)
    patience = patience_of(settings)
    config = uvicorn.Config(
        _closing_when_leaving(app),
        host=host,
        port=port,
        loop="uvloop",
        access_log=False,
        log_config=None,
        proxy_headers=True,
        forwarded_allow_ips=list(settings.trusted_proxies),
        server_header=False,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=int(patience.finish_s),
        ws=PartingWebSocket,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=None,  # Engine.IO has pings of its own
        ws_per_message_deflate=False,  # messages are small, and there are thousands of connections
    )
    # SQLite's threads hand over to the loop and back with every statement: Python's usual turns of 5 ms would add up.
    sys.setswitchinterval(_THREAD_TURN_S)
    server = _Server(config, app, patience)
    server.run()
    return server.started


class PartingWebSocket(WebSocketsSansIOProtocol):
    """One WebSocket, which can be sent away without losing what is on its way here."""

    def part(self) -> None:
        """Tell the client to come again (1012). What it sent before it heard that is still taken."""
        if self.handshake_complete and not self.close_sent and self.conn.state is State.OPEN:
            self.conn.send_close(CloseCode.SERVICE_RESTART)
            self.transport.write(b"".join(self.conn.data_to_send()))

    def shutdown(self) -> None:
        """At once, whether or not the client has answered that it goes."""
        if self.handshake_complete and not self.close_sent and self.conn.state is not State.OPEN:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": CloseCode.SERVICE_RESTART})
            self.transport.close()
        else:
            super().shutdown()


class _Server(uvicorn.Server):
    """Ends as `leaving` says. A second Ctrl-C waits for nothing."""

    def __init__(self, config: uvicorn.Config, app: Litestar, patience: Patience) -> None:
        super().__init__(config)
        self._app = app
        self._patience = patience

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._collecting = asyncio.create_task(Collecting().run())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        leaving: Leaving = self._app.state["leaving"]
        leaving.has_begun = True
        await self._wait(self._patience.notice_s)
        self._collecting.cancel()
        for server in self.servers:
            server.close()  # takes nobody new; those who are connected stay
        notices: Notices = self._app.state["notices"]
        notices.close()
        arena: Arena = self._app.state["arena"]
        await arena.sockets.will_end()
        await self._part()
        await self._wait(self._patience.settle_s)
        await super().shutdown(sockets)

    async def _part(self) -> None:
        """Send every WebSocket away, one after the other, so that they do not all come to the others at once."""
        connections = [each for each in self.server_state.connections if isinstance(each, PartingWebSocket)]
        for connection in connections:
            connection.part()
            await self._wait(parting_gap_s(len(connections)))

    async def _wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + seconds
        while not self.force_exit and (left_s := until_s - loop.time()) > 0:  # noqa: ASYNC110 - a signal's handler says it
            await asyncio.sleep(min(left_s, _LOOK_EVERY_S))


def _closing_when_leaving(app: Litestar) -> ASGIApp:
    """Once the replica is about to end, each connection ends with the answer that it waits for."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_close(message: Message) -> None:
            if message["type"] == "http.response.start":
                leaving: Leaving = app.state["leaving"]
                if leaving.has_begun:
                    message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await app(scope, receive, send_and_close if scope["type"] == ScopeType.HTTP else send)

    return serve
