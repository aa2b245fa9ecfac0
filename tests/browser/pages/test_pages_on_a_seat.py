"""The real pages on a real seat: the picture that a player chooses, and eight who watch."""

import asyncio
import signal
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from streaming.audience import WATCHERS_LIMIT
from streaming.protocol import SeatConfig
from tests.browser.pages.conftest import Replica
from tests.browser.pages.pages_support import FIRST_PICTURE, until
from tests.browser.pages.whole_house import House, whole_house
from tests.integration.streaming.seat_support import Seat, new_seat_folder, running_seat
from tests.integration.streaming.tone import tone

pytestmark = pytest.mark.asyncio(loop_scope="session")

STALL_S = 1.5
FRESH_MS, FRESH_WITHIN_S = 400, 6.0  # on a machine that is busy; left alone, Chromium takes three times as long
PEERS = """
window.peers = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) { super(...given); window.peers.push(this); }
};
"""
HELD = """async () => {
  const entries = [...(await window.peers.at(-1).getStats()).values()].filter(({type}) => type === 'inbound-rtp');
  return ['video', 'audio'].map((kind) => entries.find((entry) => entry.kind === kind))
    .map((entry) => ({seconds: entry?.jitterBufferDelay ?? 0, samples: entry?.jitterBufferEmittedCount ?? 0}));
}"""
SIZE = "[document.querySelector('video').videoWidth, document.querySelector('video').videoHeight]"


@pytest.fixture
def seat_folder() -> Generator[Path]:
    with new_seat_folder() as folder:
        yield folder


@asynccontextmanager
async def seat_of(folder: Path, width: int, height: int, fps: int) -> AsyncGenerator[Seat]:
    config = SeatConfig(width=width, height=height, fps=fps, ice_addresses=("127.0.0.1",), bitrate_bps=4_000_000)
    async with running_seat(folder, config) as seat:
        yield seat


@pytest_asyncio.fixture(loop_scope="session")
async def tabs(browser: Browser) -> AsyncGenerator[AsyncExitStack]:
    async with AsyncExitStack() as tabs:
        yield tabs


