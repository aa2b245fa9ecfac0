"""The game of the network benchmark: `python -m bench.moving_clock`. A detailed picture slides at 60 Hz, and each frame
carries the millisecond at which it was drawn, as black and white squares along its upper edge.

The number is the monotonic clock's milliseconds modulo 2^16, low bit first, between two squares that are always white
and black and a parity square. Needs DISPLAY, and XAUTHORITY where the display asks for it.
"""

import random
import time
from collections.abc import Sequence
from typing import Any

import xcffib
import xcffib.xproto

HZ = 60
NUMBER_BITS = 16
SQUARES = NUMBER_BITS + 3
SQUARE_PX = 32
PATCHES = 900
GC = xcffib.xproto.GC
RECTANGLE = xcffib.xproto.RECTANGLE.synthetic


def squares_of(number: int) -> list[bool]:
    """Left to right; True is white."""
    bits = [bool(number >> index & 1) for index in range(NUMBER_BITS)]
    return [True, False, *bits, sum(bits) % 2 == 1]


def number_of(levels: Sequence[float]) -> int | None:
    """The number behind one brightness (0-255) a square; None where there is none, or a damaged one."""
    if len(levels) != SQUARES:
        return None
    white, black, *bits, parity = (level >= 128 for level in levels)
    if not white or black or parity != (sum(bits) % 2 == 1):
        return None
    return sum(1 << index for index, bit in enumerate(bits) if bit)


def main() -> None:
    connection = xcffib.Connection()
    setup: Any = connection.setup
    core: Any = connection.core
    screen = setup.roots[0]
    width, height = int(screen.width_in_pixels), int(screen.height_in_pixels)
    window, scenery, frame, context = (connection.generate_id() for _ in range(4))
    core.CreateWindow(24, window, screen.root, 0, 0, width, height, 0, 1, screen.root_visual, 0, [])
    core.CreateGC(context, window, GC.Foreground | GC.GraphicsExposures, [0, 0])
    core.CreatePixmap(24, scenery, window, 2 * width, height)
    core.CreatePixmap(24, frame, window, width, height)
    core.MapWindow(window)

    def fill(target: int, colour: int, rectangles: list[Any]) -> None:
        core.ChangeGC(context, GC.Foreground, [colour])
        core.PolyFillRectangle(target, context, len(rectangles), rectangles)

    fill(scenery, 0x607080, [RECTANGLE(0, 0, 2 * width, height)])
    chance = random.Random(4)
    for _ in range(PATCHES):
        place = RECTANGLE(
            chance.randrange(2 * width), chance.randrange(height), chance.randint(8, 160), chance.randint(8, 120)
        )
        fill(scenery, chance.randrange(1 << 24), [place])
    connection.flush()
    print("ready", flush=True)
    step, next_at = 0, time.monotonic()
    while True:
        step += 1
        left = width - abs(3 * step % (2 * width) - width)
        core.CopyArea(scenery, frame, context, left, 0, 0, 0, width, height)
        squares = list(enumerate(squares_of(time.monotonic_ns() // 1_000_000 & 0xFFFF)))
        for colour, wanted in ((0x000000, False), (0xFFFFFF, True)):
            places = [RECTANGLE(SQUARE_PX * at, 0, SQUARE_PX, SQUARE_PX) for at, white in squares if white == wanted]
            fill(frame, colour, places)
        core.CopyArea(frame, window, context, 0, 0, 0, 0, width, height)
        connection.flush()
        for _ in iter(connection.poll_for_event, None):
            pass
        next_at = max(next_at + 1 / HZ, time.monotonic() - 0.1)
        time.sleep(max(0.0, next_at - time.monotonic()))


if __name__ == "__main__":
    main()
