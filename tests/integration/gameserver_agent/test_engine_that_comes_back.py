"""An engine that comes back with other settings than it went with."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gameserver_agent.runtime.docker_runtime import DockerRuntime
from gameserver_agent.runtime.port import ContainerSpec

SPEC = ContainerSpec(
    name="game",
    image_id="sha256:1",
    command=(),
    user="210001:210001",
    environment={},
    labels={},
    mounts=(),
    cpu_cores=1.0,
    memory_bytes=128 * 1024**2,
    pids=32,
    stop_signal="SIGTERM",
)
REMAPPED: dict[str, object] = {"SecurityOptions": ["name=userns"], "DockerRootDir": "/var/lib/docker/200000.200000"}


class TellingEngine(ThreadingHTTPServer):
    """Says of itself what it is told to, and writes down as whom containers are to run."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.info: dict[str, object] = {}
        self.users: list[str] = []


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, TellingEngine)
        self._answer(200, self.server.info)

    def do_POST(self) -> None:
        assert isinstance(self.server, TellingEngine)
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.users.append(asked["User"])
        self._answer(201, {"Id": "container"})

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Says nothing."""


@pytest.fixture
def engine() -> Iterator[TellingEngine]:
    with TellingEngine() as engine:
        serving = threading.Thread(target=engine.serve_forever)
        serving.start()
        yield engine
        engine.shutdown()
        serving.join()


async def test_a_game_is_its_seats_uid_when_the_engine_comes_back_with_user_namespaces(engine: TellingEngine) -> None:
    runtime = DockerRuntime(f"tcp://127.0.0.1:{engine.server_port}")
    try:
        await runtime.create(SPEC)
        engine.info = REMAPPED
        await runtime.create(SPEC)
    finally:
        await runtime.close()
    assert engine.users == ["210001:210001", "10001:10001"]
