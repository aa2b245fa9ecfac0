"""The game of the benchmark, a window over the whole screen: `python -m bench.streaming.drawing KIND`.

`flip` shows one colour and goes on to the next at each button press; for each it prints `flip RECEIVED DRAWN` in
nanoseconds of the monotonic clock. `motion` slides a detailed picture at 60 Hz with larger shapes crossing it, and
writes the number of each frame into it; `clocked` also prints `drawn NUMBER MOMENT` for each. Needs DISPLAY, and
XAUTHORITY where the display asks for it.
"""

import random
import select
import sys
import time
from functools import partial
from typing import Any

import xcffib
import xcffib.xproto

from bench.streaming.marker import BLOCK_PX, blocks_of

COLOURS = (0x2060C0, 0xC04020, 0x20A040, 0xC0C020)
MOTION_HZ = 60
PATCHES = 1500
SHAPES = 24
GC = xcffib.xproto.GC
MASK = xcffib.xproto.EventMask
RECTANGLE = xcffib.xproto.RECTANGLE.synthetic


class Canvas:
    """One window over the whole screen, and what can be drawn on it."""

    def __init__(self) -> None:
        self.connection = xcffib.Connection()
        setup: Any = self.connection.setup
        self.core: Any = self.connection.core
        self.screen = setup.roots[0]
        self.width, self.height = int(self.screen.width_in_pixels), int(self.screen.height_in_pixels)
        self.window, self.context = self.connection.generate_id(), self.connection.generate_id()
        mask = xcffib.xproto.CW.BackPixel | xcffib.xproto.CW.EventMask
        values = [COLOURS[0], MASK.ButtonPress | MASK.Exposure]
        where = (0, 0, self.width, self.height, 0, 1, self.screen.root_visual)
        self.core.CreateWindow(24, self.window, self.screen.root, *where, mask, values)
        self.core.CreateGC(self.context, self.window, GC.Foreground | GC.GraphicsExposures, [COLOURS[0], 0])
        self.core.MapWindow(self.window)
        self.connection.flush()

    def fill(self, target: int, colour: int, rectangles: list[Any]) -> None:
        self.core.ChangeGC(self.context, GC.Foreground, [colour])
        self.core.PolyFillRectangle(target, self.context, len(rectangles), rectangles)

    def whole(self) -> list[Any]:
        return [RECTANGLE(0, 0, self.width, self.height)]


def flip(canvas: Canvas) -> None:
    presses = 0
    print("ready", flush=True)
    while True:
        for event in iter(canvas.connection.poll_for_event, None):
            if isinstance(event, xcffib.xproto.ButtonPressEvent) and event.detail <= 3:
                received_ns = time.monotonic_ns()
                presses += 1
                canvas.fill(canvas.window, COLOURS[presses % len(COLOURS)], canvas.whole())
                canvas.connection.flush()
                print(f"flip {received_ns} {time.monotonic_ns()}", flush=True)
            elif isinstance(event, xcffib.xproto.ExposeEvent):
                canvas.fill(canvas.window, COLOURS[presses % len(COLOURS)], canvas.whole())
                canvas.connection.flush()
        select.select([canvas.connection.get_file_descriptor()], [], [])


def motion(canvas: Canvas, *, tells: bool = False) -> None:
    """A frame is drawn off the screen and put there by one request, so that nobody can grab half of one."""
    scenery, frame = scenery_of(canvas), canvas.connection.generate_id()
    canvas.core.CreatePixmap(24, frame, canvas.window, canvas.width, canvas.height)
    print("ready", flush=True)
    number, next_at = 0, time.monotonic()
    while True:
        draw_frame(canvas, scenery, frame, number)
        if tells:
            print(f"drawn {number} {time.monotonic_ns()}", flush=True)
        number += 1
        next_at += 1 / MOTION_HZ
        late_s = time.monotonic() - next_at
        if late_s > 0.1:
            next_at += late_s
        for _ in iter(canvas.connection.poll_for_event, None):
            pass
        time.sleep(max(0.0, next_at - time.monotonic()))


def scenery_of(canvas: Canvas) -> int:
    """A picture twice the screen's width and height, with detail of every size, the same in each run."""
    scenery = canvas.connection.generate_id()
    width, height = 2 * canvas.width, 2 * canvas.height
    canvas.core.CreatePixmap(24, scenery, canvas.window, width, height)
    canvas.fill(scenery, 0x607080, [RECTANGLE(0, 0, width, height)])
    chance = random.Random(4)
    for _ in range(PATCHES):
        across, down = chance.randint(4, 120), chance.randint(4, 90)
        place = RECTANGLE(chance.randrange(width), chance.randrange(height), across, down)
        canvas.fill(scenery, chance.randrange(1 << 24), [place])
    canvas.connection.flush()
    return scenery


def draw_frame(canvas: Canvas, scenery: int, frame: int, number: int) -> None:
    core, width, height = canvas.core, canvas.width, canvas.height
    left, top = triangle(4 * number, width), triangle(2 * number, height)
    core.CopyArea(scenery, frame, canvas.context, left, top, 0, 0, width, height)
    for index in range(SHAPES):
        size = 30 + 3 * index
        x = triangle((3 + index % 7) * number + 97 * index, width - size)
        y = triangle((2 + index % 5) * number + 61 * index, height - size)
        canvas.fill(frame, 0x3F9A21 * (index + 3) & 0xFFFFFF, [RECTANGLE(x, y, size, size)])
    blocks = list(enumerate(blocks_of(number)))
    for colour, wanted in ((0x000000, False), (0xFFFFFF, True)):
        places = [RECTANGLE(BLOCK_PX * at, 0, BLOCK_PX, BLOCK_PX) for at, white in blocks if white == wanted]
        canvas.fill(frame, colour, places)
    core.CopyArea(frame, canvas.window, canvas.context, 0, 0, 0, 0, width, height)
    canvas.connection.flush()


def triangle(step: int, span: int) -> int:
    """To and fro between 0 and `span`."""
    return span - abs(step % (2 * span) - span)


if __name__ == "__main__":
    {"flip": flip, "motion": motion, "clocked": partial(motion, tells=True)}[sys.argv[1]](Canvas())
