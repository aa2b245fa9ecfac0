"""A real house for one schedule: replicas, an agent and a private engine as processes, real seats, a small disk.

The host's disk (the agent's data and the engine's) is a file system of its own that can be filled. Everything lies in
one folder with a short path, so that what is left afterwards can be found by it.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from bench.house import free_port
from gameserver_agent.seats.places import SeatPlace
from migrations import migrate
from orchestrator.catalog.images import inspect_image
from orchestrator.embedded import engine_api
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings
from tests.chaos.clearing import (
    OWNER,
    PREFIX,
    clear,
    kill_everything,
    processes,
    processes_of,
    remove_x_leftovers,
    seat_uids,
    unmount,
)
from tests.chaos.machine import (
    AgentFolders,
    agent_start,
    build_image,
    engine_start,
    log_tails,
    replica_start,
    tiny_counter,
    waiting_seats,
)
from tests.chaos.parts import Part, Prepare, Start

DISK = "192m"
BALLAST = "ballast"
READY_WITHIN_S = 60.0
_MIGRATING = asyncio.Lock()  # Alembic's context belongs to the whole process


class House:
    """Parts are started and killed one by one; `note` writes the timeline."""

    def __init__(self, seat_runtime: Path, restart_pause_s: float, database_url: str | None = None) -> None:
        folder = self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
        self.began_s = time.monotonic()
        self.timeline: list[str] = []
        self.seat_uids: set[int] = set()
        self.faults_at_s: list[float] = []  # POSIX time, as the game writes it
        self.disk = folder / "disk"
        self.agent_data = self.disk / "agent"
        self.seats = folder / "seats"
        self.data = folder / "data"
        self.engine_run = folder / "engine"
        self.logs = folder / "logs"
        self._seat_runtime = seat_runtime
        self._pause_s = restart_pause_s
        self._first_port = free_port()
        settings = Settings(data=self.data, public_url=f"http://127.0.0.1:{self._first_port}")
        self.settings = settings if database_url is None else settings.model_copy(update={"database_url": database_url})
        self.replicas: list[Part] = []
        self.urls: list[str] = []
        self.agent = self._part("agent", self._agent_start)
        self.engine = self._part("engine", self._engine_start)
        self._services: Services | None = None

    @property
    def services(self) -> Services:
        """To look behind the house: the same services on the same database, in this process."""
        assert self._services is not None
        return self._services

    @property
    def docker_host(self) -> str:
        return f"unix://{self.engine_run}/docker.sock"

    @property
    def now_s(self) -> float:
        return time.monotonic() - self.began_s

    def note(self, text: str) -> None:
        """A line of the timeline. The referee holds one with `BUG` in it against the house."""
        self.timeline.append(f"{self.now_s:7.2f}  {text}")

    @asynccontextmanager
    async def opened(self, replicas: int, behaviour: str | None) -> AsyncGenerator[None]:
        """Everything up inside the block, and nothing left of it afterwards, whatever happened inside."""
        self._make_folders()
        try:
            async with _MIGRATING:
                await migrate(self.settings.database_url)
            async with open_services(self.settings) as services:
                self._services = services
                await self._start(replicas, behaviour)
                try:
                    yield
                finally:
                    await self._stop()
        finally:
            await asyncio.to_thread(clear, self.folder, self.seat_uids)

    def _make_folders(self) -> None:
        self.folder.chmod(0o711)
        (self.folder / OWNER).write_text(str(os.getpid()))
        for folder in (self.disk, self.seats, self.data, self.engine_run, self.logs):
            folder.mkdir(mode=0o711)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=711", "chaos", str(self.disk)], check=True)

    async def _start(self, replicas: int, behaviour: str | None) -> None:
        await self.engine.start()
        for number in range(replicas):
            await self._add_replica(number)
        await self.until_engine_answers()
        await asyncio.to_thread(build_image, self.docker_host)
        image = await asyncio.to_thread(inspect_image, tiny_counter(None).build.image, self.docker_host)
        for game in (tiny_counter(None), tiny_counter(behaviour or "exit", slug="tiny-bad")):
            await self.services.catalog.add_game(game, image)
        await self.agent.start()
        await self.until_ready()

    async def _add_replica(self, number: int) -> None:
        port = self._first_port if number == 0 else free_port()

        async def prepare(_: int | None) -> Start:
            return replica_start(self.settings, port)

        self.urls.append(f"http://127.0.0.1:{port}")
        self.replicas.append(self._part(f"replica {number}" if number else "replica", prepare))
        await self.replicas[-1].start()

    async def until_ready(self) -> None:
        """Every replica answers, the engine too, and the agent has told of both itself and the image."""
        deadline = time.monotonic() + READY_WITHIN_S
        while not await self._is_ready():
            assert time.monotonic() < deadline, f"the house is not ready\n{self.log_tails()}"
            await asyncio.sleep(0.1)

    async def _is_ready(self) -> bool:
        async with httpx.AsyncClient(timeout=2) as client:
            for url in self.urls:
                try:
                    if (await client.get(f"{url}/health/ready")).status_code != 200:
                        return False
                except httpx.HTTPError:
                    return False
        hosts = await self.services.fleet_overview.hosts()
        return any(host.is_ready and host.host.images for host in hosts)

    async def until_engine_answers(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while not await asyncio.to_thread(engine_api.answers, self.engine_run / "docker.sock"):
            assert time.monotonic() < deadline, f"the engine does not answer\n{self.log_tails()}"
            await asyncio.sleep(0.05)

    # What faults take hold of.

    def homes(self) -> list[Path]:
        """The homes of sessions on this host, also those that wait for another capture."""
        return [*self.agent_data.glob("sessions/*/home"), *self.agent_data.glob("kept/*/home")]

    def tell_game(self, order: str) -> None:
        """Give every game that runs here an order."""
        for home in self.agent_data.glob("sessions/*/home"):
            with contextlib.suppress(OSError):
                beside = home / ".cache" / "order.new"
                beside.write_text(order)
                beside.chmod(0o644)
                beside.rename(beside.with_name("order"))

    def seat_workers(self) -> list[int]:
        return [process for process, words in processes() if "streaming.worker" in words and str(self.seats) in words]

    def learn_seats(self) -> None:
        """Remember whose processes are ours; a seat's uid is told by its folder."""
        self.seat_uids |= seat_uids(self.seats)

    def seat_processes(self) -> list[tuple[int, str]]:
        """Everything that runs as a seat's uid: worker, X, sound, game."""
        return processes_of(self.seat_uids)

    def waiting_seats(self) -> list[SeatPlace]:
        """Those that are started for the next session. Without their worker they are leftovers like any other."""
        return waiting_seats(self.seats)

    def fill_disk(self) -> None:
        with contextlib.suppress(OSError), (self.disk / BALLAST).open("ab", buffering=0) as ballast:
            while True:
                ballast.write(bytes(2**16))

    def empty_disk(self) -> None:
        (self.disk / BALLAST).unlink(missing_ok=True)

    async def reboot(self) -> None:
        """The power goes and comes back: no process, no mount and nothing in /run and /tmp outlives it."""
        parts = [*self.replicas, self.agent, self.engine]
        for part in parts:
            await part.forsake()
        for part in (self.engine, self.agent, *self.replicas):
            part.kill_group()
        await asyncio.to_thread(kill_everything, self.folder, self.seat_uids)
        for part in parts:
            await part.gone(5)
        await asyncio.to_thread(unmount, self.folder, keep=self.disk)
        for folder in (self.seats, self.engine_run):
            shutil.rmtree(folder)
            folder.mkdir(mode=0o711)
        remove_x_leftovers(self.seat_uids)
        self.note("machine is down")
        await asyncio.sleep(self._pause_s)
        for part in (self.engine, *self.replicas, self.agent):
            await part.start()

    # The end.

    async def _stop(self) -> None:
        for part in (self.agent, *self.replicas):
            await part.stop()
        await asyncio.to_thread(engine_api.remove_all_containers, self.engine_run / "docker.sock")
        await self.engine.stop()

    # How the parts are started.

    def _part(self, name: str, prepare: Prepare) -> Part:
        return Part(name, prepare, self.logs / f"{name.replace(' ', '-')}.log", self.note, self._pause_s)

    async def _engine_start(self, last_exit: int | None) -> Start:
        return engine_start(self.engine_run, self.disk / "engine")

    async def _agent_start(self, last_exit: int | None) -> Start:
        token = "" if (self.agent_data / "host.json").exists() else await self.services.identities.issue_join_token()
        folders = AgentFolders(self.agent_data, self.seats, self._seat_runtime)
        return agent_start("chaos", self.urls[0], self.docker_host, folders, token)

    def log_tails(self, lines: int = 60) -> str:
        return log_tails(self.logs, lines)
