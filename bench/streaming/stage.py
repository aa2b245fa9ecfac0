"""One way of streaming, brought up to be measured: what every contender gives, and the browser in front of it."""

import asyncio
import os
import shutil
import sys
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from playwright.async_api import Browser, Page, async_playwright

from bench.browser_player import CHROMIUM, CHROMIUM_FLAGS
from bench.streaming.drawing import COLOURS

PROBE = Path(__file__).parent / "pages" / "probe.js"
DEADLINE_S = 60.0
NEAR = 24
KEPT_LINES = 10_000

GameKind = Literal["flip", "motion", "clocked"]


@dataclass(frozen=True)
class Picture:
    """What is streamed."""

    width: int = 1280
    height: int = 720
    fps: int = 60
    bitrate_bps: int = 8_000_000


HD = Picture()
FULL_HD = Picture(1920, 1080, 60, 12_000_000)
WINDOW = Picture(1280, 808)  # a headed browser with its bars above an HD picture


class Game:
    """The benchmark's game on some display, and the newest lines that it has printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._reading = asyncio.create_task(self._read())

    async def drawn(self) -> None:
        """Returns when its window is there; raises `RuntimeError` with its last words when it never is."""
        try:
            await until(lambda: _true_of("ready" in self.lines), "the game is ready")
        except TimeoutError as error:
            raise RuntimeError("\n".join(self.lines)) from error

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.lines.append(line.decode(errors="replace").strip())

    async def end(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)


def game_arguments(kind: GameKind) -> list[str]:
    return [sys.executable, "-m", "bench.streaming.drawing", kind]


@dataclass(frozen=True)
class Stage:
    """A contender that streams a game, with its folder of its own.

    `server_pids` are the roots of what serves; X and the game do not count to it.
    """

    folder: Path
    url: str
    selector: str
    server_pids: tuple[int, ...]
    x_pid: int
    game: Game


class Contender(Protocol):
    """A way of streaming. Each `opened` is a new one from nothing, gone when the context ends."""

    name: str

    def opened(self, kind: GameKind, picture: Picture) -> AbstractAsyncContextManager[Stage]: ...


@asynccontextmanager
async def chromium(headed_on: Mapping[str, str] | None = None) -> AsyncGenerator[Browser]:
    """A fresh browser program; headless, or over the whole of a `WINDOW` that these variables lead to."""
    flags, environment = list(CHROMIUM_FLAGS), dict[str, str | float | bool](os.environ)
    if headed_on is not None:
        flags += ["--window-position=0,0", f"--window-size={WINDOW.width},{WINDOW.height}"]
        environment |= headed_on
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium") or CHROMIUM,
            args=flags,
            headless=headed_on is None,
            env=environment,
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def viewing(browser: Browser, stage: Stage, *, fills_window: bool = False) -> AsyncGenerator[Page]:
    """The contender's page with our probe in it, from the moment on that its picture is there and has settled."""
    if fills_window:
        context = await browser.new_context(no_viewport=True)
    else:
        context = await browser.new_context(viewport={"width": HD.width, "height": HD.height})
    await context.add_init_script(path=PROBE)
    page = await context.new_page()
    try:
        await page.goto(stage.url)
        await page.evaluate("(selector) => probe.watch(selector)", stage.selector)
        await until(lambda: page.evaluate("() => probe.isLive()"), f"{stage.url} shows a picture")
        yield page
    finally:
        await context.close()


async def until_colour(page: Page) -> None:
    """Until the page shows one of the flipping game's colours."""

    async def is_shown() -> bool:
        seen: list[int] | None = await page.evaluate("() => probe.pixel()")
        return seen is not None and any(is_near(seen, colour) for colour in COLOURS)

    await until(is_shown, "the page shows the game's colour")


def is_near(seen: list[int], colour: int) -> bool:
    wanted = (colour >> 16, colour >> 8 & 0xFF, colour & 0xFF)
    return all(abs(one - other) < NEAR for one, other in zip(seen, wanted, strict=True))


async def until(condition: Callable[[], Awaitable[bool]], what: str, within_s: float = DEADLINE_S) -> None:
    """Returns when the condition holds; raises `TimeoutError` naming it when it does not in time."""
    try:
        async with asyncio.timeout(within_s):
            while not await condition():  # noqa: ASYNC110 - what is waited for lives in other processes
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise TimeoutError(f"not within {within_s:g} s: {what}") from error


async def _true_of(value: bool) -> bool:
    return value
