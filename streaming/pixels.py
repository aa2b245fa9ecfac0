"""A picture in memory as a display has it, and the little that is asked of it without a library for arrays, which would
cost each seat as much memory as its encoder.
"""

from dataclasses import dataclass

PIXEL_BYTES = 4
COLOUR_BYTES = 3


@dataclass(frozen=True, slots=True)
class Pixels:
    """`memory` is `height` rows of `width` x (B, G, R, unused), without gaps, of single bytes that may be written."""

    memory: memoryview
    width: int
    height: int

    @property
    def line_bytes(self) -> int:
        return self.width * PIXEL_BYTES


def is_single_colour(pixels: Pixels) -> bool:
    """Whether every pixel has the colour of the first. The unused byte does not count: clients leave anything in it."""
    data = bytes(pixels.memory)
    return all(data[place::PIXEL_BYTES].count(data[place]) * PIXEL_BYTES == len(data) for place in range(COLOUR_BYTES))


def straight_rgba(argb: list[int]) -> bytes:
    """X's premultiplied ARGB words as the RGBA bytes of a PNG, whose colours are not premultiplied."""
    rgba = bytearray()
    for word in argb:
        alpha = word >> 24
        if alpha:
            rgba += bytes((*(min(255, (word >> shift & 255) * 255 // alpha) for shift in (16, 8, 0)), alpha))
        else:
            rgba += bytes(PIXEL_BYTES)
    return bytes(rgba)
