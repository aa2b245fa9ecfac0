"""A tone as raw 16-bit stereo samples on stdout, for `pacat`: `python tone.py SECONDS`."""

import array
import math
import sys

RATE = 48_000
HERTZ = 440
AMPLITUDE = 8_000


def main() -> None:
    one_second = array.array("h")
    for i in range(RATE):
        sample = round(AMPLITUDE * math.sin(2 * math.pi * HERTZ * i / RATE))
        one_second.extend((sample, sample))
    for _ in range(int(sys.argv[1])):
        sys.stdout.buffer.write(one_second.tobytes())


if __name__ == "__main__":
    main()
