"""How soon the picture is back after the network was away or has changed, after sleep, a reload, and on another device.

Each time counts from the moment at which a network is there again (or the page is asked for) to the first picture on
the page that the game has drawn since.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from statistics import median

import psutil
from playwright.async_api import Browser, Page

from bench.results import Row
from bench.streaming.marker import NUMBERS
from bench.streaming.motion import what_is_shown
from bench.streaming.network import Network
from bench.streaming.seat import SeatContender
from bench.streaming.stage import HD, Stage, chromium, until, viewing

WITHIN_S = 12.0
LOOK_S = 2.0  # as long as it may take at most: one look is enough
AWAY_S = 3.0
ASLEEP_S = 15.0
SHORT_LOOK_S = 0.3

Event = Callable[[], Awaitable[None]]


async def measure(rounds: int) -> list[Row]:
    network = Network()
    async with (
        SeatContender(network=network).opened("clocked", HD) as stage,
        chromium() as browser,
        viewing(browser, stage) as page,
    ):
        events: dict[str, Event] = {
            "cut": lambda: cut(network),
            "network_change_untold": lambda: change(network),
            "network_change_told": lambda: change_told(network, page),
            "sleep": asleep,
        }
        taken = {
            name: [await back_after_s(page, stage, event) for _ in range(rounds)] for name, event in events.items()
        }
        taken["reload"] = [await back_on_reload_s(page, stage) for _ in range(rounds)]
        taken["other_device"] = [await back_on_other_device_s(browser, stage) for _ in range(rounds)]
    return [
        *(Row(f"back_after_{name}_s", median(values), "s", "<= 2") for name, values in taken.items()),
        *(Row(f"back_after_{name}_max_s", max(values), "s") for name, values in taken.items()),
    ]


async def cut(network: Network) -> None:
    network.cut()
    await asyncio.sleep(AWAY_S)
    network.mend()


async def change(network: Network) -> None:
    network.change()


async def change_told(network: Network, page: Page) -> None:
    """The browser learns of it, as when a cable is pulled and another network joined."""
    network.cut()
    await page.context.set_offline(True)
    await asyncio.sleep(AWAY_S)
    network.change()
    await page.context.set_offline(False)


async def asleep() -> None:
    """The browser's processes stand still, as with a closed lid; the seat has given them up before they wake."""
    browsers = [each for each in psutil.Process().children(recursive=True) if "chrom" in each.name()]
    try:
        for each in browsers:
            each.send_signal(signal.SIGSTOP)
        await asyncio.sleep(ASLEEP_S)
    finally:
        for each in browsers:
            each.send_signal(signal.SIGCONT)


async def back_after_s(page: Page, stage: Stage, event: Event) -> float:
    """Raises `TimeoutError` when no picture came back."""
    clock: dict[str, float] = await page.evaluate("(url) => probe.clockOffset(url)", f"{stage.url}clock")
    await event()
    back, newest = time.monotonic(), newest_number(stage)
    while time.monotonic() - back < WITHIN_S:
        for at_ms, number in await what_is_shown(page, LOOK_S):
            if number is not None and is_newer(number, newest):
                return (at_ms + clock["offset"]) / 1000 - back
    raise TimeoutError("no picture came back")


async def back_on_reload_s(page: Page, stage: Stage) -> float:
    began = time.monotonic()
    newest = newest_number(stage)
    await page.reload(wait_until="commit")
    return await seen_after_s(page, newest, began)


async def back_on_other_device_s(browser: Browser, stage: Stage) -> float:
    began = time.monotonic()
    newest = newest_number(stage)
    async with viewing(browser, stage) as page:
        return await seen_after_s(page, newest, began)


async def seen_after_s(page: Page, newest: int, began: float) -> float:
    async def is_seen() -> bool:
        return await page.evaluate("() => window.probe?.isLive() ?? false")

    await until(is_seen, "the page shows a picture", WITHIN_S)
    while time.monotonic() - began < WITHIN_S:
        shown = await what_is_shown(page, SHORT_LOOK_S)
        taken_s = time.monotonic() - began
        if any(number is not None and is_newer(number, newest) for _, number in shown):
            return max(0.0, taken_s - SHORT_LOOK_S)
    raise TimeoutError("no picture came back")


def newest_number(stage: Stage) -> int:
    """Of the frame that the game has drawn last."""
    line = next(line for line in reversed(tuple(stage.game.lines)) if line.startswith("drawn "))
    return int(line.split()[1]) % NUMBERS


def is_newer(number: int, than: int) -> bool:
    return 0 < (number - than) % NUMBERS < NUMBERS // 2
