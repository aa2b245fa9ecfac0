"""A host as its agent finds it and leaves it: an engine, seats, a disk and a control plane that outlive the agent."""

import asyncio
import contextlib
import inspect
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from agent_protocol import (
    DesiredSession,
    News,
    ObservedSession,
    RestoreSource,
    SavedVersion,
    SyncRequest,
    SyncResponse,
    WarmSeats,
    WarmTitles,
)
from gameserver_agent.agent import Agent
from gameserver_agent.clock import OrchestratorClock
from gameserver_agent.host_usage import HostMeter
from gameserver_agent.identity import DataFolder, Membership
from gameserver_agent.images import Images
from gameserver_agent.orchestrator_client import OrchestratorClient
from gameserver_agent.runtime.fake_runtime import FakeRuntime
from gameserver_agent.runtime.port import ContainerSpec, Image
from gameserver_agent.saves.outbox import Outbox
from gameserver_agent.seats.fake_seats import FakeSeats
from gameserver_agent.seats.places import SeatPlaces
from gameserver_agent.sessions.services import SessionServices, utc_now
from tests.crash.crashing import Process
from tests.integration.gameserver_agent.control_plane import files_of
from tests.unit.gameserver_agent.orders import order
from tests.unit.gameserver_agent.test_session_task import BUILD, OURS

SESSION = "ses1"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_WAITING = re.compile(r"waiting\.[0-9a-f]{8}")
_TITLE = re.compile(r"[0-9a-f]{16}")
_NUMBER = re.compile(r"~\d+~(?=#)")  # grows with each agent: the same archive of the next one looks the same


class Plane(OrchestratorClient):
    """An orchestrator in memory: it says what is wanted, and remembers what it was told and sent."""

    def __init__(self) -> None:
        super().__init__("http://nowhere", lambda: utc_now().timestamp())
        self.desired: dict[str, DesiredSession] = {}
        self.observed: dict[str, ObservedSession] = {}
        self.saves: list[bytes] = []
        self.warm_seats: tuple[WarmSeats, ...] = ()
        self.warm_titles: tuple[WarmTitles, ...] = ()
        self.waiting: tuple[WarmSeats, ...] = ()
        self.revision = 1
        self.news = asyncio.Event()

    def want(self, desired: DesiredSession) -> None:
        self.desired[desired.session_id] = desired
        self.revision += 1
        self.tell()

    def forget(self, session_id: str) -> None:
        del self.desired[session_id]
        self.revision += 1
        self.tell()

    def tell(self) -> None:
        told, self.news = self.news, asyncio.Event()
        told.set()

    async def sync(self, request: SyncRequest) -> SyncResponse:
        await asyncio.sleep(0)
        self.observed = {seen.session_id: seen for seen in request.sessions}
        self.waiting = request.warm_seats
        self.tell()
        answer = SyncResponse(
            revision=self.revision,
            sessions=tuple(self.desired.values()),
            warm_seats=self.warm_seats,
            warm_titles=self.warm_titles,
            next_sync_ms=2000,
            lease_until=utc_now(),
            keys={},
        )
        await asyncio.sleep(0)
        return answer

    async def wait(self, revision: int) -> News:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(25):
                while self.revision == revision:
                    await self.news.wait()
        if self.revision == revision:
            return News(revision=revision)
        return News(revision=self.revision, sessions=tuple(self.desired.values()))

    async def download_save(self, source: RestoreSource, target: Path) -> None:
        raise AssertionError("nothing was saved before")

    async def upload_save(
        self, session_id: str, generation: int, archive: Path, digest: str, **more: Any
    ) -> SavedVersion:
        await asyncio.sleep(0)
        content = archive.read_bytes()  # noqa: ASYNC240 - it is small
        self.saves.append(content)
        self.tell()
        saved = SavedVersion(version_id=f"ver-{digest[:8]}", digest=digest, size_bytes=len(content))
        await asyncio.sleep(0)
        return saved

    async def upload_picture(self, version_id: str, jpeg: bytes) -> None:
        await asyncio.sleep(0)


class OneGameEngine(FakeRuntime):
    """Never sees two containers of one session at once."""

    async def create(self, spec: ContainerSpec) -> str:
        container_id = await super().create(spec)
        assert len(self.containers()) == 1
        return container_id

    def containers(self) -> list[tuple[str, bool, bool]]:
        """Name, whether it runs, whether it is paused."""
        return [(one.spec.name, one.is_running, one.is_paused) for one in self._containers.values()]


