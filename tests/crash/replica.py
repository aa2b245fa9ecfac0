"""A replica as a process that may die, the disk that it leaves, and a wire to whichever replica lives."""

import asyncio
import hashlib
import shutil
import sqlite3
import threading
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

import httpx
from litestar import Litestar

from orchestrator.services import Services, open_services
from orchestrator.settings import Settings
from tests.crash.crashing import Process, ProcessDied

_DATABASE = "orchestrator.sqlite3"
_TRUTH = (
    "SELECT position, generation, host_id IS NULL, end_code, is_seat_ready, duration_s FROM sessions",
    "SELECT count(*) FROM launch_attempts",
    "SELECT digest, is_side, (SELECT count(*) FROM save_slots WHERE head_version_id = v.id) FROM save_versions v",
    "SELECT count(*), count(lease_until) FROM unwanted_archives",
)


class Replica:
    """`async with`: the services of one `orchestrator serve` on `data`, without its loops; `look` is one round of them.
    The HTTP in front of them is the `Wire`'s.
    """

    def __init__(self, data: Path) -> None:
        self.data = data
        self.process = Process()
        self._settings = Settings(data=data, database_url=f"sqlite+aiosqlite:///{data / _DATABASE}")
        self._may_end = asyncio.Event()
        self._life: asyncio.Task[None] | None = None
        self._opened: asyncio.Future[Services] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        self._life = self.process.start(self._live())
        await asyncio.wait({self._life, self._opened}, return_when=asyncio.FIRST_COMPLETED)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._may_end.set()
        if self._life is not None and not self.process.is_dead:
            await self._life
        await self.process.reap()

    async def _live(self) -> None:
        async with open_services(self._settings) as services:
            self._opened.set_result(services)
            await self._may_end.wait()

    @property
    def services(self) -> Services:
        return self._opened.result()

    async def look(self) -> None:
        """One round of the loops: deadlines and places, then what no save version names any more."""
        services = self.services
        await services.reconciler.round()
        await services.save_disposal.round()


class Disk:
    """What a replica's death at this moment would leave, as one comparable text: rows without their times, archives."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._log_bytes = -1
        self._rows = ""

    def looks(self) -> str:
        log_bytes = (self._data / f"{_DATABASE}-wal").stat().st_size
        if log_bytes != self._log_bytes:  # something was committed
            self._log_bytes = log_bytes
            with closing(sqlite3.connect(f"file:{self._data / _DATABASE}?mode=ro", uri=True)) as connection:
                self._rows = repr([sorted(connection.execute(query).fetchall(), key=repr) for query in _TRUTH])
        files = [path for path in (self._data / "saves").rglob("*") if path.is_file()]
        return f"{self._rows} {sorted((path.suffix, path.stat().st_size) for path in files)}"


class Wire(httpx.AsyncBaseTransport):
    """Carries requests to the replica that it is plugged into. They fail as over a network when that one is dead, or
    dies meanwhile.
    """

    def __init__(self, app: Litestar, replica: Replica) -> None:
        self._app = app
        self.plug_into(replica)

    def plug_into(self, replica: Replica) -> None:
        self.replica = replica
        for field in fields(replica.services):
            self._app.state[field.name] = getattr(replica.services, field.name)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asgi: Any = self._app  # httpx and Litestar name the same interface by different types
        try:
            return await self.replica.process.run(httpx.ASGITransport(asgi).handle_async_request(request))
        except ProcessDied as error:
            raise httpx.ConnectError("the replica died") from error

    async def look(self) -> None:
        """Let the replica do what its loops would do now."""
        try:
            await self.replica.process.run(self.replica.look())
        except ProcessDied as error:
            raise httpx.ConnectError("the replica died") from error

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=self, base_url="http://127.0.0.1:8000")


def copied(data: Path, to: Path) -> Path:
    """The disk as a dead process left it."""
    shutil.copytree(data, to)
    return to


async def the_dead_have_answered() -> None:
    """What the dead left under way in their database's threads is answered while there is a loop to hear it."""
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join, 20)
            assert not thread.is_alive()


def digest(archive: Path) -> str:
    return hashlib.sha256(archive.read_bytes()).hexdigest()
