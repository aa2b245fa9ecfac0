"""A small real fleet: two replicas on a PostgreSQL of their own, two agents on one engine, saves in S3.

The way to the store fails as its mood says, for replicas and hosts alike. Agents speak to whichever replica answers.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
from sqlalchemy import select

from bench.house import free_port
from migrations import migrate
from orchestrator.catalog.images import inspect_image
from orchestrator.embedded import engine_api
from orchestrator.errors import ApiError
from orchestrator.fleet.models import Host
from orchestrator.fleet.operations import HostChange
from orchestrator.play.models import Session
from orchestrator.saves.models import SaveSlot, SaveVersion
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings
from tests.chaos.clearing import clear, seat_uids
from tests.chaos.fleet.link import Link
from tests.chaos.machine import (
    AgentFolders,
    agent_start,
    build_image,
    log_tails,
    replica_start,
    tiny_counter,
    without_store_keys,
)
from tests.chaos.observer import Written, read_counter
from tests.chaos.parts import Part, Prepare, Start
from tests.chaos.player import Player
from tests.integration.docker_engine import DockerEngine
from tests.integration.gameserver_agent.control_plane import files_of
from tests.postgresql import PostgresqlServer
from tests.s3_server import FaultyWay

READY_WITHIN_S = 60.0
COUNTER = "save/counter.json"


class FleetHost:
    """One agent. `id` is there once the fleet is open."""

    def __init__(self, fleet: "Fleet", number: int) -> None:
        self.name, self.id = f"host-{number}", ""
        self.folder = fleet.folder / f"h{number}"
        self.data, self.seats = self.folder / "agent", self.folder / "seats"
        self._fleet = fleet
        self.agent = fleet.part(f"agent {number}", self._start)

    def counter(self, session_id: str) -> Written | None:
        """What the game of this session wrote last on this host."""
        with suppress(OSError, ValueError):
            return read_counter((self.data / "sessions" / session_id / "home" / COUNTER).read_bytes())[1]
        return None

    def unsent(self) -> list[str]:
        return [path.name for path in (self.data / "unsent").glob("*.tar.zst")]

    def log(self) -> str:
        return self.agent.log.read_text(errors="replace")

    async def _start(self, _: int | None) -> Start:
        token = "" if (self.data / "host.json").exists() else await self._fleet.services.identities.issue_join_token()
        folders = AgentFolders(self.data, self.seats, self._fleet.seat_runtime)
        url = f"http://127.0.0.1:{self._fleet.door_port}"
        return without_store_keys(agent_start(self.name, url, self._fleet.engine.url, folders, token))


class Fleet:
    def __init__(self, engine: DockerEngine, seat_runtime: Path, store_url: str, store: FaultyWay) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fleet-", dir="/tmp"))
        self.engine, self.seat_runtime, self.store = engine, seat_runtime, store
        self.timeline: list[str] = []
        self.database = PostgresqlServer()
        self.door_port = 0
        self._store_url = store_url
        self._ports = [free_port(), free_port()]
        self._door = Link("door of the replicas", self._ports)
        self.urls = [f"http://127.0.0.1:{port}" for port in self._ports]
        self.replicas = [self.part(f"replica {number}", self._replica(port)) for number, port in enumerate(self._ports)]
        self.hosts = [FleetHost(self, 0), FleetHost(self, 1)]
        self._services: Services | None = None

    @property
    def services(self) -> Services:
        """To look behind the fleet, and to drain hosts."""
        assert self._services is not None
        return self._services

    def part(self, name: str, prepare: Prepare) -> Part:
        log = self.folder / "logs" / f"{name.replace(' ', '-')}.log"
        return Part(name, prepare, log, self.timeline.append, pause_s=0.3)

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        self.folder.chmod(0o711)
        for folder in (self.folder / "data", self.folder / "logs"):
            folder.mkdir()
        for host in self.hosts:
            for folder in (host.folder, host.data, host.seats):
                folder.mkdir(mode=0o711)
        uids: set[int] = set()
        try:
            await asyncio.to_thread(self.database.__enter__)
            await self.database.execute("CREATE DATABASE fleet")
            await migrate(self.database.url("fleet"))
            self.door_port = await self._door.start()
            async with open_services(self._settings()) as self._services:
                try:
                    await self._start()
                    yield
                finally:
                    uids = set().union(*(seat_uids(host.seats) for host in self.hosts))
                    await asyncio.gather(*(host.agent.stop() for host in self.hosts))
                    await asyncio.gather(*(replica.stop() for replica in self.replicas))
                    socket = Path(self.engine.url.removeprefix("unix://"))
                    await asyncio.to_thread(engine_api.remove_all_containers, socket)
            await self._door.stop()
        finally:
            await asyncio.to_thread(self.database.__exit__)
            print(*self.timeline, log_tails(self.folder / "logs"), sep="\n")
            await asyncio.to_thread(clear, self.folder, uids)

    async def _start(self) -> None:
        await asyncio.to_thread(build_image, self.engine.url)
        game = tiny_counter(None)
        image = await asyncio.to_thread(inspect_image, game.build.image, self.engine.url)
        await self.services.catalog.add_game(game, image)
        await asyncio.gather(*(replica.start() for replica in self.replicas))
        await asyncio.gather(*(host.agent.start() for host in self.hosts))
        await self.until(self._are_ready, READY_WITHIN_S)

    async def _are_ready(self) -> bool:
        async with httpx.AsyncClient(timeout=2) as client:
            try:
                answers = [await client.get(f"{url}/health/ready") for url in self.urls]
            except httpx.HTTPError:
                return False
        async with self.services.database.read() as session:
            now = await self.services.database.now(session)
            ids = dict(list(await session.execute(select(Host.name, Host.id).where(Host.lease_until > now))))
        for host in self.hosts:
            host.id = ids.get(host.name, "")
        return all(answer.status_code == 200 for answer in answers) and all(host.id for host in self.hosts)

    def _settings(self) -> Settings:
        return Settings(
            data=self.folder / "data",
            public_url=self.urls[0],
            database_url=self.database.url("fleet"),
            store_url=self._store_url,
            store_endpoint=self.store.url,
        )

    def _replica(self, port: int) -> Prepare:
        async def prepare(_: int | None) -> Start:
            return replica_start(self._settings(), port)

        return prepare

    # What tests do and see.

    async def player(self) -> Player:
        player = Player(self.urls, self.timeline.append)
        await player.register()
        return player

    async def only(self, host: FleetHost) -> None:
        """New sessions go to this host alone."""
        for each in self.hosts:
            await self.services.fleet_operations.change(each.id, HostChange(is_draining=each is not host))

    async def row(self, session_id: str) -> Session:
        async with self.services.database.read() as session:
            return await session.get_one(Session, session_id)

    async def host_of(self, session_id: str) -> FleetHost:
        row = await self.row(session_id)
        return next(host for host in self.hosts if host.id == row.host_id)

    async def hosts_in_database(self) -> list[Host]:
        async with self.services.database.read() as session:
            return list(await session.scalars(select(Host)))

    async def head(self) -> SaveVersion | None:
        """Of the only slot that there is."""
        query = select(SaveVersion).join(SaveSlot, SaveSlot.head_version_id == SaveVersion.id)
        async with self.services.database.read() as session:
            return await session.scalar(query)

    async def head_of(self, session_id: str) -> SaveVersion | None:
        """Of the slot that a session plays."""
        query = select(SaveVersion).join(SaveSlot, SaveSlot.head_version_id == SaveVersion.id)
        query = query.join(Session, Session.slot_id == SaveSlot.id).where(Session.id == session_id)
        async with self.services.database.read() as session:
            return await session.scalar(query)

    async def versions(self) -> list[SaveVersion]:
        async with self.services.database.read() as session:
            return list(await session.scalars(select(SaveVersion).order_by(SaveVersion.created_at)))

    async def counter_of(self, version: SaveVersion | None) -> int:
        """The number in a version's archive, as it lies in the store."""
        assert version is not None
        content = b"".join([piece async for piece in self.services.store.read(version.key)])
        return read_counter(files_of(content)[COUNTER])[1].count

    async def until(self, holds: Callable[[], Awaitable[bool]], within_s: float = 30.0) -> None:
        """Asked again and again; what the fleet cannot answer does not hold."""
        deadline = time.monotonic() + within_s
        while True:
            with suppress(ApiError):
                if await holds():
                    return
            assert time.monotonic() < deadline, f"it never came to that: {holds}"
            await asyncio.sleep(0.1)

    async def until_counted(self, host: FleetHost, session_id: str, count: int, within_s: float = 30.0) -> None:
        """The game has written at least this number."""

        async def holds() -> bool:
            written = host.counter(session_id)
            return written is not None and written.count >= count

        await self.until(holds, within_s)
