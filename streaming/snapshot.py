"""A picture of the whole display, once, for whoever asks."""

import base64

from streaming.pixels import rgb_of
from streaming.png import encode_png
from streaming.protocol import Snapshot
from streaming.xconnection import XConnection


def take_snapshot(display: str) -> Snapshot:
    """The picture now, over a connection of its own, so that any thread may ask. Raises `SeatFailed` without X."""
    connection = XConnection(display)
    try:
        width, height = connection.geometry
        picture = connection.picture()
    finally:
        connection.close()
    png = encode_png(rgb_of(picture), width, height)
    return Snapshot(width=width, height=height, png_base64=base64.b64encode(png).decode())
