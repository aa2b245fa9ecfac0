"""A private engine is watched for ever, and its stop harms no stranger."""

import asyncio
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.embedded import engine
from orchestrator.embedded.engine import keep_running
from orchestrator.embedded.private_engine import PrivateEngine

SLEEP = "import time; print(flush=True); time.sleep(600)"
FORKING = f"import subprocess, time; subprocess.run([{sys.executable!r}, '-c', {SLEEP!r}]); time.sleep(600)"


def test_a_stop_kills_the_shims_and_their_games_and_nobody_else_who_names_the_folder(tmp_path: Path) -> None:
    private = PrivateEngine(tmp_path / "data", tmp_path / "run")
    socket = private.docker_host.removeprefix("unix://")
    shim = _start("/usr/bin/containerd-shim-runc-v2", FORKING, socket)
    strangers = [
        _start("docker", SLEEP, "-H", private.docker_host, "logs", "-f"),
        _start("tail", SLEEP, "-f", f"{Path(socket).parent}/log"),
        _start("containerd-shim-runc-v2", SLEEP, "/run/containerd/containerd.sock"),
    ]
    try:
        asyncio.run(private.stop())
        assert shim.poll() == -signal.SIGKILL
        assert shim.stdout is not None
        assert select.select([shim.stdout], [], [], 0)[0]
        assert shim.stdout.read() == b""  # its end: the game that held it too is gone
        assert [stranger.poll() for stranger in strangers] == [None, None, None]
    finally:
        for process in (shim, *strangers):
            process.kill()
            process.communicate()


async def test_the_watch_goes_on_when_the_engine_cannot_even_be_forked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "WATCH_S", 0.01)
    monkeypatch.setenv("PATH", str(tmp_path))
    said: list[str] = []
    heard = asyncio.Event()

    def say(text: str) -> None:
        said.append(text)
        if len(said) == 2:
            heard.set()

    watching = asyncio.create_task(keep_running(PrivateEngine(_with_logs(tmp_path), tmp_path / "run"), say))
    try:
        async with asyncio.timeout(60):
            await heard.wait()
    finally:
        watching.cancel()
        await asyncio.wait({watching})
    assert all("dockerd" in text for text in said)


def _with_logs(data: Path) -> Path:
    (data / "logs").mkdir()
    return data


def _start(name: str, code: str, *words: str) -> subprocess.Popen[bytes]:
    """A process that calls itself `name`; it runs when this returns."""
    process = subprocess.Popen([name, "-c", code, *words], executable=sys.executable, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process
