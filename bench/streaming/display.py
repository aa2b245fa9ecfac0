"""An X server for contenders that bring none: launched with the very arguments of a seat's."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.streaming.stage import Game, GameKind, Picture, game_arguments
from streaming.display import Display


@dataclass(frozen=True)
class Screen:
    """A running display: what its clients need to know of it, and its process."""

    environment: dict[str, str]
    x_pid: int


@asynccontextmanager
async def screen(folder: Path, picture: Picture) -> AsyncGenerator[Screen]:
    display = Display(folder, picture.width, picture.height)
    try:
        await display.ready()
        environment = {"DISPLAY": display.name, "XAUTHORITY": str(display.xauthority)}
        yield Screen(environment, display.server.process.pid)
    finally:
        await display.server.stop()


@asynccontextmanager
async def game_on(display: Screen, kind: GameKind) -> AsyncGenerator[Game]:
    process = await asyncio.create_subprocess_exec(
        *game_arguments(kind),
        env={"PATH": os.environ["PATH"], **display.environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    game = Game(process)
    try:
        await game.drawn()
        yield game
    finally:
        await game.end()
