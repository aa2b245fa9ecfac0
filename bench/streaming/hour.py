"""An hour of play on one seat, in full motion with sound and input: neither delay nor memory nor what waits may grow.

The medians of the last third are held against those of the first one. A shorter play is shown, and not written.
"""

import argparse
import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import psutil
from playwright.async_api import Page

from bench.results import Row, percentile, show, write
from bench.streaming.figures import delays_ms, growth
from bench.streaming.marker import NUMBERS
from bench.streaming.motion import SETTLE_S, what_is_shown
from bench.streaming.seat import SeatContender
from bench.streaming.stage import HD, Stage, chromium, viewing
from bench.streaming.usage import private_mb, pss_mb, tree_of

LOOK_S = 1.0
LEAST_LOOKS = 6
HOUR_MINUTES = 60


@dataclass(frozen=True)
class Look:
    """One second of play. Delays are from drawing to showing; what waits in any queue on the way is in them."""

    delay_p50_ms: float
    delay_p95_ms: float
    held_ms: float
    round_trip_ms: float
    memory_mb: float
    private_mb: float
    descriptors: int
    threads: int


async def play(for_s: float, look_every_s: float) -> list[Look]:
    looks = list[Look]()
    loop = asyncio.get_running_loop()
    async with (
        SeatContender(plays_silence=True).opened("clocked", HD) as stage,
        chromium() as browser,
        viewing(browser, stage) as page,
    ):
        await use(page, SETTLE_S)
        until = loop.time() + for_s
        while loop.time() < until or len(looks) < LEAST_LOOKS:
            await use(page, look_every_s)
            looks.append(await look(page, stage))
    return looks


async def use(page: Page, for_s: float) -> None:
    """What a player does: moves, clicks, presses keys."""
    loop = asyncio.get_running_loop()
    until = loop.time() + for_s
    while loop.time() < until:
        await page.mouse.move(random.uniform(0, HD.width), random.uniform(0, HD.height), steps=8)
        await page.mouse.click(random.uniform(0, HD.width), random.uniform(0, HD.height))
        await page.keyboard.press(random.choice("wasd"))
        await asyncio.sleep(0.2)


async def look(page: Page, stage: Stage) -> Look:
    clock: dict[str, float] = await page.evaluate("(url) => probe.clockOffset(url)", f"{stage.url}clock")
    before: dict[str, float] = await page.evaluate("() => probe.incoming()")
    shown = [(at_ms + clock["offset"], number) for at_ms, number in await what_is_shown(page, LOOK_S)]
    after: dict[str, float] = await page.evaluate("() => probe.incoming()")
    drawn = [line.split() for line in tuple(stage.game.lines) if line.startswith("drawn ")]
    taken = delays_ms(shown, {int(number): int(at_ns) / 1e6 for _, number, at_ns in drawn}, NUMBERS)
    servers = tree_of(stage.server_pids, {stage.x_pid, stage.game.process.pid})
    emitted = max(1.0, after["emitted"] - before["emitted"])
    return Look(
        delay_p50_ms=median(taken),
        delay_p95_ms=percentile(taken, 0.95),
        held_ms=1000 * (after["held_s"] - before["held_s"]) / emitted,
        round_trip_ms=float(await page.evaluate("() => seat.stream.roundTripMs ?? 0")),
        memory_mb=pss_mb(servers),
        private_mb=private_mb(servers),
        descriptors=sum(psutil.Process(pid).num_fds() for pid in servers),
        threads=sum(psutil.Process(pid).num_threads() for pid in servers),
    )


def rows(looks: Sequence[Look], minutes: float) -> list[Row]:
    def grown(figure: str) -> float:
        return growth([float(getattr(each, figure)) for each in looks])

    return [
        Row("minutes", minutes, "min"),
        Row("looks", len(looks), ""),
        Row("delay_p50_ms", median(each.delay_p50_ms for each in looks), "ms"),
        Row("delay_p95_ms", median(each.delay_p95_ms for each in looks), "ms"),
        Row("delay_p50_growth_ms", grown("delay_p50_ms"), "ms", "<= 1"),
        Row("delay_p95_growth_ms", grown("delay_p95_ms"), "ms", "<= 3"),
        Row("held_by_browser_growth_ms", grown("held_ms"), "ms", "<= 1"),
        Row("control_round_trip_growth_ms", grown("round_trip_ms"), "ms", "<= 1"),
        Row("seat_memory_mb", looks[-1].memory_mb, "MB"),
        Row("seat_memory_growth_mb", grown("private_mb"), "MB", "<= 2"),
        Row("descriptor_growth", grown("descriptors"), "", "0"),
        Row("thread_growth", grown("threads"), "", "0"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-hour MINUTES=…", description=__doc__)
    parser.add_argument("--minutes", type=float, default=HOUR_MINUTES)
    minutes: float = parser.parse_args().minutes
    looks = asyncio.run(play(60 * minutes, min(10.0, 60 * minutes / LEAST_LOOKS)))
    measured = rows(looks, minutes)
    if minutes >= HOUR_MINUTES:
        write("streaming-hour", measured)
    else:
        show(measured)


if __name__ == "__main__":
    main()
