"""The usual GStreamer pipeline (`ximagesrc ! x264enc ! webrtcbin`) as a contender; page and signalling are ours."""

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from bench.house import ROOT
from bench.streaming.display import Screen, game_on, screen
from bench.streaming.seat import serving
from bench.streaming.stage import GameKind, Picture, Stage

HERE = Path(__file__).parent
REGISTRY = ROOT / ".tools" / "gstreamer-registry.bin"  # else each start looks through all plugins
LINE_LIMIT_BYTES = 1 << 20


class GStreamer:
    name = "gst"

    @asynccontextmanager
    async def opened(self, kind: GameKind, picture: Picture) -> AsyncGenerator[Stage]:
        folder = Path(tempfile.mkdtemp(prefix="bench-gst-"))
        try:
            async with (
                screen(folder, picture) as display,
                game_on(display, kind) as game,
                pipeline(folder, display, picture) as process,
                signalling(process) as url,
            ):
                yield Stage(folder, url, "#stream", (process.pid,), display.x_pid, game)
        finally:
            shutil.rmtree(folder)


@asynccontextmanager
async def pipeline(folder: Path, display: Screen, picture: Picture) -> AsyncGenerator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *("/usr/bin/python3", str(HERE / "gstreamer_server.py"), str(picture.fps), str(picture.bitrate_bps)),
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "GST_REGISTRY": str(REGISTRY), **display.environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_LIMIT_BYTES,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def signalling(process: asyncio.subprocess.Process) -> AsyncGenerator[str]:
    """One page asks for the offer and brings its answer."""

    async def page(_: web.Request) -> web.FileResponse:
        return web.FileResponse(HERE / "pages" / "gstreamer.html")

    async def offer(_: web.Request) -> web.Response:
        assert process.stdout is not None
        return web.json_response(json.loads(await process.stdout.readline()))

    async def answer(request: web.Request) -> web.Response:
        assert process.stdin is not None
        process.stdin.write(json.dumps({"sdp": (await request.json())["sdp"]}).encode() + b"\n")
        await process.stdin.drain()
        return web.Response()

    application = web.Application()
    application.router.add_get("/", page)
    application.router.add_post("/offer", offer)
    application.router.add_post("/answer", answer)
    async with serving(application) as url:
        yield url
