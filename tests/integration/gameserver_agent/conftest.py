"""An agent beside a control plane that the tests hold in hand, on a real engine."""

import shutil
import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from tests.integration.docker_engine import DockerEngine
from tests.integration.gameserver_agent.agent_process import AgentProcess
from tests.integration.gameserver_agent.control_plane import ControlPlane


@pytest.fixture
def short_folder() -> Generator[Path]:
    """Short enough for the path of a socket, and open to the uids of seats."""
    folder = Path(tempfile.mkdtemp(prefix="agent-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def control_plane() -> AsyncGenerator[ControlPlane]:
    async with ControlPlane() as plane:
        yield plane


@pytest.fixture
async def agent(
    control_plane: ControlPlane, docker_engine: DockerEngine, short_folder: Path, seat_runtime: Path
) -> AsyncGenerator[AgentProcess]:
    process = AgentProcess(control_plane, docker_engine.url, short_folder, seat_runtime)
    yield process
    try:
        await process.end_everything()
    finally:
        print(process.log())
