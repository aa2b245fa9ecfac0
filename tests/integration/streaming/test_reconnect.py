"""A network that goes away and comes back, and a second device: the page's own connection against a real seat."""

import asyncio
import signal
import time
from collections.abc import Callable

import psutil
import pytest
from playwright.async_api import Browser, Page

from tests.integration.streaming.seat_support import Seat, until
from tests.integration.streaming.way import Way

pytestmark = pytest.mark.asyncio(loop_scope="module")

CUT_S = 3.0
Recorder = Callable[[str, object], None]


async def frames(page: Page) -> int:
    return await page.evaluate("window.frames")


async def until_moving(page: Page, since: int = 0) -> None:
    async def is_moving() -> bool:
        return await frames(page) > since + 5

    await until(is_moving, "the picture moves")


async def until_state(page: Page, state: str) -> None:
    async def is_reached() -> bool:
        return await page.evaluate("window.stream?.state") == state

    await until(is_reached, f"the connection is {state}")


async def test_the_picture_is_back_soon_after_the_network(
    seat: Seat, browser: Browser, record_property: Recorder
) -> None:
    async with seat.drawing("--animate"):
        way = Way(seat)
        page = await way.open_page(browser)
        await until_moving(page)
        way.is_cut, cut_at = True, time.monotonic()
        await until_state(page, "reconnecting")
        record_property("noticed_after_s", time.monotonic() - cut_at)
        await asyncio.sleep(max(0.0, CUT_S - (time.monotonic() - cut_at)))  # what is measured begins at its end
        seen = await frames(page)
        way.is_cut, mended_at = False, time.monotonic()

        async def is_seen() -> bool:
            return await frames(page) > seen

        await until(is_seen, "a new frame")
        back_after_s = time.monotonic() - mended_at
        record_property("back_after_s", back_after_s)
        assert back_after_s < 8  # on a machine that is busy; the figure for people is the record's
        await until_moving(page, await frames(page))
        assert (await seat.client.status()).players == 1
        way.close()
        await page.close()


async def test_on_another_network_there_is_a_new_way_to_the_same_game(seat: Seat, browser: Browser) -> None:
    async with seat.drawing("--animate"):
        way = Way(seat)
        page = await way.open_page(browser)
        await until_moving(page)
        way.close()  # nothing passes on the old ways any more; new ones can be made
        await until_state(page, "reconnecting")
        await until_moving(page, await frames(page))
        assert await page.evaluate("window.stream.connectionCount") == 2
        assert (await seat.client.status()).players == 1
        way.close()
        await page.close()


async def test_whoever_wakes_from_sleep_goes_on_playing(seat: Seat, browser: Browser) -> None:
    async with seat.drawing("--animate"):
        way = Way(seat)
        page = await way.open_page(browser)
        await until_moving(page)
        asleep = [each for each in psutil.Process().children(recursive=True) if "chrom" in each.name()]

        async def is_given_up() -> bool:
            return (await seat.client.status()).players == 0

        try:
            for each in asleep:
                each.send_signal(signal.SIGSTOP)
            await until(is_given_up, "the seat has given the sleeper up")
        finally:
            for each in asleep:
                each.send_signal(signal.SIGCONT)

        async def is_back() -> bool:
            return (await seat.client.status()).players == 1

        await until(is_back, "the sleeper is a player again")
        await until_moving(page, await frames(page))
        way.close()
        await page.close()


async def test_a_short_break_is_no_reason_to_begin_again(seat: Seat, browser: Browser) -> None:
    async with seat.drawing("--animate"):
        way = Way(seat)
        page = await way.open_page(browser)
        await until_moving(page)
        way.is_cut = True
        await page.evaluate("new Promise((resolve) => setTimeout(resolve, 300))")
        way.is_cut = False
        await until_moving(page, await frames(page))
        assert await page.evaluate("window.stream.connectionCount") == 1
        way.close()
        await page.close()


async def test_a_page_that_was_away_takes_nothing_from_the_device_that_plays_now(seat: Seat, browser: Browser) -> None:
    async with seat.drawing("--animate"):
        away, here = Way(seat), Way(seat)
        old = await away.open_page(browser)
        await until_moving(old)
        away.is_cut = True
        new = await here.open_page(browser)
        await until_moving(new)
        await until_state(old, "reconnecting")
        away.is_cut = False
        await until_state(old, "replaced")
        await until_moving(new, await frames(new))
        await old.evaluate("window.stream.open()")
        await until_state(new, "replaced")
        await until_moving(old, await frames(old))
        for way, page in ((away, old), (here, new)):
            way.close()
            await page.close()
