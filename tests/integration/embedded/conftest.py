"""A data folder with a short path, and a private engine in it that already has an image by the demo game's recipe."""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path

import pytest

from orchestrator.embedded.game import DEMO, GAMES

BUSYBOX = Path("/bin/busybox")


@pytest.fixture
def data() -> Generator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="up-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def runtime() -> Generator[Path]:
    """Where the engine under test puts its sockets, apart from anybody else's."""
    folder = Path(tempfile.mkdtemp(prefix="run-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def give_demo_image(docker_host: str, folder: Path) -> None:
    """So that a start builds no real ones."""
    give_images(docker_host, folder, {DEMO: "playhouse/the-question:1.0", GAMES / "base": "playhouse/runtime:1"})


def give_images(docker_host: str, folder: Path, images: Mapping[Path, str]) -> None:
    """Images that pass for those of these recipes: busybox alone."""
    root = folder / "image"
    (root / "bin").mkdir(parents=True, exist_ok=True)
    shutil.copy2(BUSYBOX, root / "bin" / "busybox")
    packed = folder / "image.tar"
    subprocess.run(["tar", "-C", str(root), "-cf", str(packed), "."], check=True)
    for recipe, image in images.items():
        shown = subprocess.run(
            [sys.executable, str(GAMES / "build.py"), "--digest", str(recipe)],
            capture_output=True,
            text=True,
            check=True,
        )
        label = f"LABEL playhouse.recipe={shown.stdout.strip()}"
        subprocess.run(
            ["docker", "--host", docker_host, "import", "--change", label, str(packed), image],
            check=True,
            capture_output=True,
        )


async def ended(process: asyncio.subprocess.Process, within_s: float) -> int:
    async with asyncio.timeout(within_s):
        return await process.wait()
