"""What it costs that others watch: the CPU of one seat in full motion without watchers, and then with four."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bench.results import Row
from bench.streaming.motion import SETTLE_S, usage_while, what_arrives
from bench.streaming.seat import SeatContender
from bench.streaming.stage import DEADLINE_S, HD, Stage, chromium, viewing

WATCHERS = 4


async def measure(window_s: float) -> list[Row]:
    """One seat and one player all the while. The player's pictures say whether the machine had room for it."""
    async with SeatContender().opened("motion", HD) as stage, chromium() as browser, viewing(browser, stage) as player:
        await asyncio.sleep(SETTLE_S)
        alone = await usage_while(stage, window_s)
        async with light_watchers(stage):
            await asyncio.sleep(SETTLE_S)
            watched = await usage_while(stage, window_s)
            seen = await what_arrives(player, window_s)
    return [
        Row("watchers4_extra_cpu_pct", watched.server_pct - alone.server_pct, "%", "<= 10"),
        Row("watchers4_player_distinct_fps", seen.distinct_fps, "fps"),
    ]


@asynccontextmanager
async def light_watchers(stage: Stage) -> AsyncGenerator[None]:
    """They are there, and get pictures, for as long as the context lasts."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.streaming.light_watchers", stage.url, str(WATCHERS)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE_S):
            if await process.stdout.readline() != b"watching\n":
                raise RuntimeError("the watchers did not get pictures")
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
