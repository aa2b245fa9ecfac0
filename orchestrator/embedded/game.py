"""Games from Debian packages: their images are made once, with progress bars, or with lines where nobody sees bars."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
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


def words_of(step: str, title: str) -> str:
    """What the builder does, for people."""
    return STEPS.get(step, step).format(title=title)


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
        with Bars(console, title) if console.is_terminal else Lines(console, title) as bars:
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


class Lines:
    """A line when a step begins, and now and then how far it is: for a file, which shows no bars."""

    EVERY_S = 10.0

    def __init__(self, console: Console, title: str, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._title = title
        self._clock_s = clock_s
        self._step = ""
        self._said_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, step: str, done: int, total: int) -> None:
        now_s = self._clock_s()
        if step == self._step and now_s - self._said_s < self.EVERY_S:
            return
        how_far = f", {100 * done // total} %" if step == self._step and total else ""
        self._step, self._said_s = step, now_s
        self._console.print(f"        {words_of(step, self._title)}{how_far}", highlight=False, markup=False)


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
            self._tasks[step] = self._progress.add_task(words_of(step, self._title), total=total)
        self._progress.update(self._tasks[step], completed=done, total=total)
