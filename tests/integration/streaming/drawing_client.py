"""The smallest game: a window in one colour that changes at every button press, and a line on stdout for what it feels.

Run as `python drawing_client.py` with DISPLAY and XAUTHORITY. Colours go round `COLOURS`; half of it at 60 Hz
with `--animate`; `--flips` goes between black and white at an odd rate, as toolkits do: a picture is sent to the server
whole.
"""

import select
import sys
import time
from typing import Any

import xcffib
import xcffib.xproto

COLOURS = [0x2060C0, 0xC04020, 0x20A040, 0xC0C020]
MASK = xcffib.xproto.EventMask


def main() -> None:
    connection = xcffib.Connection()
    setup: Any = connection.setup
    core: Any = connection.core
    screen = setup.roots[0]
    window, context = connection.generate_id(), connection.generate_id()
    width, height = screen.width_in_pixels, screen.height_in_pixels
    wanted = (
        MASK.ButtonPress | MASK.ButtonRelease | MASK.KeyPress | MASK.KeyRelease | MASK.Exposure | MASK.PointerMotion
    )
    create = core.CreateWindow
    mask = xcffib.xproto.CW.BackPixel | xcffib.xproto.CW.EventMask
    create(24, window, screen.root, 0, 0, width, height, 0, 1, screen.root_visual, mask, [COLOURS[0], wanted])
    core.CreateGC(context, window, xcffib.xproto.GC.Foreground, [COLOURS[0]])
    core.MapWindow(window)
    core.GetInputFocus().reply()  # the server has done it: from here on every press is felt
    presses = 0
    animate = "--animate" in sys.argv
    flips = [bytes([level]) * (4 * width * height) for level in (0, 255)] if "--flips" in sys.argv else []
    print("ready", flush=True)

    def fill(colour: int, y: int = 0, rows: int = height) -> None:
        core.ChangeGC(context, xcffib.xproto.GC.Foreground, [colour])
        core.PolyFillRectangle(window, context, 1, [xcffib.xproto.RECTANGLE.synthetic(0, y, width, rows)])
        connection.flush()

    while True:
        while (event := connection.poll_for_event()) is not None:
            match event:
                case xcffib.xproto.ButtonPressEvent():
                    if event.detail <= 3:
                        presses += 1
                        fill(COLOURS[presses % len(COLOURS)])
                    print(f"button {event.detail} down {event.event_x} {event.event_y}", flush=True)
                case xcffib.xproto.ButtonReleaseEvent():
                    print(f"button {event.detail} up", flush=True)
                case xcffib.xproto.MotionNotifyEvent():
                    print(f"motion {event.event_x} {event.event_y}", flush=True)
                case xcffib.xproto.KeyPressEvent() | xcffib.xproto.KeyReleaseEvent():
                    direction = "down" if isinstance(event, xcffib.xproto.KeyPressEvent) else "up"
                    keysyms = core.GetKeyboardMapping(event.detail, 1).reply().keysyms
                    print(f"key {event.detail} {direction} {keysyms[event.state & 1]:#x}", flush=True)
                case _:
                    pass
        if animate:
            fill(int(time.monotonic() * 60) * 0x010305 & 0xFFFFFF, height // 2, height // 2)
        if flips:
            flips.reverse()
            core.PutImage(2, window, context, width, height, 0, 0, 0, 24, len(flips[0]), flips[0])
            connection.flush()
        select.select([connection.get_file_descriptor()], [], [], 1 / 60 if animate else 1 / 47 if flips else None)


if __name__ == "__main__":
    main()
