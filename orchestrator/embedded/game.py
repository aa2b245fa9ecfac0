"""The demo game: its image is made once, with progress bars, and the catalogue told about it at each start."""

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
    "fetch game": "The Question and its libraries: download",
    "install game": "The Question and its libraries: install",
    "prepare": "Compile the game's scripts",
    "import": "Hand the image to Docker",
}


async def build_demo(docker_host: str, console: Console) -> bool:
    """Makes the demo game's image unless the engine has it from this very recipe; True when it was made.

    Raises GameNotBuilt with the builder's own words. Cancelling stops the builder and waits until it has tidied up.
    """
    builder = await asyncio.create_subprocess_exec(
        sys.executable,
        str(GAMES / "build.py"),
        str(DEMO),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "DOCKER_HOST": docker_host},
        start_new_session=True,
    )
    assert builder.stdout is not None
    assert builder.stderr is not None
    complaint = asyncio.create_task(builder.stderr.read())
    is_new = False
    try:
        with Bars(console) as bars:
            async for line in builder.stdout:
                said = json.loads(line)
                if "step" in said:
                    bars.show(str(said["step"]), int(said["done"]), int(said["total"]))
                else:
                    is_new = bool(said["is_new"])
        if await builder.wait() != 0:
            raise GameNotBuilt(f"The demo game could not be made.\n{(await complaint).decode(errors='replace')}")
    finally:
        if builder.returncode is None:
            os.killpg(builder.pid, signal.SIGTERM)
            await builder.wait()
        await asyncio.gather(complaint, return_exceptions=True)
    return is_new


class Bars:
    """A bar for each step, shown from its first word on."""

    def __init__(self, console: Console) -> None:
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
            self._tasks[step] = self._progress.add_task(STEPS.get(step, step), total=total)
        self._progress.update(self._tasks[step], completed=done, total=total)
