"""Whether a display shows anything yet, for whoever asks before a seat sends pictures."""

from streaming.pixels import Pixels, is_single_colour
from streaming.xconnection import XConnection


def is_drawn(display: str) -> bool:
    """Whether the picture now has more than one colour, over a connection of its own, so that any thread may ask.
    Raises `SeatFailed` without X.
    """
    connection = XConnection(display)
    try:
        width, height = connection.geometry
        return not is_single_colour(Pixels(memoryview(connection.picture()), width, height))
    finally:
        connection.close()
