"""Our own seat as a contender: a worker as it runs in production, and the play page's connection and input."""

import asyncio
import contextlib
import itertools
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
from aiohttp import web

from bench.house import ROOT
from bench.streaming.network import Network, without_candidates
from bench.streaming.stage import Game, GameKind, Picture, Stage, game_arguments, until
from streaming.audience import Role
from streaming.errors import SeatError
from streaming.protocol import Introduction, SeatConfig, SessionDescription
from streaming.seat_client import SeatClient
from tests.integration.streaming.seat_support import Seat, start_as_seat

PAGE = Path(__file__).parent / "pages" / "seat.html"
SELECTOR = "#game-video"
LAST_WORDS_CHARACTERS = 2000
_uids = itertools.count(500_000 + 8 * (os.getpid() % 50_000))  # each seat has one of its own, as on a host


class SeatContender:
    """`worker` is the module that runs as the seat's worker; everything else is as on a host. The game may play silence
    for as long as it runs, which a sound server cannot tell from music.
    """

    def __init__(
        self, worker: str = "streaming.worker", *, plays_silence: bool = False, network: Network | None = None
    ) -> None:
        self.name = "seat"
        self._worker = worker
        self._plays_silence = plays_silence
        self._network = network

    @asynccontextmanager
    async def opened(self, kind: GameKind, picture: Picture) -> AsyncGenerator[Stage]:
        async with (
            running_seat(picture, self._worker) as seat,
            pages_of(seat, self._network) as url,
            playing(seat, kind) as game,
            sounding(seat, self._plays_silence),
        ):
            yield Stage(seat.folder, url, SELECTOR, (seat.process.pid,), x_server_of(seat), game)


@asynccontextmanager
async def running_seat(picture: Picture, worker: str = "streaming.worker") -> AsyncGenerator[Seat]:
    folder = Path(tempfile.mkdtemp(prefix="seat-", dir="/tmp"))
    uid = next(_uids) if os.geteuid() == 0 else os.geteuid()
    os.chown(folder, uid, uid)
    config = SeatConfig(
        width=picture.width,
        height=picture.height,
        fps=picture.fps,
        bitrate_bps=picture.bitrate_bps,
        ice_addresses=("127.0.0.1",),
    )
    (folder / "seat.json").write_text(config.model_dump_json())
    os.chown(folder / "seat.json", uid, uid)
    process = await start_as_seat(sys.executable, "-m", worker, folder, uid=uid)
    try:
        await until(lambda: is_listening(folder, process), "the worker listens")
        client = await SeatClient.open(folder / "control.sock")
        try:
            yield Seat(folder, process, client, await client.hello())
        finally:
            await client.close()
    except Exception as error:
        last_words = (folder / "worker.log").read_text()[-LAST_WORDS_CHARACTERS:]
        error.add_note(f"the worker ({process.returncode}) said last:\n{last_words}")
        raise
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        shutil.rmtree(folder)


async def is_listening(folder: Path, process: asyncio.subprocess.Process) -> bool:
    if process.returncode is not None:
        raise RuntimeError((folder / "worker.log").read_text())
    return (folder / "control.sock").exists()


@asynccontextmanager
async def playing(seat: Seat, kind: GameKind) -> AsyncGenerator[Game]:
    async with seat.program(*game_arguments(kind)) as process:
        game = Game(process)
        try:
            await game.drawn()
            yield game
        finally:
            await game.end()


@asynccontextmanager
async def sounding(seat: Seat, plays_silence: bool) -> AsyncGenerator[None]:
    if not plays_silence:
        yield
        return
    async with seat.program("pacat", "--raw", "--format=s16le", "--rate=48000", "--channels=2", "/dev/zero"):
        yield


def x_server_of(seat: Seat) -> int:
    children = psutil.Process(seat.process.pid).children(recursive=True)
    return next(child.pid for child in children if child.name() == "Xvfb")


@asynccontextmanager
async def pages_of(seat: Seat, network: Network | None) -> AsyncGenerator[str]:
    """The address of a page that connects to this seat as its player, or with `?role=watcher` as one who watches."""

    async def connect(request: web.Request) -> web.Response:
        order = await request.json()
        offer = SessionDescription.model_validate(order["offer"])
        role = Role(request.match_info["role"])
        person = order.get("page", "") if role is Role.PLAYER else uuid.uuid4().hex
        who = Introduction.model_validate({**order, "person": person})
        if network is not None:
            if network.is_cut:
                return web.json_response({"error": "the network is cut"}, status=503)
            offer = SessionDescription(type="offer", sdp=without_candidates(offer.sdp))
        try:
            answer = await seat.client.connect(offer, role=role, who=who)
        except SeatError as error:
            return web.json_response({"error": error.message, "code": error.code}, status=503)
        if network is not None:
            answer = SessionDescription(type="answer", sdp=await network.through(answer.sdp))
        return web.json_response({"answer": answer.model_dump()})

    async def page(_: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE)

    async def clock(_: web.Request) -> web.Response:
        return web.Response(text=str(time.monotonic_ns()))

    application = web.Application()
    application.router.add_get("/", page)
    application.router.add_get("/clock", clock)
    application.router.add_static("/js", ROOT / "orchestrator" / "web" / "static" / "js")
    application.router.add_post("/session/{role}/connect", connect)
    async with serving(application) as url:
        try:
            yield url
        finally:
            if network is not None:
                network.close()


@asynccontextmanager
async def serving(application: web.Application) -> AsyncGenerator[str]:
    """This application on a free port of 127.0.0.1, for as long as the context lasts."""
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = next(iter(runner.addresses))[1]
        yield f"http://127.0.0.1:{port}/"
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await runner.cleanup()
