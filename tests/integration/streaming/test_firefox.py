"""Firefox, which has no H.264 here: the play page's own connection and input against a real seat."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bench.streaming.seat import pages_of, running_seat
from bench.streaming.stage import HD
from tests.integration.streaming.drawing_client import COLOURS
from tests.integration.streaming.firefox import Firefox, firefox
from tests.integration.streaming.seat_support import Seat, rgb, until
from tests.integration.streaming.tone import tone

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser and one seat for all

NEAR = 24
LOUD = 0.01
PROBE = """(() => {
  const video = document.getElementById("game-video");
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  window.look = () => {
    if (!video.videoWidth) return null;
    context.drawImage(video, video.videoWidth * 0.75, video.videoHeight * 0.75, 1, 1, 0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  };
  window.box = () => {
    const { left, top, width, height } = video.getBoundingClientRect();
    return [left, top, width, height];
  };
  window.isPlaying = () => {
    const { paused, muted, volume } = document.getElementById("game-audio");
    return !paused && !muted && volume === 1;
  };
  window.frames = 0;
  const count = () => {
    window.frames += 1;
    video.requestVideoFrameCallback(count);
  };
  video.requestVideoFrameCallback(count);
  window.report = async (kind) => {
    const all = [...(await window.seat.stream.peer.getStats()).values()];
    const inbound = all.find((each) => each.type === "inbound-rtp" && each.kind === kind);
    return inbound && { ...inbound, codec: all.find((each) => each.id === inbound.codecId)?.mimeType };
  };
})()"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def seat() -> AsyncIterator[Seat]:
    async with running_seat(HD) as seat:
        yield seat


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page(seat: Seat) -> AsyncIterator[Firefox]:
    async with pages_of(seat, None) as url, firefox() as browser:
        await browser.go(url)
        await browser.evaluate(PROBE)

        async def is_connected() -> bool:
            return await browser.evaluate("window.seat.stream.state") == "connected"

        await until(is_connected, "Firefox is connected")
        yield browser


async def shows(page: Firefox, colour: int) -> None:
    async def is_shown() -> bool:
        seen: list[int] | None = await page.evaluate("look()")
        return seen is not None and all(abs(a - b) < NEAR for a, b in zip(seen, rgb(colour), strict=True))

    await until(is_shown, f"Firefox shows {colour:#x}")


async def test_pictures_arrive_in_vp8_and_keep_coming(seat: Seat, page: Firefox) -> None:
    async with seat.drawing("--animate"):
        before: int = await page.evaluate("frames")

        async def is_moving() -> bool:
            return await page.evaluate("frames") > before + 30

        await until(is_moving, "the picture moves")
    inbound = await page.evaluate("report('video')")
    assert (inbound["codec"], inbound["frameWidth"], inbound["frameHeight"]) == ("video/VP8", 1280, 720)


async def test_a_click_and_a_key_reach_the_game_and_the_picture_answers(seat: Seat, page: Firefox) -> None:
    async with seat.drawing() as drawing:
        await shows(page, COLOURS[0])
        left, top, width, height = await page.evaluate("box()")
        for colour in COLOURS[1:]:
            await page.click(round(left + width / 4), round(top + height / 2))
            await drawing.feels("button 1 down")
            await drawing.feels("button 1 up")
            await shows(page, colour)
        await page.press("q")
        assert await drawing.feels("key") == f"key 24 down {ord('q'):#x}"
        assert await drawing.feels("key") == f"key 24 up {ord('q'):#x}"


async def test_sound_is_heard(seat: Seat, page: Firefox) -> None:
    async def energy() -> float:
        return ((await page.evaluate("report('audio')")) or {}).get("totalAudioEnergy", 0)

    async def is_audible() -> bool:
        return await energy() > LOUD

    assert await energy() == 0
    samples = seat.folder / "tone.raw"
    samples.write_bytes(tone(20))
    samples.chmod(0o644)
    async with seat.program("pacat", "--raw", "--format=s16le", "--rate=48000", "--channels=2", samples):
        await until(is_audible, "sound above silence")
        assert await page.evaluate("isPlaying()")
