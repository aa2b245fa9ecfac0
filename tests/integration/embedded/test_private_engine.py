"""The private engine: started, adopted, its crash survived by a game, and stopped without a trace."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from orchestrator.embedded import private_engine
from orchestrator.embedded.errors import NoEngine
from orchestrator.embedded.private_engine import PrivateEngine
from tests.integration.embedded.conftest import give_demo_image


async def test_an_engine_starts_is_adopted_and_leaves_nothing(data: Path, runtime: Path) -> None:
    engine = PrivateEngine(data, runtime)
    try:
        assert await engine.start() is True
        assert await PrivateEngine(data, runtime).start() is False
        give_demo_image(engine.docker_host, runtime)
        _run_sleeper(engine)
        await PrivateEngine(data, runtime).stop()
        assert not engine.is_answering()
    finally:
        await engine.stop()
    assert _traces_of(data, runtime) == []


async def test_a_killed_engine_is_started_again_and_the_game_lives_on(data: Path, runtime: Path) -> None:
    engine = PrivateEngine(data, runtime)
    try:
        await engine.start()
        give_demo_image(engine.docker_host, runtime)
        _run_sleeper(engine)
        _kill(runtime)
        assert await engine.start() is True
        assert _docker(engine, "ps", "--format", "{{.Names}}") == "sleeper"
    finally:
        await engine.stop()
    assert _traces_of(data, runtime) == []


async def test_the_games_of_an_engine_that_is_dead_end_with_its_stop(data: Path, runtime: Path) -> None:
    engine = PrivateEngine(data, runtime)
    try:
        await engine.start()
        give_demo_image(engine.docker_host, runtime)
        _run_sleeper(engine)
        game = _docker(engine, "inspect", "--format", "{{.State.Pid}}", "sleeper")
        _kill(runtime)
    finally:
        began = time.monotonic()
        await engine.stop()
    assert time.monotonic() - began < 3 * private_engine.STOP_WITHIN_S
    assert not _is_running(game)
    assert _traces_of(data, runtime) == []


async def test_a_long_data_path_is_no_obstacle(data: Path, runtime: Path) -> None:
    deep = data / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    engine = PrivateEngine(deep, runtime)
    try:
        assert await engine.start() is True
    finally:
        await engine.stop()


async def test_an_engine_that_cannot_start_says_why(data: Path, runtime: Path) -> None:
    (data / "engine").mkdir()
    (data / "engine" / "root").write_text("a file where a folder should be")
    engine = PrivateEngine(data, runtime)
    try:
        with pytest.raises(NoEngine, match=r"engine\.log"):
            await engine.start()
    finally:
        await engine.stop()


def _is_running(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except FileNotFoundError:
        return False


def _kill(runtime: Path) -> None:
    pid_file = next(runtime.glob("engine-*/pid"))
    os.kill(int(pid_file.read_text()), signal.SIGKILL)


def _run_sleeper(engine: PrivateEngine) -> None:
    words = ("run", "--detach", "--network=none", "--name=sleeper", "playhouse/the-question:1.0")
    _docker(engine, *words, "/bin/busybox", "sleep", "600")


def _docker(engine: PrivateEngine, *words: str) -> str:
    command = ["docker", "--host", engine.docker_host, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _traces_of(*folders: Path) -> list[str]:
    """Processes that name one of the folders, and mounts in them."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        found += [words for folder in folders if f"{folder}/" in words]
    for mount in Path("/proc/self/mountinfo").read_text().splitlines():
        found += [mount for folder in folders if f" {folder}/" in mount]
    return found
