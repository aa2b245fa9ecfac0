"""The sound of a seat as it is heard on a page: in step with the picture, and soon back after a restart."""

import asyncio
import statistics
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from playwright.async_api import Page

from tests.integration.streaming.seat_support import HERE, Seat, until
from tests.integration.streaming.tone import tone

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLAPS = 9
IN_STEP_MS = 60
CALM_BUFFER_MS = 30
Recorder = Callable[[str, object], None]

# Both moments on the clock of `performance.now()`: the frame with the flash when it is shown, the first loud sample
# when the sound card gets it. With each clap, how long the browser's jitter buffer held the sound since the one before.
LISTEN = """async () => {
  const video = document.querySelector('video'), audio = document.querySelector('audio');
  const canvas = new OffscreenCanvas(1, 1), context = canvas.getContext('2d', {willReadFrequently: true});
  window.flashes = []; window.claps = [];
  let wasBright = false;
  const look = (now, {expectedDisplayTime}) => {
    context.drawImage(video, 0, 0, 1, 1);
    const isBright = context.getImageData(0, 0, 1, 1).data[0] > 128;
    if (isBright && !wasBright) flashes.push(expectedDisplayTime);
    wasBright = isBright;
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  const speaker = new AudioContext({latencyHint: 'interactive', sampleRate: 48000});
  const module = `registerProcessor('claps', class extends AudioWorkletProcessor {
    process([[channel]]) {
      const first = (channel ?? []).findIndex((sample) => Math.abs(sample) > 0.1);
      if (first >= 0) {
        const at = currentTime + first / sampleRate;
        if (!(at - this.last < 0.2)) this.port.postMessage(at);
        this.last = at;
      }
      return true;
    }
  });`;
  await speaker.audioWorklet.addModule('data:text/javascript,' + encodeURIComponent(module));
  const ear = new AudioWorkletNode(speaker, 'claps');
  ear.port.onmessage = ({data: at}) => {
    const {contextTime, performanceTime} = speaker.getOutputTimestamp();
    const playedAt = performanceTime + (at - contextTime - speaker.outputLatency) * 1000;
    report(seat.audio.receiver, 'inbound-rtp').then(({jitterBufferDelay: held, jitterBufferEmittedCount: count}) => {
      if (count > emitted.count) claps.push([playedAt, (held - emitted.held) / (count - emitted.count) * 1000]);
      emitted = {held, count};
    });
  };
  let emitted = {held: 0, count: 0};
  speaker.createMediaStreamSource(audio.srcObject).connect(ear).connect(speaker.destination);
  window.speaker = speaker;
}"""


@asynccontextmanager
async def flashing_and_clapping(seat: Seat) -> AsyncGenerator[None]:
    async with seat.program(sys.executable, HERE / "flash_and_clap.py") as program:
        assert program.stdout is not None
        first = await program.stdout.readline()
        assert first == b"ready\n", (first + await program.stdout.read()).decode()
        yield
        assert program.returncode is None, await program.communicate()


async def heard_and_seen(page: Page) -> tuple[list[float], list[tuple[float, float]]]:
    flashes, claps = await page.evaluate("[window.flashes, window.claps]")
    return [float(moment) for moment in flashes], [(float(moment), float(buffered)) for moment, buffered in claps]


def lateness_ms(flashes: list[float], claps: list[float]) -> list[float]:
    """How much later each clap was heard than its flash was seen. Which belongs to which is told by the irregular
    pauses: of all ways to put the one list beside the other, the one with the steadiest difference.
    """
    ways: list[list[float]] = []
    for shift in range(-3, 4):
        pairs = [clap - flashes[index + shift] for index, clap in enumerate(claps) if 0 <= index + shift < len(flashes)]
        if len(pairs) >= CLAPS - 3:
            ways.append(pairs)
    return min(ways, key=lambda way: max(way) - min(way))


