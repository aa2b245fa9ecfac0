"""What it costs that others watch: the CPU of one seat in full motion without watchers, and then with four."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

from bench.results import Row
from bench.streaming.motion import SETTLE_S, usage_while, what_arrives
from bench.streaming.seat import SeatContender
from bench.streaming.stage import HD, chromium, viewing

WATCHERS = 4


async def measure(window_s: float) -> list[Row]:
    """The watchers are pages like the player's, so on a small machine their browser takes from everybody."""
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(SeatContender().opened("motion", HD))
        browser = await stack.enter_async_context(chromium())
        player = await stack.enter_async_context(viewing(browser, stage))
        await asyncio.sleep(SETTLE_S)
        alone = await usage_while(stage, window_s)
        audience = await stack.enter_async_context(chromium())
        watching = replace(stage, url=f"{stage.url}?role=watcher")
        for _ in range(WATCHERS):
            await stack.enter_async_context(viewing(audience, watching))
        await asyncio.sleep(SETTLE_S)
        watched = await usage_while(stage, window_s)
        seen = await what_arrives(player, window_s)
    return [
        Row("watchers4_extra_cpu_pct", watched.server_pct - alone.server_pct, "%", "<= 10"),
        Row("watchers4_player_distinct_fps", seen.distinct_fps, "fps"),
    ]
