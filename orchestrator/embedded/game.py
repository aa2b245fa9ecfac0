"""Games from Debian packages: their images are made once, with progress bars."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from orchestrator.embedded.errors import GameNotBuilt

GAMES = Path(__file__).parents[2] / "deploy" / "games"
DEMO = GAMES / "the-question"

STEPS = {
    "lists": "Debian: package lists",
    "fetch base": "Debian: download",
    "install base": "Debian: install",
    "fetch runtime": "What every game needs: download",
    "install runtime": "What every game needs: install",
    "import base": "What every game needs: hand to Docker",
    "fetch game": "{title}: download",
    "install game": "{title}: install",
    "prepare": "{title}: prepare",
    "import": "{title}: hand to Docker",
}


def has_recipe(folder: Path) -> bool:
    """Whether an image can be made of what lies there."""
    return (folder / "recipe.toml").is_file() and (folder / "game.toml").is_file()


def recipes() -> list[str]:
    """The games that can be made here, by the names of their folders."""
    return sorted(folder.name for folder in GAMES.glob("*") if has_recipe(folder))


async def build_image(folder: Path, title: str, docker_host: str | None, console: Console) -> bool:
    """Makes a game's image, and the base that it lies on, unless the engine has them from these very recipes; True when
    the game's was made. Without a host the engine is the one of the environment.

    Raises GameNotBuilt with the builder's own words. Cancelling stops the builder and waits until it has tidied up.
    """
    builder = await asyncio.create_subprocess_exec(
        sys.executable,
        str(GAMES / "build.py"),
        str(folder),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **({} if docker_host is None else {"DOCKER_HOST": docker_host})},
        start_new_session=True,
    )
    assert builder.stdout is not None
    assert builder.stderr is not None
    complaint = asyncio.create_task(builder.stderr.read())
    is_new = False
    try:
        with Bars(console, title) as bars:
            async for line in builder.stdout:
                said = json.loads(line)
                if "step" in said:
                    bars.show(str(said["step"]), int(said["done"]), int(said["total"]))
                else:
                    is_new = bool(said["is_new"])
        if await builder.wait() != 0:
            raise GameNotBuilt(f"{title} could not be made.\n{(await complaint).decode(errors='replace')}")
    finally:
        if builder.returncode is None:
            os.killpg(builder.pid, signal.SIGTERM)
            await builder.wait()
        await asyncio.gather(complaint, return_exceptions=True)
    return is_new


class Bars:
    """A bar for each step, shown from its first word on."""

    def __init__(self, console: Console, title: str) -> None:
        self._title = title
        self._progress = Progress(
            TextColumn("  {task.description:42}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._tasks:
            self._progress.stop()

    def show(self, step: str, done: int, total: int) -> None:
        if not self._tasks:
            self._progress.start()
        if step not in self._tasks:
            for task in self._tasks.values():  # what came before is over
                self._progress.update(task, completed=self._progress.tasks[task].total)
            self._tasks[step] = self._progress.add_task(STEPS.get(step, step).format(title=self._title), total=total)
        self._progress.update(self._tasks[step], completed=done, total=total)
