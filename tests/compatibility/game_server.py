"""A game server for the script: the real agent and its real HTTP, on an engine and seats in memory.

A game that starts writes into its save folder at once, so that whatever was played has a save.
"""

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from agent_protocol import JoinRequest
from gameserver_agent.agent import Agent
from gameserver_agent.clock import OrchestratorClock
from gameserver_agent.host_usage import HostMeter
from gameserver_agent.http.app import make_app
from gameserver_agent.identity import DataFolder, Membership, public_key_text
from gameserver_agent.images import Images
from gameserver_agent.observing import TABLE
from gameserver_agent.orchestrator_client import HostIdentity, OrchestratorClient
from gameserver_agent.runtime.fake_runtime import FakeProgram, FakeRuntime
from gameserver_agent.runtime.port import Image
from gameserver_agent.saves.outbox import Outbox
from gameserver_agent.seats.fake_seats import FakeSeats
from gameserver_agent.seats.places import SeatPlaces
from gameserver_agent.sessions.container import SESSION_LABEL, host_labels
from gameserver_agent.sessions.services import SessionServices
from gameserver_agent.tasks import cancelled
from metering import Meter

BROKEN = ("broken",)


class SavingEngine(FakeRuntime):
    def __init__(self, data: Path) -> None:
        super().__init__({BROKEN: FakeProgram(exit_code=1, output=("no picture came",))})
        self._data = data

    async def start(self, container_id: str) -> None:
        await super().start(container_id)
        for container in await self.list_containers({}):
            if container.container_id == container_id and container.is_running:
                home = self._data / "sessions" / container.labels[SESSION_LABEL] / "home"
                (home / "save").write_bytes(b"Chapter one")


@dataclass(frozen=True)
class GameServer:
    url: str
    secret: str
    host_id: str


@asynccontextmanager
async def game_server(site: str, join_token: str, image_id: str, folder: Path) -> AsyncGenerator[GameServer]:
    """Joined and at work until the block ends. Its engine holds the image."""
    data = DataFolder(folder / "agent")
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    clock = OrchestratorClock(data.path / "clock.json")
    try:
        async with OrchestratorClient(site, clock.now_s) as client:
            joined = await client.join(
                JoinRequest(
                    token=join_token, name="gs01", public_key=public_key_text(data.private_key()), public_url=url
                )
            )
            client.identity = HostIdentity(joined.host_id, data.private_key())
            engine = SavingEngine(data.path)
            engine.images[image_id] = Image(image_id, (), 1000)
            meter = Meter(TABLE)
            agent = Agent(
                data=data,
                membership=Membership(joined.host_id, joined.installation, joined.keys),
                client=client,
                clock=clock,
                runtime=engine,
                meter=HostMeter(data.path, 4),
                public_url=url,
                metrics=meter,
            )
            outbox = Outbox(data.path / "unsent", client, agent.incarnation, agent.save_was_sent)
            await agent.adopt(
                SessionServices(
                    runtime=engine,
                    images=Images(engine, meter=meter),
                    seats=FakeSeats(SeatPlaces(folder / "seats", joined.host_id)),
                    downloads=client,
                    pictures=client,
                    outbox=outbox,
                    data=data.path,
                    interpreter=sys.executable,
                    ours=host_labels(joined.installation, joined.host_id),
                    changed=agent.changed,
                    now=clock.now,
                    meter=meter,
                )
            )
            app = make_app(agent, secret=data.static_secret(), play_url=site, now_s=clock.now_s)
            server = web.AppRunner(app, access_log=None)
            await server.setup()
            await web.SockSite(server, listener).start()
            working = asyncio.ensure_future(agent.run(outbox))
            try:
                async with asyncio.timeout(60):
                    while not agent.is_ready():  # noqa: ASYNC110 - it tells nobody
                        await asyncio.sleep(0.02)
                yield GameServer(url, data.static_secret(), joined.host_id)
            finally:
                await cancelled(working)
                await agent.leave()
                await server.cleanup()
    finally:
        listener.close()
        data.close()
