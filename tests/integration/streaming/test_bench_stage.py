"""The benchmark's own parts against a real seat: its page, its probe and its games still fit what they measure."""

import time

from bench.streaming.hour import look
from bench.streaming.latency import press
from bench.streaming.motion import what_is_shown
from bench.streaming.seat import SeatContender
from bench.streaming.stage import HD, chromium, until_colour, viewing

A_MINUTE_MS = 60_000


async def test_a_press_on_the_benchmarks_page_is_timed_by_the_picture() -> None:
    async with SeatContender().opened("flip", HD) as stage, chromium() as browser, viewing(browser, stage) as page:
        await until_colour(page)
        seen = await press(page)
        assert seen is not None
        assert 0 < seen.shown_ms - seen.pressed_ms < A_MINUTE_MS
        assert len([line for line in stage.game.lines if line.startswith("flip ")]) == 1


async def test_numbers_are_read_off_a_moving_picture_and_tell_its_age() -> None:
    async with SeatContender().opened("clocked", HD) as stage, chromium() as browser, viewing(browser, stage) as page:
        numbers: list[int] = []
        deadline = time.monotonic() + 60
        while len(set(numbers)) < 3 and time.monotonic() < deadline:
            numbers += [number for _, number in await what_is_shown(page, 0.5) if number is not None]
        assert len(set(numbers)) >= 3
        assert numbers == sorted(numbers)
        assert 0 < (await look(page, stage)).delay_p50_ms < A_MINUTE_MS
