"""The second method: a headed browser on a display of its own, pressed by XTEST, and that display's memory watched.

Nothing inside the page takes part, so what the page's own clock cannot see (the way of the press into the browser, the
way of the picture onto the screen) is in it.
"""

import asyncio
import mmap
import os
import random
import shutil
import struct
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xcffib
import xcffib.xtest

from bench.results import Row
from bench.streaming.display import Screen, screen
from bench.streaming.figures import Clicks
from bench.streaming.latency import LOST_AFTER_MS, WARM_UP_CLICKS
from bench.streaming.stage import HD, WINDOW, Contender, chromium, until_colour, viewing
from bench.streaming.turns import in_turn

XWD_HEADER = struct.Struct(">25I")
COLOUR_BYTES = 12
PIXEL_BYTES = 4
BUTTON_PRESS, BUTTON_RELEASE, MOTION = 4, 5, 6
LOOK_EVERY_S = 0.0001
CHANGED = 30


class WatchedScreen:
    """The pixels of an Xvfb as it keeps them in a file (`-fbdir`), and fake input into it."""

    def __init__(self, file: Path, display: str) -> None:
        with file.open("rb") as opened:
            self._memory = mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ)
        header = XWD_HEADER.unpack_from(self._memory)
        self._width, self._height, self._line_bytes = header[4], header[5], header[12]
        self._begins = header[0] + header[19] * COLOUR_BYTES
        self._connection = xcffib.Connection(display=display)
        self._test: Any = self._connection(xcffib.xtest.key)

    def pixel(self) -> bytes:
        """Three quarters across and down, as B, G, R."""
        at = self._begins + self._height * 3 // 4 * self._line_bytes + self._width * 3 // 4 * PIXEL_BYTES
        return self._memory[at : at + 3]

    def fake(self, kind: int, detail: int = 0) -> None:
        self._test.FakeInput(kind, detail, 0, 0, self._width // 2, self._height // 2, 0)
        self._connection.flush()

    def press(self) -> float | None:
        """Presses in the middle; milliseconds until the watched pixel has changed, None when it does not."""
        before, pressed_at = self.pixel(), time.perf_counter()
        self.fake(BUTTON_PRESS, 1)
        taken_ms = None
        while (now := time.perf_counter()) - pressed_at < LOST_AFTER_MS / 1000:
            if any(abs(one - other) > CHANGED for one, other in zip(self.pixel(), before, strict=True)):
                taken_ms = (now - pressed_at) * 1000
                break
            time.sleep(LOOK_EVERY_S)
        self.fake(BUTTON_RELEASE, 1)
        return taken_ms

    def close(self) -> None:
        self._connection.disconnect()
        self._memory.close()


async def measure(contenders: Sequence[Contender], rounds: int, clicks: int) -> dict[str, Clicks]:
    """Clicks by contender."""
    return await in_turn(contenders, rounds, lambda contender: one_run(contender, clicks))


async def one_run(contender: Contender, clicks: int) -> Clicks:
    folder = Path(tempfile.mkdtemp(prefix="bench-screen-"))
    try:
        async with (
            contender.opened("flip", HD) as stage,
            screen(folder, WINDOW, "-fbdir", str(folder)) as own,
            chromium(headed_on=own.environment) as browser,
            viewing(browser, stage, fills_window=True) as page,
        ):
            await until_colour(page)
            with watched(folder, own) as seen:
                return await asyncio.to_thread(press_all, seen, clicks)
    finally:
        shutil.rmtree(folder)


@contextmanager
def watched(folder: Path, own: Screen) -> Generator[WatchedScreen]:
    os.environ["XAUTHORITY"] = own.environment["XAUTHORITY"]  # the one place where the X library looks for the cookie
    try:
        seen = WatchedScreen(folder / "Xvfb_screen0", own.name)
    finally:
        del os.environ["XAUTHORITY"]
    try:
        yield seen
    finally:
        seen.close()


def press_all(seen: WatchedScreen, clicks: int) -> Clicks:
    seen.fake(MOTION)
    taken = list[float | None]()
    for _ in range(WARM_UP_CLICKS + clicks):
        time.sleep(random.uniform(0.12, 0.32))
        taken.append(seen.press())
    counted = taken[WARM_UP_CLICKS:]
    changed = tuple(each for each in counted if each is not None)
    return Clicks(changed, len(counted) - len(changed))


def rows(taken: dict[str, Clicks]) -> list[Row]:
    seat = taken["seat"]
    measured = [
        Row("photon_blackbox_p50_ms", seat.p50_ms, "ms", "<= 7.5"),
        Row("photon_blackbox_p95_ms", seat.p95_ms, "ms", "<= 10"),
        Row("photon_blackbox_lost", seat.lost, "", "0"),
    ]
    for name, clicks in taken.items():
        if name != "seat":
            measured += [
                Row(f"peer_{name}_blackbox_p50_ms", clicks.p50_ms, "ms", None, name),
                Row(f"peer_{name}_blackbox_p95_ms", clicks.p95_ms, "ms", None, name),
            ]
    return measured
