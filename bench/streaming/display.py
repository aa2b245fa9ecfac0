"""An X server for contenders that bring none, and for the black box's browser: a seat's, but for its number.

A seat's server looks for a free number itself, which is safe because each runs under a uid of its own. Under ours it
would take the socket of whichever server has the first number; so this one is told a number that nobody has.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.streaming.stage import Game, GameKind, Picture, game_arguments, until
from streaming.display import authority_entry

SOCKETS = Path("/tmp/.X11-unix")
FIRST_NUMBER, LAST_NUMBER = 400, 499


@dataclass(frozen=True)
class Screen:
    """A running display: its name, what its clients need to know of it, and its process."""

    name: str
    environment: dict[str, str]
    x_pid: int


@asynccontextmanager
async def screen(folder: Path, picture: Picture, *options: str) -> AsyncGenerator[Screen]:
    number = free_number()
    authority = folder / f"Xauthority-{number}"
    authority.touch(mode=0o600)
    authority.write_bytes(authority_entry(secrets.token_bytes(16)))
    size = f"{picture.width}x{picture.height}x24"
    process = await asyncio.create_subprocess_exec(
        *(
            "Xvfb",
            f":{number}",
            "-screen",
            "0",
            size,
            "-auth",
            str(authority),
            "-nolisten",
            "tcp",
            "-noreset",
            *options,
        ),
        stdin=asyncio.subprocess.DEVNULL,
    )

    async def listens() -> bool:
        if process.returncode is not None:
            raise RuntimeError(f"Xvfb ended with {process.returncode}")
        return (SOCKETS / f"X{number}").exists()

    try:
        await until(listens, f"Xvfb listens on :{number}")
        name = f":{number}"
        yield Screen(name, {"DISPLAY": name, "XAUTHORITY": str(authority)}, process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def free_number() -> int:
    """A display number that no server has. Raises `StopIteration` when there is none."""
    numbers = range(FIRST_NUMBER, LAST_NUMBER + 1)
    return next(
        number
        for number in sorted(numbers, key=lambda _: secrets.randbits(16))
        if not (SOCKETS / f"X{number}").exists() and not Path(f"/tmp/.X{number}-lock").exists()
    )


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
