"""A kept program: started again when it ends, ended when we end, killed when it does not listen."""

import asyncio
import errno
import os
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.embedded.program import LONGEST_PAUSE_S, Program, Start, pause_s
from orchestrator.errors import DatabaseUnavailable

SLEEPER = "import signal; print('up', flush=True); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER.partition("; ")[2]


class Runs:
    """A program under test: what it was started with, and what was said about it."""

    def __init__(self, folder: Path, code: str, *, stop_within_s: float = 5.0) -> None:
        self.exits: list[int | None] = []
        self.troubles: list[Exception] = []
        self.said: list[str] = []
        self.log = folder / "logs" / "it.log"
        self._start = Start((sys.executable, "-c", code), os.environ)
        self.program = Program(
            "thing", self._prepare, self.log, self.said.append, stop_within_s=stop_within_s, dies_with_us_by="KILL"
        )

    async def _prepare(self, last_exit: int | None) -> Start:
        self.exits.append(last_exit)
        if self.troubles and last_exit is not None:
            raise self.troubles.pop()
        return self._start

    async def until(self, starts: int = 1, *, prints: str = "") -> None:
        """Waits for so many starts, and for what the program prints."""
        await asyncio.to_thread(self._wait, starts, prints)

    def _wait(self, starts: int, prints: str) -> None:
        deadline = time.monotonic() + 60
        while len(self.exits) < starts or prints not in (self.log.read_text() if self.log.exists() else ""):
            assert time.monotonic() < deadline, f"{starts} starts and {prints!r} did not come"
            time.sleep(0.01)


@given(st.integers(min_value=1, max_value=200))
def test_pauses_grow_and_stay_bounded(failures: int) -> None:
    assert 0 < pause_s(failures) <= pause_s(failures + 1) <= LONGEST_PAUSE_S


async def test_a_program_that_ends_is_started_again_and_asked_why(tmp_path: Path) -> None:
    runs = Runs(tmp_path, "raise SystemExit(3)")
    async with runs.program:
        await runs.until(starts=2)
        assert runs.program.failures == 1
    assert runs.exits[:2] == [None, 3]
    assert "exit code 3" in runs.said[0]
    assert str(runs.log) in runs.said[0]


TROUBLES = {
    "a busy database": DatabaseUnavailable(),
    "a full disk": OSError(errno.ENOSPC, "No space left on device"),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES.keys())
async def test_a_start_that_fails_is_said_and_tried_again(tmp_path: Path, trouble: Exception) -> None:
    runs = Runs(tmp_path, "raise SystemExit(3)")
    runs.troubles.append(trouble)
    async with runs.program:
        await runs.until(starts=4)
    assert runs.exits[:4] == [None, 3, 3, 3]
    assert "could not be started" in runs.said[1]
    assert str(trouble).splitlines()[0] in runs.said[1]


async def test_a_program_has_a_session_of_its_own(tmp_path: Path) -> None:
    runs = Runs(tmp_path, "import os; print('session', os.getsid(0), flush=True)\n" + SLEEPER)
    async with runs.program:
        await runs.until(prints="up")
    session = int(runs.log.read_text().split()[1])
    assert session != os.getsid(0)


async def test_a_program_that_listens_is_ended_in_peace(tmp_path: Path) -> None:
    runs = Runs(tmp_path, SLEEPER)
    async with runs.program:
        await runs.until(prints="up")
    assert runs.said == []


async def test_a_program_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    runs = Runs(tmp_path, STUBBORN, stop_within_s=0.2)
    async with runs.program:
        await runs.until(prints="up")
    assert "did not stop" in runs.said[0]


async def test_what_it_said_last_is_shown_to_people(tmp_path: Path) -> None:
    runs = Runs(tmp_path, "print('the reason', flush=True); raise SystemExit(1)")
    async with runs.program:
        await runs.until(starts=2)
    assert "the reason" in runs.program.last_words()


@pytest.mark.parametrize("code", [SLEEPER, STUBBORN])
async def test_nothing_is_left_behind(tmp_path: Path, code: str) -> None:
    runs = Runs(tmp_path, "import os; print(os.getpid(), flush=True)\n" + code, stop_within_s=0.2)
    async with runs.program:
        await runs.until(prints="up")
    process = int(runs.log.read_text().split()[0])
    assert not _is_alive(process)


def _is_alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()
