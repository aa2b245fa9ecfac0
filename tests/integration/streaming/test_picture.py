"""The picture as it is sent: by what a browser takes, in sizes and rates that a player wishes, and never half drawn."""

from typing import Any

import pytest
from playwright.async_api import Browser, Page

from streaming.audience import Role
from streaming.protocol import Introduction
from tests.integration.streaming.drawing_client import COLOURS
from tests.integration.streaming.seat_support import Seat, click, heard, open_page, shows, tell, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIZE = "() => [document.querySelector('video').videoWidth, document.querySelector('video').videoHeight]"
CODEC = """async () => {
  const stats = await seat.video.receiver.getStats();
  const inbound = [...stats.values()].find(({type}) => type === "inbound-rtp");
  return inbound && inbound.codecId ? stats.get(inbound.codecId).mimeType : null;
}"""


async def is_sent(page: Page, **wanted: Any) -> None:
    """Waits until the seat says that the page is sent this."""

    async def is_told() -> bool:
        picture = await heard(page, "picture")
        most_bps = wanted.get("most_bps", picture["bitrate_bps"])
        return picture["bitrate_bps"] <= most_bps and all(
            picture[key] == wanted[key] for key in picture if key in wanted
        )

    await until(is_told, f"the page is sent {wanted}")


async def test_a_browser_without_h264_plays_in_vp8_and_a_watcher_with_it_gets_half(
    seat: Seat, browser: Browser
) -> None:
    async with seat.drawing() as drawing:
        player = await open_page(browser, seat, codec="video/VP8")
        await shows(player, COLOURS[0])
        assert await player.evaluate(CODEC) == "video/VP8"
        await is_sent(player, codec="vp8", fps=60, most_bps=8_000_000)
        watcher = await open_page(browser, seat, Role.WATCHER, Introduction(name="Ben", person="Ben"), "video/H264")
        await is_sent(watcher, codec="h264", fps=30, most_bps=4_000_000)
        await click(player)
        await drawing.feels("button 1 down")
        await shows(player, COLOURS[1])
        await shows(watcher, COLOURS[1])
        assert await watcher.evaluate(CODEC) == "video/H264"
        await player.close()
        await is_sent(watcher, codec="h264", fps=60, bitrate_bps=8_000_000)
        await watcher.close()


async def test_the_player_chooses_a_smaller_picture_and_still_hits_what_it_sees(seat: Seat, page: Page) -> None:
    async with seat.drawing() as drawing:
        await shows(page, COLOURS[0])
        await tell(page, type="quality", height=360, fps=30, bitrate_bps=1_000_000)
        await is_sent(page, width=640, height=360, fps=30, most_bps=1_000_000)

        async def has_size(width: int, height: int) -> bool:
            return await page.evaluate(SIZE) == [width, height]

        await until(lambda: has_size(640, 360), "the page shows the smaller picture")
        await click(page)
        assert await drawing.feels("button 1 down") == "button 1 down 320 360"  # of the display as it is
        await shows(page, COLOURS[1])
        await tell(page, type="quality", height=None, fps=None, bitrate_bps=None)
        await until(lambda: has_size(1280, 720), "the page shows the whole picture again")
        await shows(page, COLOURS[1])


async def test_no_picture_is_half_of_one_and_half_of_the_next(seat: Seat, page: Page) -> None:
    seen: list[list[int]] = []

    async def both_colours_came_often() -> bool:
        seen.extend(await page.evaluate("columns", 1000))
        return len(seen) > 20 and len({column[0] > 128 for column in seen}) == 2

    async with seat.drawing("--flips"):
        await until(both_colours_came_often, "both colours came, and more than twenty pictures")
    assert [column for column in seen if max(column) - min(column) > 24] == []
