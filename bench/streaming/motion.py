"""What a stream costs and what of it arrives: CPU at rest and in full motion, pictures seen, bitrate, memory."""

import asyncio
from dataclasses import dataclass, replace

from playwright.async_api import Page

from bench.results import Row
from bench.streaming.figures import distinct_per_second
from bench.streaming.marker import BLOCK_PX, BLOCKS, number_of
from bench.streaming.stage import Contender, Picture, Stage, chromium, until_colour, viewing
from bench.streaming.usage import Usage, pss_mb, tree_of, usage_of

SETTLE_S = 3.0


@dataclass(frozen=True)
class Arrived:
    """What the page saw of full motion, a second: different pictures, decoded frames, and megabits of the picture."""

    distinct_fps: float
    decoded_fps: float
    mbit_per_s: float
    unreadable: int
    codec: str


@dataclass(frozen=True)
class InMotion:
    usage: Usage
    arrived: Arrived
    server_pss_mb: float
    x_pss_mb: float


async def at_rest(contender: Contender, picture: Picture, window_s: float) -> Usage:
    """A picture that does not change, long after its last change, with somebody watching."""
    async with contender.opened("flip", picture) as stage, chromium() as browser, viewing(browser, stage) as page:
        await until_colour(page)
        await asyncio.sleep(SETTLE_S)
        return await usage_while(stage, window_s)


async def in_motion(contender: Contender, picture: Picture, window_s: float) -> InMotion:
    """Two windows one after the other: what it costs, and, with the page reading each frame's number, what arrives."""
    async with contender.opened("motion", picture) as stage, chromium() as browser, viewing(browser, stage) as page:
        await asyncio.sleep(SETTLE_S)
        usage = await usage_while(stage, window_s)
        arrived = await what_arrives(page, window_s)
        servers = tree_of(stage.server_pids, {stage.x_pid, stage.game.process.pid})
        return InMotion(usage, arrived, pss_mb(servers), pss_mb([stage.x_pid]))


async def usage_while(stage: Stage, window_s: float) -> Usage:
    return await usage_of(stage.server_pids, stage.x_pid, stage.game.process.pid, window_s)


async def what_arrives(page: Page, window_s: float) -> Arrived:
    loop = asyncio.get_running_loop()
    before, began = await page.evaluate("() => probe.incoming()"), loop.time()
    shown = await what_is_shown(page, window_s)
    after, took_s = await page.evaluate("() => probe.incoming()"), loop.time() - began
    read = [number for _, number in shown if number is not None]
    return Arrived(
        distinct_fps=distinct_per_second(read, window_s),
        decoded_fps=(after["decoded"] - before["decoded"]) / took_s,
        mbit_per_s=(after["bytes"] - before["bytes"]) * 8 / took_s / 1e6,
        unreadable=len(shown) - len(read),
        codec=after["codec"],
    )


async def what_is_shown(page: Page, window_s: float) -> list[tuple[float, int | None]]:
    """When each frame was shown, by the page's clock in milliseconds, and its number, if it could be read."""
    shown: list[tuple[float, list[int]]] = await page.evaluate(
        "([ms, blocks, size]) => probe.markers(ms, blocks, size)", [1000 * window_s, BLOCKS, BLOCK_PX]
    )
    return [(at_ms, number_of(levels)) for at_ms, levels in shown]


def rows(name: str, rest: Usage, motion: InMotion) -> list[Row]:
    """Rows of one contender at 720p60; ours by their goals, a peer's beside them."""
    figures = [
        Row("cpu_static_pct", rest.server_pct, "%", "<= 0.5"),
        Row("x_cpu_static_pct", rest.x_pct, "%"),
        Row("cpu_720p60_pct", motion.usage.server_pct, "%", "<= 20"),
        Row("x_cpu_720p60_pct", motion.usage.x_pct, "%"),
        Row("decoded_fps_720p60", motion.arrived.decoded_fps, "fps"),
        Row("mbit_per_s_720p60", motion.arrived.mbit_per_s, "Mb/s"),
        Row("unreadable_pictures_720p60", motion.arrived.unreadable, ""),
        Row("pss_720p60_mb", motion.server_pss_mb, "MB"),
        Row("x_pss_720p60_mb", motion.x_pss_mb, "MB"),
    ]
    distinct = Row("distinct_fps_720p60", motion.arrived.distinct_fps, "fps", ">= 59.5")
    if name == "seat":
        return [*(replace(row, name=f"seat_{row.name}") for row in figures), distinct]
    return [replace(row, name=f"peer_{name}_{row.name}", goal=None, peer=name) for row in [*figures, distinct]]
