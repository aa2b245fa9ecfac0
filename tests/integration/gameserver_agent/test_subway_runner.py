"""Subway Runner in a container as hosts make them, on a display, by keys: what it tells at the end."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from subway_runner.result import result_of
from subway_runner.running import Action, Run, step

from gameserver_agent.runtime.docker_runtime import DockerRuntime
from gameserver_agent.runtime.port import ContainerSpec, Mount
from streaming.display import Display
from streaming.injector import Injector
from streaming.page_messages import Key
from streaming.xconnection import XConnection
from tests.integration.docker_engine import DockerEngine
from tests.integration.gameserver_agent.own_game_image import ENVIRONMENT, PYTHON, import_own_game

SEED = 3
UID = 210_077
WITHIN_S = 60.0


@pytest.fixture(scope="module")
def image_id(docker_engine: DockerEngine) -> str:
    return import_own_game(docker_engine)


@dataclass
class Played:
    """The game on its display, started for a result."""

    runtime: DockerRuntime
    container_id: str
    result_file: Path
    injector: Injector
    display: XConnection

    def press(self, code: str) -> None:
        for is_down in (True, False):
            self.injector.take(Key(code, is_down), asyncio.get_running_loop().time())
        self.display.flush()

    def result(self) -> dict[str, object]:
        return json.loads(self.result_file.read_bytes()) if self.result_file.exists() else {}

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not holds():
                assert (await self.runtime.status(self.container_id)).is_running, await self.words()
                await asyncio.sleep(0.05)

    async def begin(self) -> None:
        """Any key that does nothing else, as soon as it is heard."""
        while not self.result():
            self.press("Enter")
            await asyncio.sleep(0.1)
            assert (await self.runtime.status(self.container_id)).is_running, await self.words()

    async def words(self) -> str:
        return "\n".join(await self.runtime.log_tail(self.container_id, 20))


@pytest_asyncio.fixture
async def game(
    docker_engine: DockerEngine, image_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Played]:
    home, result = tmp_path / "home", tmp_path / "result"
    for folder in (home, result):
        folder.mkdir()
        os.chown(folder, UID, UID)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o011)
    display = Display(tmp_path, 1280, 720)
    await display.ready()
    monkeypatch.setenv("XAUTHORITY", str(display.xauthority))
    connection = XConnection(display.name)
    os.chown(display.xauthority, UID, UID)
    runtime = DockerRuntime(docker_engine.url)
    spec = ContainerSpec(
        name=f"subway-runner-{tmp_path.name}",
        image_id=image_id,
        command=(str(PYTHON), "-m", "subway_runner"),
        user=f"{UID}:{UID}",
        environment={
            **ENVIRONMENT,
            "HOME": "/home/player",
            "DISPLAY": ":0",
            "XAUTHORITY": "/session/Xauthority",
            "SUBWAY_RUNNER_SEED": str(SEED),
        },
        labels={"playhouse.test": tmp_path.name},
        mounts=(
            Mount(str(home), "/home/player"),
            Mount(str(result), "/session/result"),
            Mount(str(display.xauthority), "/session/Xauthority", read_only=True),
            Mount(display.socket, "/tmp/.X11-unix/X0"),
        ),
        cpu_cores=1.0,
        memory_bytes=256 * 1024**2,
        pids=32,
        stop_signal="SIGTERM",
    )
    container_id = await runtime.create(spec)
    try:
        await runtime.start(container_id)
        yield Played(runtime, container_id, result / "result.json", Injector(connection), connection)
    finally:
        await runtime.remove(container_id)
        await runtime.close()
        connection.close()
        await display.server.stop()


async def test_a_run_is_told_as_it_was_and_ends_the_game(game: Played) -> None:
    run = step(Run(SEED), [Action.RIGHT])
    while not run.is_over:
        run = step(run)
    await game.begin()
    assert game.result()["reason"] == "playing"
    game.press("ArrowRight")
    await game.until(lambda: game.result()["reason"] != "playing")
    told, wanted = game.result(), result_of(run)
    coins = told["coins"]
    assert isinstance(coins, int)
    # Which coins are taken on the way depends on when the key came, nothing else does.
    assert told == {**wanted, "coins": coins, "score": wanted["distance"] + 10 * coins}
    assert len(set(game.display.picture())) > 100, "it is drawn"
    ended = await game.runtime.wait_ended(game.container_id)
    assert ended.exit_code == 0, await game.words()


async def test_a_game_that_is_closed_tells_how_far_it_was(game: Played) -> None:
    await game.begin()
    await asyncio.sleep(0.3)
    await game.runtime.signal(game.container_id, "SIGTERM")
    ended = await game.runtime.wait_ended(game.container_id)
    assert ended.exit_code == 0, await game.words()
    assert game.result()["reason"] == "stopped"
    assert int(str(game.result()["distance"])) > 0
