"""What a seat holds of memory when four of them run at once, each with a page that watches."""

from contextlib import AsyncExitStack

from bench.results import Row
from bench.streaming.seat import SeatContender
from bench.streaming.stage import HD, chromium, until_colour, viewing
from bench.streaming.usage import pss_mb, tree_of

SEATS = 4


async def measure() -> list[Row]:
    async with AsyncExitStack() as stack:
        browser = await stack.enter_async_context(chromium())
        stages = [await stack.enter_async_context(SeatContender().opened("flip", HD)) for _ in range(SEATS)]
        for stage in stages:
            await until_colour(await stack.enter_async_context(viewing(browser, stage)))
        own = [pss_mb(tree_of(stage.server_pids, {stage.x_pid, stage.game.process.pid})) for stage in stages]
        x = [pss_mb([stage.x_pid]) for stage in stages]
    return [
        Row("seat_memory_pss_mb", sum(own) / SEATS, "MB", "<= 80"),
        Row("seat_memory_pss_max_mb", max(own), "MB"),
        Row("seat_x_memory_pss_mb", sum(x) / SEATS, "MB"),
    ]
