"""One replica's HTTP server: it serves until a signal, and then ends without keeping anybody waiting."""

import asyncio
import socket
import sys

import uvicorn
from litestar import Litestar

from orchestrator.app import create_app
from orchestrator.arena.arena import Arena
from orchestrator.arena.engine import MAX_MESSAGE_BYTES
from orchestrator.collecting import Collecting
from orchestrator.notices import Notices
from orchestrator.settings import Settings

_SHUTDOWN_GRACE_S = 2
_THREAD_TURN_S = 0.0005


def serve_until_told(settings: Settings, host: str, port: int) -> bool:
    """Until SIGTERM or SIGINT. False when it could not start; its log says why."""
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        access_log=False,
        log_config=None,
        proxy_headers=True,
        forwarded_allow_ips=list(settings.trusted_proxies),
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_GRACE_S,
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=None,  # Engine.IO has pings of its own
        ws_per_message_deflate=False,  # messages are small, and there are thousands of connections
    )
    # SQLite's threads hand over to the loop and back with every statement: Python's usual turns of 5 ms would add up.
    sys.setswitchinterval(_THREAD_TURN_S)
    server = _Server(config, app)
    server.run()
    return server.started


class _Server(uvicorn.Server):
    """Lets go of the requests that are held for news before it waits for the end of all requests."""

    def __init__(self, config: uvicorn.Config, app: Litestar) -> None:
        super().__init__(config)
        self._app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._collecting = asyncio.create_task(Collecting().run())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._collecting.cancel()
        notices: Notices = self._app.state["notices"]
        notices.close()
        arena: Arena = self._app.state["arena"]
        await arena.sockets.will_end()
        await super().shutdown(sockets)
