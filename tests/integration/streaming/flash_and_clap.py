"""A game that flashes and claps at once, after irregular pauses: a lateness can be told from that of the clap before.

Run as `python flash_and_clap.py` with DISPLAY, XAUTHORITY and PULSE_SERVER. Its sound buffer is 20 ms, as that of games
is. When the sound server goes away it connects again, as long as it takes.
"""

import array
import ctypes
import math
import random
import time
from typing import Any

import xcffib
import xcffib.xproto

RATE = 48_000
BLOCK_SAMPLES = RATE // 200
CLAP_BLOCKS = 12
BUFFER_BYTES = RATE // 50 * 4
SILENCE = bytes(BLOCK_SAMPLES * 4)
PLAYBACK, S16LE = 1, 3
DARK, BRIGHT = 0x101010, 0xF0F0F0


class SampleSpec(ctypes.Structure):
    _fields_ = [("format", ctypes.c_int), ("rate", ctypes.c_uint32), ("channels", ctypes.c_uint8)]


class BufferAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("maxlength", "tlength", "prebuf", "minreq", "fragsize")]


class Speaker:
    """A playback stream of libpulse's simple API; `play` waits until there is room."""

    def __init__(self) -> None:
        self._pulse = ctypes.CDLL("libpulse-simple.so.0")
        self._pulse.pa_simple_new.restype = ctypes.c_void_p
        self._stream: int | None = None

    def play(self, samples: bytes) -> None:
        if self._stream is None:
            specification = SampleSpec(S16LE, RATE, 2)
            buffer = BufferAttributes(0xFFFFFFFF, BUFFER_BYTES, 0, 0xFFFFFFFF, 0xFFFFFFFF)
            arguments = (None, b"game", PLAYBACK, None, b"game", ctypes.byref(specification), None)
            self._stream = self._pulse.pa_simple_new(*arguments, ctypes.byref(buffer), None)
        if self._stream is None:
            time.sleep(0.1)
        elif self._pulse.pa_simple_write(ctypes.c_void_p(self._stream), samples, len(samples), None) < 0:
            self._pulse.pa_simple_free(ctypes.c_void_p(self._stream))
            self._stream = None


def clap_block(number: int) -> bytes:
    first = number * BLOCK_SAMPLES
    mono = (round(20_000 * math.sin(2 * math.pi * 1000 * (first + i) / RATE)) for i in range(BLOCK_SAMPLES))
    return array.array("h", [sample for value in mono for sample in (value, value)]).tobytes()


class Lamp:
    """A window over the whole display, dark or bright."""

    def __init__(self) -> None:
        self._connection = xcffib.Connection()
        setup: Any = self._connection.setup
        self._core: Any = self._connection.core
        screen = setup.roots[0]
        self._size = screen.width_in_pixels, screen.height_in_pixels
        self._window, self._context = self._connection.generate_id(), self._connection.generate_id()
        place = (0, 0, *self._size, 0, 1, screen.root_visual)
        self._core.CreateWindow(24, self._window, screen.root, *place, xcffib.xproto.CW.BackPixel, [DARK])
        self._core.CreateGC(self._context, self._window, xcffib.xproto.GC.Foreground, [DARK])
        self._core.MapWindow(self._window)
        self._connection.flush()

    def show(self, colour: int) -> None:
        self._core.ChangeGC(self._context, xcffib.xproto.GC.Foreground, [colour])
        rectangle = xcffib.xproto.RECTANGLE.synthetic(0, 0, *self._size)
        self._core.PolyFillRectangle(self._window, self._context, 1, [rectangle])
        self._connection.flush()


def main() -> None:
    chance = random.Random(4)
    claps = [clap_block(number) for number in range(CLAP_BLOCKS)]
    lamp, speaker = Lamp(), Speaker()
    print("ready", flush=True)
    while True:
        until = time.monotonic() + chance.uniform(0.35, 0.9)
        while time.monotonic() < until:
            speaker.play(SILENCE)
        lamp.show(BRIGHT)
        for clap in claps:
            speaker.play(clap)
        lamp.show(DARK)


if __name__ == "__main__":
    main()
