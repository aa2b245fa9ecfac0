"""The game's sound to Opus: the sink's monitor in 10 ms frames, on a thread of its own, and nothing while it is silent.

The monitor is read by `parec` (package pulseaudio-utils), which runs only while somebody listens.
"""

import array
import fcntl
import os
import termios
import threading
from collections.abc import Callable
from fractions import Fraction

import av

from streaming.children import Child
from streaming.packets import Codec, EncodedPacket
from streaming.sound_server import MONITOR, SAMPLE_RATE, SoundServer

CHANNELS = 2
FRAME_SAMPLES = SAMPLE_RATE // 100
FRAME_BYTES = FRAME_SAMPLES * CHANNELS * 2
FRAMES_PER_S = SAMPLE_RATE // FRAME_SAMPLES
SILENCE_S = 2.0
BACKLOG_FRAMES = 6
BITRATE_BPS = 128_000
SILENT_FRAME = bytes(FRAME_BYTES)


class SilenceGate:
    """Opens with the first sample that is not zero, and closes after `SILENCE_S` without one. Pure."""

    def __init__(self) -> None:
        self._silent_frames = int(SILENCE_S * FRAMES_PER_S)

    def lets_pass(self, frame: bytes) -> bool:
        self._silent_frames = self._silent_frames + 1 if frame == SILENT_FRAME else 0
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
        context.options = {"application": "audio", "frame_duration": "10", "compression_level": "5"}
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


class SoundCapture:
    """One listening: from the constructor until `ended` has returned. Must be made by the main thread (see `Child`).

    `on_packet` is called from the sound's thread and must only hand over.
    """

    def __init__(self, server: SoundServer, on_packet: Callable[[EncodedPacket], None], first_pts: int) -> None:
        self._on_packet = on_packet
        self.pts = first_pts
        self._pipe, write_end = os.pipe()
        arguments = ["parec", "--raw", f"--device={MONITOR}", "--format=s16le", f"--rate={SAMPLE_RATE}"]
        arguments += [f"--channels={CHANNELS}", "--latency-msec=10", "--client-name=seat"]
        try:
            self._recorder = Child(arguments, server.environment(), stdout=write_end)
        finally:
            os.close(write_end)
        self._thread = threading.Thread(target=self._run, name="sound", daemon=True)
        self._thread.start()

    async def ended(self) -> None:
        """Returns when the recorder has ended, by `stop` or by itself."""
        await self._recorder.wait()

    async def stop(self) -> None:
        await self._recorder.stop()
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        encoder, gate = OpusEncoder(), SilenceGate()
        with open(self._pipe, "rb", buffering=0) as pipe:  # noqa: PTH123 -- a descriptor, not a path
            descriptor = pipe.fileno()
            while frame := read_frame(descriptor):
                self.pts += FRAME_SAMPLES
                if not gate.lets_pass(frame) or waiting_bytes(descriptor) > BACKLOG_FRAMES * FRAME_BYTES:
                    continue  # silence, or we are late and newer sound is there already
                if packet := encoder.encode(frame, self.pts):
                    self._on_packet(packet)


def read_frame(descriptor: int) -> bytes:
    """Exactly one frame, or nothing at the end."""
    frame = os.read(descriptor, FRAME_BYTES)
    while frame and len(frame) < FRAME_BYTES:
        part = os.read(descriptor, FRAME_BYTES - len(frame))
        frame = frame + part if part else b""
    return frame


def waiting_bytes(descriptor: int) -> int:
    count = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]
