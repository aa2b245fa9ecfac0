"""A picture of the whole display, once, for whoever asks."""

import base64

from streaming.pixels import Pixels, is_single_colour, rgb_of
from streaming.png import encode_png
from streaming.protocol import Snapshot
from streaming.xconnection import XConnection


def take_snapshot(display: str) -> Snapshot:
    """The picture now, over a connection of its own, so that any thread may ask. Raises `SeatFailed` without X."""
    picture, width, height = _picture(display)
    png = encode_png(rgb_of(picture), width, height)
    return Snapshot(width=width, height=height, png_base64=base64.b64encode(png).decode())


def is_drawn(display: str) -> bool:
    """Whether the picture has more than one colour. As above."""
    picture, width, height = _picture(display)
    return not is_single_colour(Pixels(memoryview(picture), width, height))


def _picture(display: str) -> tuple[bytes, int, int]:
    connection = XConnection(display)
    try:
        width, height = connection.geometry
        return connection.picture(), width, height
    finally:
        connection.close()
