"""What the tests of a seat share: processes under its uid, the small game, the page, and waiting with a deadline."""

import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from bench.browser_player import CHROMIUM, CHROMIUM_FLAGS
from bench.shaper import Shaper, offer_through
from streaming.audience import Role
from streaming.protocol import Hello, Introduction, SeatConfig, SessionDescription
from streaming.seat_client import SeatClient

HERE = Path(__file__).parent
FOREIGN_UIDS, UIDS = 300_000, 100_000
DEADLINE_S = 60.0


def seat_uid() -> int:
    """A uid without a passwd entry where we may choose one, else our own.

    It is this test run's alone: X servers that start under one uid take the sockets of each other.
    """
    return FOREIGN_UIDS + os.getpid() % UIDS if os.geteuid() == 0 else os.geteuid()


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Returns when the condition holds; fails the test when it does not within the deadline."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not await condition():  # noqa: ASYNC110 -- what is waited for lives in other processes
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"not within {DEADLINE_S:g} s: {what}")


async def start_as_seat(
    *arguments: str | Path, uid: int | None = None, **environment: str
) -> asyncio.subprocess.Process:
    """A process of ours under this uid, or the usual seat's, its output readable."""
    changes, wanted = os.geteuid() == 0, seat_uid() if uid is None else uid
    return await asyncio.create_subprocess_exec(
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd="/",
        env={"PATH": os.environ["PATH"], **environment},
        user=wanted if changes else None,
        group=wanted if changes else None,
        extra_groups=[] if changes else None,
    )


async def end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


class Seat:
    """A running worker with its client, and what the tests do around it."""

    def __init__(self, folder: Path, process: asyncio.subprocess.Process, client: SeatClient, hello: Hello) -> None:
        self.folder = folder
        self.process = process
        self.client = client
        self.hello = hello

    @property
    def log(self) -> str:
        return (self.folder / "worker.log").read_text()

    @asynccontextmanager
    async def program(self, *arguments: str | Path) -> AsyncGenerator[asyncio.subprocess.Process]:
        """A program on this seat's display and sound, under its uid."""
        environment = {
            "DISPLAY": f":{self.hello.display}",
            "XAUTHORITY": self.hello.xauthority,
            "HOME": str(self.folder),
        }
        uid = self.folder.stat().st_uid
        process = await start_as_seat(
            *arguments, uid=uid, PULSE_SERVER=f"unix:{self.hello.pulse_socket}", **environment
        )
        try:
            yield process
        finally:
            await end(process)

    @asynccontextmanager
    async def drawing(self, *options: str) -> AsyncGenerator["Drawing"]:
        async with self.program(sys.executable, HERE / "drawing_client.py", *options) as process:
            drawing = Drawing(process)
            await drawing.feels("ready")
            yield drawing
            assert process.returncode is None, await process.communicate()


class Drawing:
    """The drawing client, and what it has felt."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        self._output = process.stdout

    async def feels(self, wanted: str) -> str:
        """The first line from here on whose beginning matches this expression."""
        seen: list[str] = []
        try:
            async with asyncio.timeout(DEADLINE_S):
                while line := (await self._output.readline()).decode().strip():
                    seen.append(line)
                    if re.match(wanted, line):
                        return line
        except TimeoutError:
            pass
        return pytest.fail(f"the game did not feel {wanted!r}, but {seen[-20:]}")


async def start_worker(folder: Path, config: SeatConfig) -> asyncio.subprocess.Process:
    (folder / "seat.json").write_text(config.model_dump_json())
    os.chown(folder / "seat.json", seat_uid(), seat_uid())
    return await start_as_seat(sys.executable, "-m", "streaming.worker", folder)


async def until_listening(folder: Path, process: asyncio.subprocess.Process) -> None:
    async def is_listening() -> bool:
        assert process.returncode is None, (folder / "worker.log").read_text()
        return (folder / "control.sock").exists()

    await until(is_listening, "the worker listens")


@contextmanager
def new_seat_folder() -> Generator[Path]:
    """A folder of the seat's uid, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="seat-", dir="/tmp"))
    folder.chmod(0o700)
    os.chown(folder, seat_uid(), seat_uid())
    yield folder
    shutil.rmtree(folder)


@asynccontextmanager
async def running_seat(folder: Path, config: SeatConfig) -> AsyncGenerator[Seat]:
    process = await start_worker(folder, config)
    try:
        await until_listening(folder, process)
        client = await SeatClient.open(folder / "control.sock")
        try:
            yield Seat(folder, process, client, await client.hello())
        finally:
            await client.close()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def running_chromium() -> AsyncGenerator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


async def open_page(
    browser: Browser,
    seat: Seat,
    role: Role = Role.PLAYER,
    who: Introduction | None = None,
    codec: str | None = None,
    through: Shaper | None = None,
) -> Page:
    """The test's page, connected to the seat by way of a shaper; as if it took no codec but `codec`, a MIME type."""
    page = await browser.new_page()

    async def signal(offer: dict[str, str]) -> dict[str, str]:
        sdp = offer["sdp"] if through is None else offer_through(offer["sdp"])
        answer = await seat.client.connect(SessionDescription(type="offer", sdp=sdp), role=role, who=who)
        return {"type": "answer", "sdp": answer.sdp if through is None else through.answer_through(answer.sdp)}

    await page.expose_function("signal", signal)
    await page.goto((HERE / "page.html").as_uri())
    await page.evaluate("connect", codec)
    return page


def rgb(colour: int) -> list[int]:
    return [colour >> 16, colour >> 8 & 0xFF, colour & 0xFF]


async def shows(page: Page, colour: int) -> None:
    await until(lambda: page.evaluate("near", rgb(colour)), f"the page shows {colour:#x}")


async def tell(page: Page, **message: object) -> None:
    await page.evaluate("tell", message)


async def click(page: Page) -> None:
    await tell(page, type="button", button=0, down=True, x=0.25, y=0.5)
    await tell(page, type="button", button=0, down=False, x=0.25, y=0.5)


async def heard(page: Page, kind: str) -> dict[str, object]:
    """The newest message of this type that the seat has sent."""

    async def has_come() -> bool:
        return bool(await page.evaluate("(kind) => seat.messages.some((message) => message.type === kind)", kind))

    await until(has_come, f"the seat says {kind}")
    return await page.evaluate("(kind) => seat.messages.findLast((message) => message.type === kind)", kind)
