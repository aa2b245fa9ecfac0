"""A real fleet on one machine: engines with an agent each, three unless said otherwise, two replicas, PostgreSQL, a
registry and S3, as processes.

Between them lie lines that can be cut. It is opened once, and any number of schedules are played in it.
"""

import asyncio
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import docker
import httpx
import pytest
from sqlalchemy import select

from bench.house import free_port
from migrations import migrate
from orchestrator.catalog.images import inspect_image
from orchestrator.catalog.models import Build
from orchestrator.embedded import engine_api
from orchestrator.fleet.models import Host
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings
from tests.chaos.clearing import OWNER, PREFIX, clear, seat_uids
from tests.chaos.fleet.link import Link
from tests.chaos.fleet.schedule import HOSTS, REPLICAS
from tests.chaos.machine import (
    AgentFolders,
    agent_start,
    build_image,
    engine_start,
    log_tails,
    replica_start,
    tiny_counter,
    without_store_keys,
)
from tests.chaos.parts import Part, Prepare, Start
from tests.postgresql import PostgresqlServer
from tests.s3_server import KEYS, free_ports, make_bucket, serving

Dressing = Callable[[Start], Start]
READY_WITHIN_S = 90.0
SEATS = 2
BUCKET = "saves"
RESTART_PAUSE_S = 0.3
_REGISTRY = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


