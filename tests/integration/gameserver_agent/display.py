"""Drawing on a seat's display, as a game would: `python display.py SEAT_FOLDER`.

A program of its own, because the X library takes its cookie from the environment.
"""

import os
import sys
from pathlib import Path
from typing import Any

import xcffib
import xcffib.xproto
from xcffib.xproto import RECTANGLE, xprotoExtension

_X_SOCKETS = Path("/tmp/.X11-unix")


def paint(seat_folder: Path) -> None:
    """Show something that is not one single colour."""
    owner = seat_folder.stat().st_uid
    number = next(path.name[1:] for path in _X_SOCKETS.glob("X*") if path.stat().st_uid == owner)
    os.environ["XAUTHORITY"] = str(seat_folder / "Xauthority")
    connection = xcffib.connect(f":{number}")
    try:
        setup: Any = connection.get_setup()
        screen = setup.roots[0]
        context = connection.generate_id()
        core = xprotoExtension(connection)
        core.CreateGC(context, screen.root, xcffib.xproto.GC.Foreground, [0xFFAA00])
        core.PolyFillRectangle(screen.root, context, 1, [RECTANGLE.synthetic(20, 20, 200, 100)])
        core.GetInputFocus().reply()
    finally:
        connection.disconnect()


if __name__ == "__main__":
    paint(Path(sys.argv[1]))