async def tab(browser: Browser, tabs: AsyncExitStack) -> Page:
    """A page of somebody else's browser."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    tabs.push_async_callback(context.close)
    await context.add_init_script(PEERS)
    return await context.new_page()


async def playing(browser: Browser, tabs: AsyncExitStack, house: House) -> Page:
    page = await tab(browser, tabs)
    await page.goto(house.play_url)
    await until(page, FIRST_PICTURE)
    await expect(page.locator("#curtain")).to_be_hidden()
    return page


async def watching(browser: Browser, tabs: AsyncExitStack, invitation: str, name: str) -> Page:
    page = await tab(browser, tabs)
    await page.goto(invitation)
    await page.get_by_label("Your name").fill(name)
    await page.get_by_role("button", name="Watch").click()
    return page


async def choose(page: Page, picture: str) -> None:
    await page.keyboard.press("Control+Alt+Enter")
    await page.locator("#settings-button").click()
    await page.get_by_label("Quality").select_option(picture)
    await page.keyboard.press("Escape")


@pytest.mark.parametrize(
    ("rows", "fps", "offered"),
    [(1080, 60, ["1080p60", "1080p30", "720p60", "720p30"]), (720, 30, ["720p30"])],
    ids=["a game at 1080p60", "a game at 720p30"],
)
async def test_the_player_is_sent_the_picture_chosen_of_those_that_the_game_has(
    browser: Browser,
    replica: Replica,
    tabs: AsyncExitStack,
    seat_folder: Path,
    rows: int,
    fps: int,
    offered: list[str],
) -> None:
    async with (
        seat_of(seat_folder, rows * 16 // 9, rows, fps) as seat,
        whole_house(seat, replica) as house,
        seat.drawing("--animate"),
    ):
        page = await playing(browser, tabs, house)
        values = "[...document.querySelectorAll('#picture-choice option')].map(({value}) => value)"
        await until(page, f"{values}.length === {len(offered) + 1}")
        assert await page.evaluate(values) == ["", *offered]
        for picture in reversed(offered):
            height, _, rate = picture.partition("p")
            await choose(page, picture)
            await until(page, f"{SIZE}.join() === '{int(height) * 16 // 9},{height}'")
            await expect(page.locator("#picture-now")).to_contain_text(f"{height}, up to {rate} pictures a second")
        await tabs.aclose()


async def test_after_a_stall_picture_and_sound_are_as_fresh_as_before(
    browser: Browser, replica: Replica, tabs: AsyncExitStack, seat_folder: Path
) -> None:
    """The browser stands still for a while, as on a laptop that is busy: all that comes meanwhile is late."""
    samples = seat_folder / "tone.raw"
    samples.write_bytes(tone(60))
    samples.chmod(0o644)
    async with (
        seat_of(seat_folder, 640, 360, 60) as seat,
        whole_house(seat, replica) as house,
        seat.drawing("--animate"),
        seat.program("pacat", "--raw", "--format=s16le", "--rate=48000", "--channels=2", samples),
    ):
        page = await playing(browser, tabs, house)
        await until(page, f"(await ({HELD})())[1].samples > 48000")
        await stall()
        woke_at = time.monotonic()
        seen = list[tuple[float, float, float]]()
        while not seen or max(seen[-1][1:]) > FRESH_MS:
            video_ms, audio_ms = await held_ms(page)
            seen.append((time.monotonic() - woke_at, video_ms, audio_ms))
            assert seen[-1][0] < FRESH_WITHIN_S, seen
        await tabs.aclose()


async def stall() -> None:
    browsers = [each for each in psutil.Process().children(recursive=True) if "chrom" in each.name()]
    for each in browsers:
        each.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(STALL_S)
    finally:
        for each in browsers:
            each.send_signal(signal.SIGCONT)


async def held_ms(page: Page) -> tuple[float, float]:
    """For how long picture and sound of the next half second are held back by the browser."""
    before = await page.evaluate(HELD)
    await asyncio.sleep(0.5)
    after = await page.evaluate(HELD)
    video_ms, audio_ms = (
        1000 * (later["seconds"] - earlier["seconds"]) / max(1, later["samples"] - earlier["samples"])
        for earlier, later in zip(before, after, strict=True)
    )
    return video_ms, audio_ms


async def test_eight_watch_a_ninth_is_told_why_not_and_the_controls_go_round(
    browser: Browser, replica: Replica, tabs: AsyncExitStack, seat_folder: Path
) -> None:
    async with (
        seat_of(seat_folder, 320, 180, 15) as seat,
        whole_house(seat, replica) as house,
        seat.drawing("--animate") as drawing,
    ):
        player = await playing(browser, tabs, house)
        await player.keyboard.press("Control+Alt+Enter")
        await player.locator("#people-button").click()
        await player.get_by_role("button", name="Make an invitation link").click()
        await expect(player.get_by_label("Invitation link")).to_have_value(f"{house.url}/watch/ses0123456789#0")
        invitation = await player.get_by_label("Invitation link").input_value()

        watchers = [await watching(browser, tabs, invitation, f"Eve {number}") for number in range(WATCHERS_LIMIT)]
        for watcher in watchers:
            await expect(watcher.locator("#curtain")).to_be_hidden()
        await expect(player.locator("#people-count")).to_have_text("8")
        ninth = await watching(browser, tabs, invitation, "Ben")
        await expect(ninth.get_by_role("heading", level=1)).to_have_text("Every seat is taken")

        eve = watchers[3]
        await player.get_by_role("button", name="Give the controls to Eve 3").click()
        await expect(eve.locator("#who-plays")).to_have_text("You have the controls")
        await eve.bring_to_front()
        await eve.keyboard.press("q")
        await drawing.feels("key 24 down")
        await drawing.feels("key 24 up")
        await player.bring_to_front()
        await player.get_by_role("button", name="Take back").click()
        await expect(eve.locator("#who-plays")).to_have_text("Ada plays")

        await watchers[0].context.close()
        await expect(player.locator("#people-count")).to_have_text("7")
        await ninth.get_by_role("button", name="Try again").click()
        await expect(ninth.locator("#curtain")).to_be_hidden()
        await player.get_by_role("button", name="Take all invitations back").click()
        for watcher in (ninth, *watchers[1:]):
            await expect(watcher.get_by_role("heading", level=1)).to_have_text("This invitation was taken back")
        await expect(player.locator("#people-count")).to_be_hidden()
        await player.keyboard.press("Escape")
        await player.locator("#stage").focus()
        await player.keyboard.press("w")
        await drawing.feels("key 25 down")
        await tabs.aclose()