class FleetHost:
    """One host: an engine, an agent, and the line between the agent and the replicas."""

    def __init__(self, town: "Town", number: int) -> None:
        folder = self.folder = town.folder / f"h{number}"
        self.name = f"host-{number}"
        self.agent_data, self.seats, self.engine_run = folder / "agent", folder / "seats", folder / "engine"
        self._town = town
        self._root = folder / "root"
        self.line_port = 0
        self.line = Link(f"line of {self.name}", town.ports)
        self.engine = town.part(f"engine {number}", self._engine_start)
        self.agent = town.part(f"agent {number}", self._agent_start)

    @property
    def docker_host(self) -> str:
        return f"unix://{self.engine_run}/docker.sock"

    def make_folders(self) -> None:
        for folder in (self.folder, self.agent_data, self.seats, self.engine_run):
            folder.mkdir(mode=0o711)

    def homes(self) -> list[Path]:
        """The homes of sessions here, also those that wait for another capture."""
        return [*self.agent_data.glob("sessions/*/home"), *self.agent_data.glob("kept/*/home")]

    async def until_engine_answers(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while not await asyncio.to_thread(engine_api.answers, self.engine_run / "docker.sock"):
            assert time.monotonic() < deadline, f"{self.engine.name} does not answer\n{self._town.log_tails()}"
            await asyncio.sleep(0.05)

    async def _engine_start(self, last_exit: int | None) -> Start:
        return engine_start(self.engine_run, self._root)

    async def _agent_start(self, last_exit: int | None) -> Start:
        has_joined = (self.agent_data / "host.json").exists()
        token = "" if has_joined else await self._town.services.identities.issue_join_token()
        folders = AgentFolders(self.agent_data, self.seats, self._town.seat_runtime)
        url = f"http://127.0.0.1:{self.line_port}"
        start = agent_start(self.name, url, self.docker_host, folders, token, self._town.seats)
        return without_store_keys(self._town.dressed(start))


class Town:
    """`dressed` may change how replicas and agents are started; each host has so many `seats`."""

    def __init__(
        self, seat_runtime: Path, *, hosts: int = HOSTS, seats: int = SEATS, dressed: Dressing = lambda start: start
    ) -> None:
        self.seats, self.dressed = seats, dressed
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
        self.seat_runtime = seat_runtime
        self.data, self.logs = self.folder / "data", self.folder / "logs"
        self.timeline: list[str] = []
        self.seat_uids: set[int] = set()
        self._began_s = time.monotonic()
        self.ports = [free_port() for _ in range(REPLICAS)]
        self.urls = [f"http://127.0.0.1:{port}" for port in self.ports]
        self.hosts = [FleetHost(self, number) for number in range(hosts)]
        self.database = PostgresqlServer()
        self.database_alone = asyncio.Lock()  # one restart at a time
        self.database_lines = [
            Link(f"line to the database of replica {number}", [self.database.socket]) for number in range(REPLICAS)
        ]
        self._database_ports: list[int] = []
        self._registry_line_port = 0
        self._registry_port = free_port()
        self.registry_line = Link("line to the registry", [self._registry_port])
        self._store_ports = free_ports()
        self._store_line_port = 0
        self.store_line = Link("line to the store", [self._store_ports[0]])
        self.store = self.part("store", self._store_start)
        self.registry = self.part("registry", self._registry_start)
        self.replicas = [self.part(f"replica {number}", self._replica(number)) for number in range(REPLICAS)]
        self._services: Services | None = None

    @property
    def services(self) -> Services:
        """To look behind the town: the same services on the same database, in this process, past every line."""
        assert self._services is not None
        return self._services

    @property
    def parts(self) -> list[Part]:
        return [
            self.registry,
            self.store,
            *self.replicas,
            *(part for host in self.hosts for part in (host.engine, host.agent)),
        ]

    @property
    def links(self) -> list[Link]:
        return [self.registry_line, self.store_line, *self.database_lines, *(host.line for host in self.hosts)]

    def note(self, text: str) -> None:
        """A line of the timeline. The referee holds one with `BUG` in it against the town."""
        self.timeline.append(f"{time.monotonic() - self._began_s:7.2f}  {text}")

    def part(self, name: str, prepare: Prepare) -> Part:
        return Part(name, prepare, self.logs / f"{name.replace(' ', '-')}.log", self.note, RESTART_PAUSE_S)

    def log_tails(self, lines: int = 60) -> str:
        return log_tails(self.logs, lines)

    def learn_seats(self) -> None:
        for host in self.hosts:
            self.seat_uids |= seat_uids(host.seats)

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """Everything up inside the block, and nothing left of it afterwards, whatever happened inside."""
        self.folder.chmod(0o711)
        (self.folder / OWNER).write_text(str(os.getpid()))
        for folder in (self.data, self.logs, self.folder / "store"):
            folder.mkdir(mode=0o711)
        for host in self.hosts:
            host.make_folders()
        try:
            await asyncio.to_thread(self.database.__enter__)
            try:
                await self._open()
                with pytest.MonkeyPatch.context() as patch:
                    for name, value in KEYS.items():
                        patch.setenv(name, value)
                    async with open_services(self._settings(self.database.url("house"), self._store_url)) as services:
                        self._services = services
                        try:
                            await self._start()
                            yield
                        finally:
                            await self._stop()
            finally:
                await asyncio.to_thread(self.database.__exit__)
        finally:
            await asyncio.to_thread(clear, self.folder, self.seat_uids)

    async def _open(self) -> None:
        await self.database.execute("CREATE DATABASE house")
        await migrate(self.database.url("house"))
        for host in self.hosts:
            host.line_port = await host.line.start()
        self._database_ports = [await line.start() for line in self.database_lines]
        self._registry_line_port = await self.registry_line.start()
        self._store_line_port = await self.store_line.start()

    async def _start(self) -> None:
        await asyncio.gather(self.registry.start(), self.store.start(), *(host.engine.start() for host in self.hosts))
        await self.until_store_answers()
        await asyncio.gather(*(replica.start() for replica in self.replicas))
        await asyncio.gather(*(host.until_engine_answers() for host in self.hosts))
        await self._publish()
        await asyncio.gather(*(host.agent.start() for host in self.hosts))
        await self.until_ready()

    async def _publish(self) -> None:
        """The game's image is built on one host and pushed; every host gets it from the registry, by its digest."""
        first = self.hosts[0].docker_host
        game = tiny_counter(None)
        name = f"127.0.0.1:{self._registry_line_port}/{game.build.image}"
        digest = await asyncio.to_thread(_push, first, game.build.image, name)
        image = await asyncio.to_thread(inspect_image, name, first)
        game = game.model_copy(update={"build": game.build.model_copy(update={"image": name})})
        await self.services.catalog.add_game(game, image)
        async with self.services.database.write() as session:
            for build in await session.scalars(select(Build)):
                build.spec = {**build.spec, "manifest_digest": digest}
        await asyncio.to_thread(self.forget_image, self.hosts[0])

    def forget_image(self, host: FleetHost) -> None:
        """The next session there pulls it anew."""
        subprocess.run(
            ["docker", "-H", host.docker_host, "image", "prune", "--all", "--force"],
            check=False,
            capture_output=True,
            timeout=30,
        )

    async def until_ready(self) -> None:
        """Every part answers and every host has told of itself."""
        deadline = time.monotonic() + READY_WITHIN_S
        for host in self.hosts:
            await host.until_engine_answers()
        await self.until_store_answers()
        while not await self._is_ready():
            assert time.monotonic() < deadline, f"the town is not ready\n{self.log_tails()}"
            await asyncio.sleep(0.1)

    async def _is_ready(self) -> bool:
        async with httpx.AsyncClient(timeout=2) as client:
            for url in (*self.urls, f"http://127.0.0.1:{self._registry_line_port}/v2"):
                address = f"{url}/" if url.endswith("/v2") else f"{url}/health/ready"
                try:
                    if (await client.get(address)).status_code != 200:
                        return False
                except httpx.HTTPError:
                    return False
        async with self.services.database.read() as session:
            now = await self.services.database.now(session)
            ready = select(Host.id).where(Host.lease_until > now)
            return len((await session.scalars(ready)).all()) == len(self.hosts)

    async def _stop(self) -> None:
        for link in self.links:
            link.mend()
        await asyncio.gather(*(host.agent.stop() for host in self.hosts))
        await asyncio.gather(*(replica.stop() for replica in self.replicas))
        for host in self.hosts:
            await asyncio.to_thread(engine_api.remove_all_containers, host.engine_run / "docker.sock")
        await asyncio.gather(self.registry.stop(), self.store.stop(), *(host.engine.stop() for host in self.hosts))
        for link in self.links:
            await link.stop()

    @property
    def _store_url(self) -> str:
        """Past the line."""
        return f"http://127.0.0.1:{self._store_ports[0]}"

    async def until_store_answers(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                async with asyncio.timeout(5):
                    return await make_bucket(self._store_url, BUCKET)
            except Exception:  # whatever a server says that is not there yet, it is asked again
                assert time.monotonic() < deadline, f"the store does not answer\n{self.log_tails()}"
                await asyncio.sleep(0.1)

    def _settings(self, database_url: str, store_endpoint: str) -> Settings:
        return Settings(
            data=self.data,
            public_url=self.urls[0],
            database_url=database_url,
            store_url=f"s3://{BUCKET}",
            store_endpoint=store_endpoint,
        )

    def _replica(self, number: int) -> Prepare:
        async def prepare(_: int | None) -> Start:
            url = f"postgresql+asyncpg://house@127.0.0.1:{self._database_ports[number]}/house"
            settings = self._settings(url, f"http://127.0.0.1:{self._store_line_port}")
            return self.dressed(replica_start(settings, self.ports[number]))

        return prepare

    async def _registry_start(self, last_exit: int | None) -> Start:
        configuration = self.folder / "registry.yml"
        configuration.write_text(_REGISTRY.format(root=self.folder / "registry", port=self._registry_port))
        return Start(("docker-registry", "serve", str(configuration)), os.environ)

    async def _store_start(self, last_exit: int | None) -> Start:
        return Start(serving(self.folder / "store", self._store_ports), os.environ)

    # What faults take hold of.

    def signal_database(self, number: signal.Signals) -> None:
        """To each of its processes: they are in sessions of their own."""
        parent = self.database.process_id
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        for process in (parent, *map(int, children)):
            try:
                os.kill(process, number)
            except ProcessLookupError:
                continue


def _push(docker_host: str, image: str, name: str) -> str:
    """Build the game there and push it; the digest that the registry knows it by."""
    build_image(docker_host)
    client = docker.DockerClient(base_url=docker_host, timeout=60)
    try:
        client.images.get(image).tag(name)
        client.images.push(name)
        return str(client.images.get(name).attrs["RepoDigests"][0]).rpartition("@")[2]
    finally:
        client.close()