async def test_a_clap_is_heard_in_step_with_its_flash(seat: Seat, page: Page, record_property: Recorder) -> None:
    """Beside `IN_STEP_MS` stands what the browser holds back because packets come unevenly: the machine's load."""
    late: list[float] = []
    async with flashing_and_clapping(seat):
        await page.evaluate(LISTEN)

        async def in_step() -> bool:
            flashes, claps = await heard_and_seen(page)
            newest = (
                [(moment, buffered) for moment, buffered in claps if moment > flashes[0]][-CLAPS:] if flashes else []
            )
            if min(len(flashes), len(newest)) < CLAPS:
                return False
            late[:] = lateness_ms(flashes[-CLAPS - 1 :], [moment for moment, _ in newest])
            unevenness_ms = max(0.0, statistics.median(buffered for _, buffered in newest) - CALM_BUFFER_MS)
            record_property("sound_lateness_p50_ms", statistics.median(late))
            record_property("sound_unevenness_ms", unevenness_ms)
            return abs(statistics.median(late)) - unevenness_ms <= IN_STEP_MS

        await until(in_step, "claps are heard with their flashes")


async def test_sound_is_back_after_the_sound_server_was_killed(seat: Seat, page: Page) -> None:
    """The game connects again, as games do; the page does nothing."""

    async def claps() -> int:
        return len((await heard_and_seen(page))[1])

    async with flashing_and_clapping(seat):
        await page.evaluate(LISTEN)

        async def is_heard() -> bool:
            return await claps() >= 2

        await until(is_heard, "claps are heard")
        [server] = [child for child in psutil.Process(seat.process.pid).children() if child.name() == "pulseaudio"]
        server.kill()
        await asyncio.to_thread(psutil.wait_procs, [server], 10)
        before = await claps()

        async def is_heard_again() -> bool:
            return await claps() >= before + 3

        await until(is_heard_again, "claps are heard again")


async def test_the_first_sound_after_silence_is_not_lost_and_nothing_comes_before_it(seat: Seat, page: Page) -> None:
    """A game that only keeps its stream open costs nothing, and its first sound is heard whole."""

    async def packets() -> int:
        return (await page.evaluate("report(seat.audio.receiver, 'inbound-rtp')")).get("packetsReceived", 0)

    quiet, clap = bytes(48_000 * 4 * 4), tone(1)
    samples = seat.folder / "late.raw"
    samples.write_bytes(quiet + clap + quiet)
    samples.chmod(0o644)
    async with seat.program("pacat", "--raw", "--format=s16le", "--rate=48000", "--channels=2", samples):

        async def whole_second() -> bool:
            return await packets() >= 100

        await until(whole_second, "the second of sound is there")
        assert await packets() <= 100 + 2.5 * 100, "a second of sound, and the silence that is let pass after it"


async def test_while_nothing_plays_the_sound_server_rests_and_the_next_sound_wakes_it(seat: Seat, page: Page) -> None:
    [server] = [child for child in psutil.Process(seat.process.pid).children() if child.name() == "pulseaudio"]

    def wakes() -> int:
        threads = Path(f"/proc/{server.pid}/task").glob("*/status")
        lines = [line for status in threads for line in status.read_text().splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))

    async def rests() -> bool:
        before = wakes()
        await asyncio.sleep(1.0)
        return wakes() - before <= 5

    await until(rests, "the sound server rests")
    before = (await page.evaluate("report(seat.audio.receiver, 'inbound-rtp')")).get("packetsReceived", 0)
    samples = seat.folder / "early.raw"
    samples.write_bytes(tone(1))
    samples.chmod(0o644)
    async with seat.program("pacat", "--raw", "--format=s16le", "--rate=48000", "--channels=2", samples):

        async def is_heard() -> bool:
            report = await page.evaluate("report(seat.audio.receiver, 'inbound-rtp')")
            return bool(report.get("packetsReceived", 0) >= before + 90)

        await until(is_heard, "the sound is heard whole")
