"""A replica in a thread of its own, for tests whose clients are other programs."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn

from orchestrator.app import create_app
from orchestrator.arena.engine import MAX_MESSAGE_BYTES
from orchestrator.settings import Settings


@contextmanager
def serving(settings: Settings, port: int = 0) -> Generator[str]:
    """Its address."""
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        port=port,
        log_level="warning",
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE_BYTES,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while not server.started and thread.is_alive() and time.monotonic() < deadline:
            thread.join(0.02)
        assert server.started
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()
