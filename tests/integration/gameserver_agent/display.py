"""Drawing on a seat's display, as a game would: `python display.py SEAT_FOLDER [--keep]`.

A program of its own, because the X library takes its cookie from the environment.
"""

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xcffib
import xcffib.xproto
from xcffib.xproto import RECTANGLE, xprotoExtension

_X_SOCKETS = Path("/tmp/.X11-unix")


FRAME_S = 0.04


def paint(seat_folder: Path) -> None:
    """Show something that is not one single colour."""
    with _screen(seat_folder) as screen:
        screen.fill(0xFFAA00)


def keep_painting(seat_folder: Path) -> None:
    """A picture that changes, until it is ended."""
    with _screen(seat_folder) as screen:
        shade = 0
        while True:
            shade = (shade + 16) % 256
            screen.fill(0xFF0000 | shade)
            time.sleep(FRAME_S)


class _Screen:
    def __init__(self, connection: Any) -> None:
        self._root = connection.get_setup().roots[0].root
        self._context = connection.generate_id()
        self._core = xprotoExtension(connection)
        self._core.CreateGC(self._context, self._root, 0, [])

    def fill(self, colour: int) -> None:
        self._core.ChangeGC(self._context, xcffib.xproto.GC.Foreground, [colour])
        self._core.PolyFillRectangle(self._root, self._context, 1, [RECTANGLE.synthetic(20, 20, 200, 100)])
        self._core.GetInputFocus().reply()


@contextmanager
def _screen(seat_folder: Path) -> Generator[_Screen]:
    owner = seat_folder.stat().st_uid
    number = next(path.name[1:] for path in _X_SOCKETS.glob("X*") if path.stat().st_uid == owner)
    os.environ["XAUTHORITY"] = str(seat_folder / "Xauthority")
    connection = xcffib.connect(f":{number}")
    try:
        yield _Screen(connection)
    finally:
        connection.disconnect()


if __name__ == "__main__":
    (keep_painting if "--keep" in sys.argv else paint)(Path(sys.argv[1]))
