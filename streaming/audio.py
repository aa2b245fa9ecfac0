"""The game's sound to Opus: the sink's monitor in 10 ms frames, on a thread of its own, and nothing while it is silent.

It is read only while somebody listens, and in larger fragments while there is nothing to hear. While nothing plays at
all the sound server rests, and nothing is read.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from fractions import Fraction

import av

from streaming import log
from streaming.packets import Codec, EncodedPacket
from streaming.sound_recorder import SoundRecorder
from streaming.sound_server import MONITOR, SAMPLE_RATE, SoundServer

CHANNELS = 2
FRAME_SAMPLES = SAMPLE_RATE // 100
SAMPLE_BYTES = CHANNELS * 2
FRAME_BYTES = FRAME_SAMPLES * SAMPLE_BYTES
FRAMES_PER_S = SAMPLE_RATE // FRAME_SAMPLES
SILENCE_S = 2.0
BACKLOG_FRAMES = 6
BITRATE_BPS = 128_000
RESTED_S = 0.2  # without a fragment: the server rested
SILENT_FRAME = bytes(FRAME_BYTES)
SILENT_FRAGMENT_BYTES = 4 * FRAME_BYTES  # how late the first sound after silence may be, against how often we wake up


class SilenceGate:
    """Opens with the first sample that is not zero, and closes after `SILENCE_S` without one. Pure."""

    def __init__(self) -> None:
        self._silent_frames = int(SILENCE_S * FRAMES_PER_S)

    def lets_pass(self, frame: bytes) -> bool:
        self._silent_frames = self._silent_frames + 1 if frame == SILENT_FRAME else 0
        return self.is_open

    @property
    def is_open(self) -> bool:
        return self._silent_frames < SILENCE_S * FRAMES_PER_S


class OpusEncoder:
    """10 ms of interleaved 16-bit stereo to one packet."""

    def __init__(self) -> None:
        context = av.CodecContext.create("libopus", "w")
        context.sample_rate = SAMPLE_RATE
        context.format = "s16"
        context.layout = "stereo"
        context.time_base = Fraction(1, SAMPLE_RATE)
        context.bit_rate = BITRATE_BPS
        # "lowdelay" looks 2.5 ms ahead instead of 6.5; at this bitrate the other modes would not be used anyway.
        context.options = {"application": "lowdelay", "frame_duration": "10", "compression_level": "5"}
        self._context = context

    def encode(self, frame: bytes, pts: int) -> EncodedPacket | None:
        """`pts` counts samples and becomes the packet's, without the encoder's own offset."""
        samples = av.AudioFrame(format="s16", layout="stereo", samples=FRAME_SAMPLES)
        samples.sample_rate = SAMPLE_RATE
        samples.time_base = Fraction(1, SAMPLE_RATE)
        samples.pts = pts
        samples.planes[0].update(frame)
        packets = self._context.encode(samples)
        return EncodedPacket(bytes(packets[0]), pts, codec=Codec.OPUS) if packets else None


class Frames:
    """Cuts what comes into frames of `FRAME_BYTES`, and keeps the rest for the next time. Pure."""

    def __init__(self) -> None:
        self._rest = b""

    def cut(self, samples: bytes) -> list[bytes]:
        samples = self._rest + samples
        whole = len(samples) - len(samples) % FRAME_BYTES
        self._rest = samples[whole:]
        return [samples[start : start + FRAME_BYTES] for start in range(0, whole, FRAME_BYTES)]


class SoundCapture:
    """One listening: from the constructor until `ended` has returned. Belongs to the event loop's thread.

    `on_packet` is called from the sound's thread and must only hand over.
    """

    def __init__(self, server: SoundServer, on_packet: Callable[[EncodedPacket], None], first_pts: int) -> None:
        self._address = server.address
        self._on_packet = on_packet
        self.pts = first_pts
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._is_wanted = True
        self._recorder: SoundRecorder | None = None
        threading.Thread(target=self._run, name="sound", daemon=True).start()

    async def ended(self) -> None:
        """Returns when the recording has ended, by `stop` or because the server went away."""
        await self._over.wait()

    async def stop(self) -> None:
        self._is_wanted = False
        if self._recorder is not None:
            self._recorder.interrupt()
        await self._over.wait()

    def _run(self) -> None:
        try:
            self._recorder = SoundRecorder(self._address, MONITOR, SAMPLE_RATE, CHANNELS, FRAME_BYTES)
            try:
                self._record(self._recorder)
            finally:
                self._recorder.close()
        except OSError as error:
            log.warning("sound.not_recorded", reason=str(error))
        finally:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and with it everybody who could wait
                self._loop.call_soon_threadsafe(self._over.set)

    def _record(self, recorder: SoundRecorder) -> None:
        encoder, gate, frames = OpusEncoder(), SilenceGate(), Frames()
        first_pts, began_at = self.pts, time.monotonic()
        asked_at = began_at
        while self._is_wanted and (samples := recorder.read()):
            now = time.monotonic()
            if now - asked_at > RESTED_S:
                self.pts = max(self.pts, first_pts + int((now - began_at) * SAMPLE_RATE) - len(samples) // SAMPLE_BYTES)
            cut = frames.cut(samples)
            for place, frame in enumerate(cut):
                self.pts += FRAME_SAMPLES
                if not gate.lets_pass(frame) or len(cut) - place > BACKLOG_FRAMES:
                    continue  # silence, or we are late and newer sound is there already
                if packet := encoder.encode(frame, self.pts):
                    self._on_packet(packet)
            recorder.set_fragment(FRAME_BYTES if gate.is_open else SILENT_FRAGMENT_BYTES)
            asked_at = time.monotonic()
