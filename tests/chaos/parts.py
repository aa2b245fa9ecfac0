"""One program of the house as systemd would keep it: started again a moment after it dies, whoever killed it."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Start:
    """What to run, asked for anew before each start."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


Prepare = Callable[[int | None], Awaitable[Start]]


class Part:
    """A process in a session of its own. `prepare` is given the exit code of the run before, None at first."""

    def __init__(
        self,
        name: str,
        prepare: Prepare,
        log: Path,
        note: Callable[[str], None],
        pause_s: float,
    ) -> None:
        self.name = name
        self.log = log
        self._prepare = prepare
        self._note = note
        self._pause_s = pause_s
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def process_id(self) -> int | None:
        """None while it does not run."""
        return None if self._process is None or self._process.returncode is not None else self._process.pid

    async def start(self) -> None:
        await self._launch(None)
        self._keeping = asyncio.create_task(self._keep())

    def signal(self, number: signal.Signals) -> None:
        if self.process_id is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process_id, number)

    def kill_group(self) -> None:
        if self.process_id is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process_id, signal.SIGKILL)

    async def forsake(self) -> None:
        """Nobody starts it again any more."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
            self._keeping = None

    async def stop(self, within_s: float = 20.0) -> None:
        """An orderly end, and a hard one when that takes too long."""
        await self.forsake()
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        await self.gone(within_s)

    async def gone(self, within_s: float) -> None:
        process = self._process
        if process is None:
            return
        try:
            async with asyncio.timeout(within_s):
                await process.wait()
        except TimeoutError:
            self._note(f"{self.name} did not end in {within_s:.0f} s")
            self.kill_group()
            await process.wait()

    async def _launch(self, last_exit: int | None) -> None:
        start = await self._prepare(last_exit)
        with self.log.open("ab") as log:
            log.write(f"--- started {time.strftime('%H:%M:%S')}\n".encode())
            log.flush()
            self._process = await asyncio.create_subprocess_exec(
                *start.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(start.environment),
                start_new_session=True,
            )

    async def _keep(self) -> None:
        while self._process is not None:
            code = await self._process.wait()
            self._note(f"{self.name} ended ({code})")
            await asyncio.sleep(self._pause_s)
            await self._launch(code)
            self._note(f"{self.name} started again")
