"""Selkies as a contender: installed from PyPI into an environment of its own, run as its users run it, never copied."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from bench.house import ROOT, free_port
from bench.streaming.display import Screen, game_on, screen
from bench.streaming.stage import GameKind, Picture, Stage, until

PROGRAM = ROOT / ".tools" / "selkies" / "bin" / "selkies"
SELECTOR = "#stream"
SETTLE_S = 5.0


class Selkies:
    """Its WebRTC mode with x264 at the same rate and size as ours, without sound. `options` come on top of that."""

    def __init__(self, name: str, *options: str) -> None:
        self.name = name
        self._options = options

    @asynccontextmanager
    async def opened(self, kind: GameKind, picture: Picture) -> AsyncGenerator[Stage]:
        folder = Path(tempfile.mkdtemp(prefix="bench-selkies-"))
        try:
            async with (
                screen(folder, picture) as display,
                game_on(display, kind) as game,
                self._served(folder, display, picture) as (url, pid),
            ):
                yield Stage(folder, url, SELECTOR, (pid,), display.x_pid, game)
        finally:
            shutil.rmtree(folder)

    @asynccontextmanager
    async def _served(self, folder: Path, display: Screen, picture: Picture) -> AsyncGenerator[tuple[str, int]]:
        port = free_port()
        with (folder / "selkies.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(PROGRAM, "--addr", "127.0.0.1", "--port", str(port), "--mode", "webrtc", "--encoder", "h264enc"),
                *("--enable-basic-auth=false", "--audio-enabled=false", "--enable-resize=false"),
                *("--framerate", str(picture.fps), "--video-bitrate", str(picture.bitrate_bps // 1000)),
                "--manual-resolution=true",
                *("--manual-width", str(picture.width), "--manual-height", str(picture.height)),
                *self._options,
                env={"PATH": os.environ["PATH"], "HOME": str(folder), **display.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        url = f"http://127.0.0.1:{port}/"
        try:
            await until(lambda: answers(url), "Selkies answers")
            await asyncio.sleep(SETTLE_S)
            yield url, process.pid
        finally:
            if process.returncode is None:
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), SETTLE_S)
            except TimeoutError:
                process.kill()
                await process.wait()


DEFAULTS = Selkies("selkies")
TUNED = Selkies("selkies_tuned", "--video-streaming-mode=false")


async def answers(url: str) -> bool:
    async with aiohttp.ClientSession() as client:
        try:
            async with client.get(url) as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False
