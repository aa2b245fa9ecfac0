"""What a player sees on a bad network: full motion through the shaper, each shown picture telling when it was drawn.

Three links, each with a seat, a game and a browser of its own: 2 Mb/s with an RTT of 50 ms and 1 % loss; one that falls
from 10 to 1 Mb/s at an RTT of 50 ms and comes back; 10 Mb/s with 5 % loss at an RTT of 20 ms. Added delay is what a
picture takes from drawing to showing beyond the median without any shaper, so the way through the link is part of it.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from playwright.async_api import Browser, Page

from bench.moving_clock import SQUARE_PX, SQUARES, number_of
from bench.results import Row, percentile, write
from bench.shaper import LinkQuality, Shaper
from streaming.audience import Role
from streaming.protocol import SeatConfig
from tests.integration.streaming.seat_support import Seat, new_seat_folder, open_page, running_chromium, running_seat

PLAIN = LinkQuality()
BAD = LinkQuality(rate_bps=2_000_000, rtt_s=0.05, loss=0.01)
LOSSY = LinkQuality(rate_bps=10_000_000, rtt_s=0.02, loss=0.05)
WIDE = LinkQuality(rate_bps=10_000_000, rtt_s=0.05)
NARROW = LinkQuality(rate_bps=1_000_000, rtt_s=0.05)
CEILING_BPS = 8_000_000
ADDED_LIMIT_S = 0.120
RETURN_SHARE = 0.8
RATE_WINDOW_S = 1.0
WRAP_MS = 1 << 16

_READ = """([squares, size]) => {
  const video = document.querySelector("video");
  const canvas = new OffscreenCanvas(squares, 1);
  const context = canvas.getContext("2d", {willReadFrequently: true});
  window.shown = [];
  const look = () => {
    const at = performance.now();
    const scale = video.videoWidth / 1280;
    context.drawImage(video, 0, 0, squares * size * scale, size * scale, 0, 0, squares, 1);
    const data = context.getImageData(0, 0, squares, 1).data;
    const levels = [];
    for (let index = 0; index < squares; index += 1) levels.push(data[4 * index + 1]);
    window.shown.push([at, levels]);
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}"""
_RECEIVED = """async () => {
  for (const entry of (await seat.video.receiver.getStats()).values()) {
    if (entry.type === "inbound-rtp") return [performance.now(), entry.bytesReceived, entry.framesDecoded];
  }
  return null;
}"""


@dataclass(frozen=True)
class Shown:
    """One picture on the page, in seconds of the monotonic clock."""

    at_s: float
    drawn_at_s: float

    @property
    def delay_s(self) -> float:
        return self.at_s - self.drawn_at_s


class Watching:
    """A page that watches a seat through a link, and what it has seen."""

    def __init__(self, page: Page, shaper: Shaper, clock_offset_s: float) -> None:
        self._page = page
        self._offset_s = clock_offset_s
        self.shaper = shaper

    async def seen(self, for_s: float) -> list[Shown]:
        """The pictures that are shown from now on."""
        await self._page.evaluate("() => { window.shown.length = 0; }")
        await asyncio.sleep(for_s)
        shown: list[tuple[float, list[float]]] = await self._page.evaluate("() => window.shown.splice(0)")
        return pictures(shown, self._offset_s)

    async def received(self) -> tuple[float, int]:
        """The moment, and the bytes that have come until then."""
        at_ms, received, _ = await self._page.evaluate(_RECEIVED)
        return at_ms / 1000 + self._offset_s, received


def pictures(shown: Sequence[tuple[float, Sequence[float]]], offset_s: float) -> list[Shown]:
    """Each different picture once, at its first showing."""
    found: list[Shown] = []
    last: int | None = None
    for at_ms, levels in shown:
        number = number_of(levels)
        if number is None or number == last:
            continue
        last = number
        at_s = at_ms / 1000 + offset_s
        age_ms = (at_s * 1000 - number) % WRAP_MS
        found.append(Shown(at_s, at_s - (age_ms if age_ms < WRAP_MS / 2 else age_ms - WRAP_MS) / 1000))
    return found


def longest_freeze_s(seen: Sequence[Shown]) -> float:
    return max((later.at_s - earlier.at_s for earlier, later in pairwise(seen)), default=float("inf"))


def settled_after_s(seen: Sequence[Shown], since_s: float, usual_s: float) -> float:
    """Until no picture has more added delay than the limit any more; infinite when nothing was seen."""
    slow = [each.at_s for each in seen if each.at_s >= since_s and each.delay_s - usual_s > ADDED_LIMIT_S]
    later = [each.at_s for each in seen if each.at_s > max(slow, default=since_s)]
    return min(later, default=float("inf")) - since_s


def reached_after_s(amounts: Sequence[tuple[float, int]], since_s: float, wanted_bps: float) -> float:
    """Until the bytes of a whole second were at that rate; infinite when they never were."""
    for index, (at_s, received) in enumerate(amounts):
        earlier = [each for each in amounts[:index] if each[0] >= since_s and at_s - each[0] >= RATE_WINDOW_S]
        if earlier and (received - earlier[-1][1]) * 8 / (at_s - earlier[-1][0]) >= wanted_bps:
            return at_s - since_s
    return float("inf")


@asynccontextmanager
async def watching(browser: Browser, quality: LinkQuality, ceiling_bps: int = CEILING_BPS) -> AsyncGenerator[Watching]:
    """A seat with the moving picture, seen through a link of this quality from the moment on that it is connected."""
    config = SeatConfig(width=1280, height=720, fps=60, ice_addresses=("127.0.0.1",), bitrate_bps=ceiling_bps)
    with new_seat_folder() as folder:
        async with running_seat(folder, config) as seat, moving(seat), looking(browser, seat, quality) as page:
            yield page


@asynccontextmanager
async def moving(seat: Seat) -> AsyncGenerator[None]:
    """The moving picture on this seat's display."""
    async with seat.program(sys.executable, "-m", "bench.moving_clock"):
        yield


@asynccontextmanager
async def looking(
    browser: Browser, seat: Seat, quality: LinkQuality, role: Role = Role.PLAYER
) -> AsyncGenerator[Watching]:
    """One page at this seat, through a link of this quality."""
    shaper = Shaper(quality)
    shaper.start()
    try:
        page = await open_page(browser, seat, role, through=shaper)
        try:
            await page.evaluate(_READ, [SQUARES, SQUARE_PX])
            yield Watching(page, shaper, await clock_offset_s(page))
        finally:
            await page.close()
    finally:
        shaper.close()


async def clock_offset_s(page: Page) -> float:
    """What to add to the page's clock, from the quickest of some questions."""
    loop, best = asyncio.get_running_loop(), (float("inf"), 0.0)
    for _ in range(40):
        asked = loop.time()
        theirs: float = await page.evaluate("() => performance.now()")
        trip = loop.time() - asked
        best = min(best, (trip, asked + trip / 2 - theirs / 1000))
    return best[1]


async def usual_delay_s(browser: Browser, for_s: float) -> float:
    """From drawing to showing with nothing in between, in the same run."""
    async with watching(browser, PLAIN) as page:
        await page.seen(3.0)
        return median(each.delay_s for each in await page.seen(for_s))


async def bad_rows(browser: Browser, usual_s: float, for_s: float) -> list[Row]:
    async with watching(browser, BAD) as page:
        await page.seen(5.0)
        seen = await page.seen(for_s)
    added = [1000 * (each.delay_s - usual_s) for each in seen]
    return [
        Row("bad_net_distinct_fps", len(seen) / for_s, "/s", ">= 25"),
        Row("bad_net_extra_delay_p95_ms", percentile(added, 0.95), "ms", "<= 120"),
        Row("bad_net_longest_freeze_ms", 1000 * longest_freeze_s(seen), "ms", "<= 300"),
    ]


async def lossy_rows(browser: Browser, for_s: float) -> list[Row]:
    async with watching(browser, LOSSY) as page:
        await page.seen(5.0)
        seen = await page.seen(for_s)
    return [Row("loss5_distinct_fps", len(seen) / for_s, "/s", ">= 25")]


async def falling_rows(browser: Browser, usual_s: float, narrow_s: float, back_s: float) -> list[Row]:
    """A fall and a return, after the rate before it was measured."""
    loop = asyncio.get_running_loop()
    async with watching(browser, WIDE) as page:
        await page.seen(8.0)
        before = [await page.received()]
        await page.seen(4.0)
        before.append(await page.received())
        old_bps = (before[1][1] - before[0][1]) * 8 / (before[1][0] - before[0][0])
        page.shaper.become(NARROW)
        fell_at = loop.time()
        seen = await page.seen(narrow_s)
        page.shaper.become(WIDE)
        returned_at = loop.time()
        amounts = [await page.received()]
        while loop.time() < returned_at + back_s:
            await asyncio.sleep(0.1)
            amounts.append(await page.received())
    return [
        Row("recover_10_to_1_s", settled_after_s(seen, fell_at, usual_s), "s", "<= 2"),
        Row("return_to_80pct_s", reached_after_s(amounts, returned_at, RETURN_SHARE * old_bps), "s", "<= 15"),
    ]


async def measure(for_s: float = 30.0, narrow_s: float = 10.0, back_s: float = 20.0) -> list[Row]:
    """All rows, one link after the other in one browser program."""
    async with running_chromium() as browser:
        usual_s = await usual_delay_s(browser, 5.0)
        rows = [Row("plain_delay_p50_ms", 1000 * usual_s, "ms")]
        rows += await bad_rows(browser, usual_s, for_s)
        rows += await falling_rows(browser, usual_s, narrow_s, back_s)
        rows += await lossy_rows(browser, for_s)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    write("bad_network", asyncio.run(measure(parser.parse_args().seconds)))


if __name__ == "__main__":
    main()
