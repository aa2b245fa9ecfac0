"""A replica that goes: how long it waits for what, whether those who stop it wait as long, and what it still hears."""

import asyncio
import re
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
import yaml
from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.uri import parse_uri

from deploy.ssh import on_host
from deploy.ssh.deploy import PROJECT
from orchestrator.leaving import LONGEST_PARTING_S, PARTED_PER_S, Patience, parting_gap_s, patience_of
from orchestrator.server import PartingWebSocket
from orchestrator.settings import Settings

_DEPLOY = PROJECT / "deploy"
_LOOPS_END_S = 10.0
POSTGRESQL = "postgresql+asyncpg://house@db/house"


def test_one_of_several_serves_on_while_proxies_find_out() -> None:
    patience = patience_of(Settings(database_url=POSTGRESQL))
    assert (patience.notice_s, patience.settle_s) == (5.0, 3.0)
    assert patience_of(Settings(database_url=POSTGRESQL, drain_s=20.0)).notice_s == 20.0


@pytest.mark.parametrize(
    "settings",
    [Settings(database_url="sqlite+aiosqlite:///house.sqlite"), Settings(database_url=POSTGRESQL, drain_s=0.0)],
    ids=["sqlite", "told so"],
)
def test_one_that_is_alone_is_back_the_sooner(settings: Settings) -> None:
    assert patience_of(settings) == Patience(0.0, 0.0, 2.0)


def test_websockets_are_sent_away_in_turn_and_within_bounds() -> None:
    assert parting_gap_s(0) == parting_gap_s(10) == 1 / PARTED_PER_S
    assert parting_gap_s(10_000) * 10_000 == pytest.approx(LONGEST_PARTING_S)


def test_whoever_stops_a_replica_waits_for_its_end() -> None:
    longest_s = patience_of(Settings(database_url=POSTGRESQL)).longest_s + _LOOPS_END_S
    unit = (_DEPLOY / "systemd" / "playhouse-orchestrator.service").read_text()
    stop = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    services = yaml.safe_load((_DEPLOY / "compose" / "compose.yaml").read_text())["services"]
    pods = yaml.safe_load_all((_DEPLOY / "kubernetes" / "orchestrator.yaml").read_text())
    [deployment] = [each for each in pods if each["kind"] == "Deployment"]
    waits_s = {
        "systemd": float(stop.group(1)) if stop else 0.0,
        "ssh": on_host.STOPS_WITHIN_S,
        "kubernetes": deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"],
        **{name: float(services[name]["stop_grace_period"][:-1]) for name in ("orchestrator", "orchestrator2")},
    }
    assert min(waits_s.values()) >= longest_s, waits_s


class Peer:
    """A WebSocket client whose every byte the test decides on."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        self._reader, self._writer = reader, writer
        self.protocol = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}/"))

    async def open(self) -> None:
        self.protocol.send_request(self.protocol.connect())
        await self.send()
        await self.hears()

    async def send(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                self._writer.write(data)
        await self._writer.drain()

    async def hears(self) -> list[Any]:
        """What came next; whatever answer it asks for waits until `send`."""
        self.protocol.receive_data(await self._reader.read(4096))
        return self.protocol.events_received()

    async def is_closed(self) -> bool:
        return await self._reader.read(4096) == b""


@asynccontextmanager
async def served(heard: "asyncio.Queue[dict[str, Any]]") -> AsyncGenerator[tuple[Peer, uvicorn.Server]]:
    """One connection, and whatever it says."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            await heard.put(message)
        await heard.put(message)

    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, ws=PartingWebSocket))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    peer = Peer(reader, writer, port)
    try:
        async with asyncio.timeout(60):
            await peer.open()
            yield peer, server
    finally:
        server.should_exit = True
        await serving
        writer.close()
        listener.close()


def _connections(server: uvicorn.Server) -> list[PartingWebSocket]:
    return [each for each in server.server_state.connections if isinstance(each, PartingWebSocket)]


async def test_what_was_said_before_the_goodbye_was_heard_is_taken() -> None:
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    async with served(heard) as (peer, server):
        [connection] = _connections(server)
        connection.part()
        connection.part()  # once is enough
        peer.protocol.send_text(b"e2e4")
        await peer.send()
        [goodbye] = await peer.hears()
        assert isinstance(goodbye, Frame)
        assert (goodbye.opcode, int.from_bytes(goodbye.data[:2])) == (Opcode.CLOSE, CloseCode.SERVICE_RESTART)
        assert (await heard.get())["text"] == "e2e4"
        assert _connections(server) == [connection], "it waits for the answer"
        await peer.send()
        assert (await heard.get())["type"] == "websocket.disconnect"
        assert await peer.is_closed()


@pytest.mark.parametrize("is_parted", [True, False])
async def test_a_client_that_does_not_answer_is_let_go_when_the_time_is_over(*, is_parted: bool) -> None:
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    async with served(heard) as (peer, server):
        [connection] = _connections(server)
        if is_parted:
            connection.part()
        connection.shutdown()
        assert await heard.get() == {"type": "websocket.disconnect", "code": CloseCode.SERVICE_RESTART}
        await peer.hears()
        assert await peer.is_closed()
