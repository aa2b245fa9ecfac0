"""A picture of the whole display, once, for whoever asks."""

import base64

import numpy as np

from streaming.png import encode_png
from streaming.protocol import Snapshot
from streaming.xconnection import PIXEL_BYTES, XConnection


def take_snapshot(display: str) -> Snapshot:
    """The picture now, over a connection of its own, so that any thread may ask. Raises `SeatFailed` without X."""
    connection = XConnection(display)
    try:
        width, height = connection.geometry
        picture = np.frombuffer(connection.picture(), dtype=np.uint8)
    finally:
        connection.close()
    rgb = picture[: width * height * PIXEL_BYTES].reshape(height, width, PIXEL_BYTES)[..., [2, 1, 0]]
    return Snapshot(width=width, height=height, png_base64=base64.b64encode(encode_png(rgb)).decode())