@dataclass
class Host:
    """All that outlives the agent. `looks` is what its death at this moment would leave, as one comparable text."""

    folder: Path
    engine: OneGameEngine
    seats: FakeSeats
    plane: Plane
    written: dict[str, bytes] = field(default_factory=dict[str, bytes])
    boots: int = 1

    @classmethod
    def fresh(cls, folder: Path) -> "Host":
        engine = OneGameEngine()
        engine.images[BUILD.image_id] = Image(BUILD.image_id, (), 1)
        return cls(folder, engine, FakeSeats(SeatPlaces(folder / "seats", "hst1")), Plane())

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def home(self) -> Path:
        return self.data / "sessions" / SESSION / "home"

    def order(self) -> None:
        self.plane.warm_seats = self.plane.warm_titles = ()
        self.plane.want(order(SESSION, build=BUILD, now=utc_now()))

    def order_stop(self) -> None:
        self.plane.want(self.plane.desired[SESSION].model_copy(update={"want": "stop"}))

    def game_writes(self, text: bytes) -> None:
        """The game saves, if it still runs."""
        if any(is_running for _, is_running, _ in self.engine.containers()):
            (self.home / "save").write_bytes(text)
            self.written = {"save": text}

    async def loses_power(self) -> None:
        self.boots += 1
        for container in await self.engine.list_containers({}):
            await self.engine.signal(container.container_id, "SIGKILL")
        for seat in self.seats.living.values():
            seat.die()

    @property
    def seen(self) -> ObservedSession | None:
        return self.plane.observed.get(SESSION)

    @property
    def saved(self) -> dict[str, bytes]:
        return files_of(self.plane.saves[-1]) if self.plane.saves else {}

    async def until(self, fact: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(300):
                while not fact():
                    news = self.plane.news
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(1):
                            await news.wait()
        except TimeoutError:
            raise AssertionError(f"not {what}: {self.looks()}") from None

    def has_what_should_wait(self) -> bool:
        wanted = len(self.plane.warm_seats) + len(self.plane.warm_titles)
        return len(self.seats.living) == len(self.plane.waiting) == wanted

    def is_clean(self) -> bool:
        """No container, seat, home, record or unsent save is left."""
        left = [path for path in self.folder.rglob("*") if path.is_file() and path.parent != self.data]
        return not self.engine.containers() and not self.seats.living and [path.name for path in left] == [".lock"]

    def looks(self) -> str:
        seats = [(name, seat.is_alive, seat.first_frame) for name, seat in self.seats.living.items()]
        files = [_described(path, self.folder) for path in sorted(self.folder.rglob("*"))]
        seen = self.seen
        told = seen and (seen.state, seen.seat_ready, seen.save is not None, seen.end and seen.end.code)
        wanted = [(one.session_id, one.want) for one in self.plane.desired.values()]
        looks = repr((self.engine.containers(), seats, files, told, wanted, self.saved))
        return _TITLE.sub("title", _WAITING.sub("waiting", looks))


def _described(path: Path, folder: Path) -> str:
    """A file or folder by what matters of it: its name, what the game wrote, what a record knows."""
    name = _NUMBER.sub("~n~", _DIGEST.sub("#", str(path.relative_to(folder))))
    if path.name == "record.json":
        record = json.loads(path.read_bytes())
        meter = record.get("meter") or {}
        return repr(
            (
                name,
                record["state"],
                record["container_id"] is None,
                record["title_id"] is None,
                {key for key, value in meter.items() if value},
                record["save"] is None,
                (record["end"] or {}).get("code"),
            )
        )
    return f"{name} {path.read_bytes()!r}" if path.name == "save" else name


class AgentProcess:
    """`async with`: one agent on this host, as a process that may die."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.process = Process()
        self._data = DataFolder(host.data)

    async def __aenter__(self) -> Self:
        self.process.start(self._live())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.process.reap()
        if not self.process.was_killed:
            self._data.close()

    def kernel_cleans_up(self) -> None:
        """A dead process holds no lock."""
        self._data.close()

    async def _live(self) -> None:
        host = self._host
        agent = Agent(
            data=self._data,
            membership=Membership("hst1", "ins1", {}),
            client=host.plane,
            clock=OrchestratorClock(host.data / "clock.json"),
            runtime=host.engine,
            meter=HostMeter(host.data, 4),
            public_url="http://127.0.0.1:9100",
        )
        outbox = Outbox(host.data / "unsent", host.plane, agent.incarnation, agent.save_was_sent)
        await agent.adopt(
            SessionServices(
                runtime=host.engine,
                images=Images(host.engine),
                seats=host.seats,
                downloads=host.plane,
                outbox=outbox,
                data=host.data,
                interpreter=sys.executable,
                ours=OURS,
                boot_id=f"boot{host.boots}",
                changed=agent.changed,
                pictures=host.plane,
            )
        )
        await agent.run(outbox)


def make_calls_awaits(monkeypatch: pytest.MonkeyPatch, kind: type[object]) -> None:
    """Every call of this outside party can be cut off before it has worked, and before its answer is heard."""
    for name, method in inspect.getmembers(kind, inspect.iscoroutinefunction):
        monkeypatch.setattr(kind, name, _cut(method))


def _cut(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def call(*arguments: Any, **named: Any) -> Any:
        await asyncio.sleep(0)
        answer = await method(*arguments, **named)
        await asyncio.sleep(0)
        return answer

    return call


def without_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain folders and one uid: nothing is mounted."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
