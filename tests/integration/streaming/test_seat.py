"""A seat from outside: what a page and a game see of it."""

import asyncio
import os

from playwright.async_api import Browser, Page

from tests.integration.streaming.drawing_client import COLOURS
from tests.integration.streaming.seat_support import Seat, open_page, until


def rgb(colour: int) -> list[int]:
    return [colour >> 16, colour >> 8 & 0xFF, colour & 0xFF]


async def shows(page: Page, colour: int) -> None:
    await until(lambda: page.evaluate("near", rgb(colour)), f"the page shows {colour:#x}")


async def test_a_click_changes_the_picture(seat: Seat, page: Page) -> None:
    async with seat.drawing() as drawing:
        await shows(page, COLOURS[0])
        for colour in COLOURS[1:]:
            await page.evaluate("tell({type: 'button', button: 0, down: true, x: 0.25, y: 0.5})")
            await page.evaluate("tell({type: 'button', button: 0, down: false, x: 0.25, y: 0.5})")
            assert await drawing.feels("button 1 down") == "button 1 down 320 360"
            await drawing.feels("button 1 up")
            await shows(page, colour)
