"""Inputs made of others by chance, the same for the same seed."""

from collections.abc import Iterator, Sequence
from random import Random

_MOST_BYTES = 64 * 1024
_MOST_CHANGES = 6
_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x20, 0x2E, 0x2F, 0x30, 0x39)


def inputs(seeds: Sequence[bytes], words: Sequence[bytes], seed: int, rounds: int) -> Iterator[bytes]:
    """The seeds as they are, then `rounds` others."""
    random = Random(seed)
    yield from seeds
    for _ in range(rounds):
        data = random.choice(seeds)
        for _ in range(random.randint(1, _MOST_CHANGES)):
            data = _changed(data, seeds, words, random)
        yield data[:_MOST_BYTES]


def _changed(data: bytes, seeds: Sequence[bytes], words: Sequence[bytes], random: Random) -> bytes:
    at = random.randint(0, len(data))
    length = min(len(data) - at, random.choice((1, 1, 2, 4, 8, 12, 100, 512)))
    match random.randrange(8):
        case 0:
            return data[:at] + bytes((random.choice(_EDGES),)) + data[at + 1 :]
        case 1:
            return data[:at] + random.randbytes(length) + data[at + length :]
        case 2:
            return data[:at] + data[at + length :]
        case 3:
            return data[:at] + data[at : at + length] * random.randint(2, 4) + data[at + length :]
        case 4:
            other = random.choice(seeds)
            return data[:at] + other[random.randint(0, len(other)) :]
        case 5:
            return data[:at]
        case _:
            word = random.choice(words) if words else random.randbytes(4)
            return data[:at] + word + data[at + random.choice((0, len(word))) :]
