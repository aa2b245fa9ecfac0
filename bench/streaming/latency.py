"""From the page's press to the changed picture on it, ours and the peers' in turn: ABAB, each time from nothing."""

import asyncio
import random
from collections.abc import Sequence

from playwright.async_api import Page

from bench.results import Row
from bench.streaming.figures import Clicks
from bench.streaming.stage import HD, Contender, chromium, until_colour, viewing
from bench.streaming.stage_times import Press
from bench.streaming.turns import in_turn

WARM_UP_CLICKS = 5
LOST_AFTER_MS = 2000


async def measure(contenders: Sequence[Contender], rounds: int, clicks: int) -> dict[str, Clicks]:
    """Clicks by contender."""
    return await in_turn(contenders, rounds, lambda contender: one_run(contender, clicks))


async def one_run(contender: Contender, clicks: int) -> Clicks:
    async with contender.opened("flip", HD) as stage, chromium() as browser, viewing(browser, stage) as page:
        await until_colour(page)
        await click(page, WARM_UP_CLICKS)
        return await click(page, clicks)


async def click(page: Page, count: int) -> Clicks:
    presses = [await press(page) for _ in range(count)]
    seen = tuple(each.shown_ms - each.pressed_ms for each in presses if each is not None)
    return Clicks(seen, count - len(seen))


async def press(page: Page) -> Press | None:
    """One press in the middle of the picture, 120 to 320 ms after what was before; None when nothing came of it."""
    left, top, width, height = await page.evaluate("() => probe.box()")
    await page.mouse.move(left + width / 2, top + height / 2)
    await asyncio.sleep(random.uniform(0.12, 0.32))
    await page.evaluate("(timeout) => probe.arm(timeout)", LOST_AFTER_MS)
    await page.mouse.down()
    seen: dict[str, float | None] | None = await page.evaluate("() => probe.taken()")
    await page.mouse.up()
    if seen is None:
        return None
    return Press(seen["pressedAt"] or 0.0, seen["shownAt"] or 0.0, seen["receivedAt"], seen["processing"])


def rows(taken: dict[str, Clicks]) -> list[Row]:
    seat, tuned = taken["seat"], taken["selkies_tuned"]
    measured = [
        Row("click_to_photon_720p60_p50_ms", seat.p50_ms, "ms", "<= 8.5"),
        Row("click_to_photon_720p60_p95_ms", seat.p95_ms, "ms", "<= 12"),
        Row("click_to_photon_720p60_max_ms", max(seat.taken_ms), "ms"),
        Row("click_p50_over_selkies_tuned", seat.p50_ms / tuned.p50_ms, "", "<= 0.9", "selkies_tuned"),
        Row("click_p95_over_selkies_tuned", seat.p95_ms / tuned.p95_ms, "", "<= 0.9", "selkies_tuned"),
    ]
    for name, clicks in taken.items():
        if name != "seat":
            measured += [
                Row(f"peer_{name}_click_p50_ms", clicks.p50_ms, "ms", None, name),
                Row(f"peer_{name}_click_p95_ms", clicks.p95_ms, "ms", None, name),
            ]
    measured += [Row("clicks", len(seat.taken_ms), ""), Row("clicks_lost", seat.lost, "", "0")]
    return [*measured, Row("peer_clicks_lost", sum(each.lost for each in taken.values()) - seat.lost, "")]
