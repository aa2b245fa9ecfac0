"""A tone as raw samples: 48 kHz, 16 bits, stereo, as `pacat --raw` plays them."""

import array
import math

RATE = 48_000
HERTZ = 440
AMPLITUDE = 8_000


def tone(seconds: int) -> bytes:
    one_second = array.array("h")
    for i in range(RATE):
        sample = round(AMPLITUDE * math.sin(2 * math.pi * HERTZ * i / RATE))
        one_second.extend((sample, sample))
    return one_second.tobytes() * seconds
