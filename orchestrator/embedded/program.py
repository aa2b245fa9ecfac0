"""One program kept running: in a session of its own, its output in a log, started again when it ends, ever later."""

import asyncio
import contextlib
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from orchestrator.embedded.logs import open_log, tail
from orchestrator.errors import DatabaseUnavailable

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
SETTLED_AFTER_S = 60.0


def pause_s(failures: int) -> float:
    """How long to wait before the start that follows `failures` ends in a row."""
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** max(0, failures - 1))


@dataclass(frozen=True)
class Start:
    """What to run, asked for anew before each start: a join token is good once."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


class Program:
    """An async context manager. `prepare` is given the exit code of the last run, None before the first."""

    def __init__(
        self,
        name: str,
        prepare: Callable[[int | None], Awaitable[Start]],
        log: Path,
        say: Callable[[str], None],
        *,
        stop_within_s: float,
        dies_with_us_by: str,
    ) -> None:
        self.name = name
        self.log = log
        self._prepare = prepare
        self._say = say
        self._stop_within_s = stop_within_s
        self._dies_with_us_by = dies_with_us_by
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None
        self.failures = 0

    async def __aenter__(self) -> Self:
        await self._start(None)
        self._keeping = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await self._stop()

    def last_words(self) -> str:
        return f"{tail(self.log)}\nAll of it: {self.log}"

    async def _start(self, last_exit: int | None) -> None:
        start = await self._prepare(last_exit)
        command = list(start.command)
        if shutil.which("setpriv"):  # when we are killed and can stop nothing, it must not hold our port and locks
            command = ["setpriv", "--pdeathsig", self._dies_with_us_by, "--", *command]
        with open_log(self.log) as log:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(start.environment),
                start_new_session=True,
            )

    async def _keep(self) -> None:
        while self._process is not None:
            began = time.monotonic()
            exit_code = await self._process.wait()
            self.failures = 1 if time.monotonic() - began > SETTLED_AFTER_S else self.failures + 1
            pause = pause_s(self.failures)
            self._say(
                f"The {self.name} ended (exit code {exit_code}) and is started again in {pause:.1f} s. Why: {self.log}"
            )
            await asyncio.sleep(pause)
            await self._start_again(exit_code)

    async def _start_again(self, last_exit: int) -> None:
        """Tries until it has been started: a busy database or a full disk passes, and nobody else would try."""
        while True:
            try:
                await self._start(last_exit)
            except (OSError, DatabaseUnavailable) as error:
                self.failures += 1
                pause = pause_s(self.failures)
                why = str(error).partition("\n")[0]
                self._say(f"The {self.name} could not be started ({why}) and is tried again in {pause:.1f} s.")
                await asyncio.sleep(pause)
            else:
                return

    async def _stop(self) -> None:
        """SIGTERM, then SIGKILL when `stop_within_s` have passed."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self._stop_within_s):
                await process.wait()
        except TimeoutError:
            self._say(f"The {self.name} did not stop in {self._stop_within_s:.0f} s and was killed.")
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
