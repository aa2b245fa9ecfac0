"""The agent as a process of its own."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent_protocol import DesiredSession, ObservedSession, ObservedState
from gameserver_agent.seats.places import SeatPlace, SeatPlaces
from tests.integration.gameserver_agent import display
from tests.integration.gameserver_agent.control_plane import ControlPlane


@dataclass
class AgentProcess:
    """`gameserver-agent run`, started in a process group of its own."""

    control_plane: ControlPlane
    engine_url: str
    folder: Path
    seat_runtime: Path
    seats: Path | None = None
    started_by: tuple[str, ...] = ()
    process: asyncio.subprocess.Process | None = None
    logs: list[Path] = field(default_factory=list[Path])

    async def start(self, *extra: str, code: Path | None = None) -> None:
        """`code` is a folder with other versions of our packages."""
        self.logs.append(self.folder / f"agent-{len(self.logs)}.log")
        with self.logs[-1].open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(*self.started_by, sys.executable, "-m", "gameserver_agent.cli", "run"),
                *("--orchestrator", self.control_plane.url, "--token", "token"),
                *("--host", "127.0.0.1", "--port", "0", "--docker-host", self.engine_url),
                *("--data", str(self.folder / "data"), "--seat-folders", str(self.seat_folders)),
                *("--seat-runtime", str(self.seat_runtime)),
                *extra,
                stderr=log,
                start_new_session=True,
                cwd=code,
            )

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(60):
            return await self.process.wait()

    async def kill_group(self) -> None:
        """Everything in the agent's process group dies at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()

    async def end_everything(self) -> None:
        """Whatever a test left: sessions are stopped, then the agent."""
        if self.process is None:
            return
        if self.process.returncode is not None:
            await self.start()
        for session_id in tuple(self.control_plane.desired):
            await self.stop(session_id)
        await self.end()

    async def play(self, desired: DesiredSession) -> ObservedSession:
        """Order a session, give it its first frame, and wait until it runs."""
        session_id = desired.session_id
        await self.control_plane.want(desired)
        await self.control_plane.until(session_id, lambda seen: seen.seat_ready or seen.end is not None)
        await self.paint(session_id)
        return await self.control_plane.until(session_id, lambda seen: seen.state == ObservedState.RUNNING)

    async def stop(self, session_id: str) -> ObservedSession:
        await self.control_plane.want_stop(session_id)
        return await self.ended(session_id)

    async def ended(self, session_id: str) -> ObservedSession:
        """It was reported as ended, and what was left of it is cleared away."""
        seen = await self.control_plane.until(session_id, lambda seen: seen.state == ObservedState.ENDED)
        await self.cleared(session_id)
        return seen

    async def cleared(self, session_id: str, within_s: float = 60) -> None:
        record = self.folder / "data" / "sessions" / session_id / "record.json"
        async with asyncio.timeout(within_s):
            while record.exists() and '"is_cleared":true' not in record.read_text():  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(0.02)

    async def released(self, place: SeatPlace, within_s: float = 60) -> None:
        async with asyncio.timeout(within_s):
            while place.folder.exists():  # noqa: ASYNC110 - a folder tells nobody that it goes
                await asyncio.sleep(0.02)

    @property
    def url(self) -> str:
        return self.control_plane.syncs[-1].public_url

    @property
    def seat_folders(self) -> Path:
        return self.seats or self.folder / "seats"

    @property
    def places(self) -> SeatPlaces:
        return SeatPlaces(self.seat_folders, self.control_plane.host_id)

    def seat(self, session_id: str) -> Path:
        place = self.places.existing(session_id)
        return place.seat if place else self.seat_folders / self.control_plane.host_id / session_id / "seat"

    def worker(self, session_id: str) -> int:
        """The process id of the session's seat worker."""
        return int((self.seat(session_id) / "worker.pid").read_text())

    def home(self, session_id: str) -> Path:
        return self.folder / "data" / "sessions" / session_id / "home"

    async def paint(self, session_id: str) -> None:
        """Give the session its first frame."""
        painter = await asyncio.create_subprocess_exec(sys.executable, display.__file__, str(self.seat(session_id)))
        assert await painter.wait() == 0

    @asynccontextmanager
    async def moving_picture(self, session_id: str) -> AsyncGenerator[None]:
        """Something changes on the session's display all the time."""
        words = (sys.executable, display.__file__, str(self.seat(session_id)), "--keep")
        painter = await asyncio.create_subprocess_exec(*words, stderr=asyncio.subprocess.DEVNULL)
        try:
            yield
        finally:
            if painter.returncode is None:
                painter.kill()
            await painter.wait()

    async def until_log(self, text: str, within_s: float) -> None:
        async with asyncio.timeout(within_s):
            while text not in self.log():  # noqa: ASYNC110 - a file tells nobody that it grows
                await asyncio.sleep(0.1)

    def log(self) -> str:
        return "\n".join(file.read_text() for file in self.logs)
