"""The house in which pages are read, with one host on a real engine."""

import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.chaos import machine
from tests.chaos.clearing import OWNER, PREFIX, clear
from tests.collector import Collector, collecting
from tests.docs.reading import HOUSE
from tests.integration.docker_engine import DockerEngine
from tests.integration.embedded.conftest import give_demo_image
from tests.integration.guides.house import House
from tests.integration.guides.preloaded import preloaded


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def collector() -> AsyncGenerator[Collector]:
    """Of the traces of the house."""
    async with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def house(docker_engine: DockerEngine, seat_runtime: Path, collector: Collector) -> Generator[House]:
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
    folder.chmod(0o711)
    (folder / OWNER).write_text(str(os.getpid()))
    programs = folder / "programs"
    programs.mkdir()
    give_demo_image(docker_engine.url, programs)
    machine.build_image(docker_engine.url)
    with preloaded(programs):
        house = House(folder, _environment(folder, programs, docker_engine.url, seat_runtime), collector.url)
        try:
            with house.up(), house.terminal() as terminal:
                added = terminal.types(f"orchestrator games add {machine.TINY}/game.toml")
                assert added.code == 0, added.text
                yield house
        finally:
            print(machine.log_tails(folder))
            clear(folder, set())


def _environment(folder: Path, programs: Path, docker_host: str, seat_runtime: Path) -> dict[str, str]:
    """What a reader's machine has: our programs, an engine, and a place for each thing of ours."""
    ours = ("ORCHESTRATOR_", "GAMESERVER_AGENT_", "AWS_", "OTEL_")
    uv = Path(shutil.which("uv") or HOUSE / ".tools" / "bin" / "uv")
    path = (programs, HOUSE / ".venv" / "bin", uv.parent, os.environ["PATH"])
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
        "PATH": os.pathsep.join(map(str, path)),
        "UV_PROJECT": str(HOUSE),
        "UV_NO_SYNC": "1",
        "DOCKER_HOST": docker_host,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "GAMESERVER_AGENT_HOST": "127.0.0.1",
        "GAMESERVER_AGENT_DATA": str(folder / "agent"),
        "GAMESERVER_AGENT_SEAT_FOLDERS": str(folder / "seats"),
        "GAMESERVER_AGENT_SEAT_RUNTIME": str(seat_runtime),
        "GAMESERVER_AGENT_STOP_SESSIONS_ON_EXIT": "1",
    }
