"""A number written into a picture so that it survives video coding: one block a bit, black or white. Pure.

The lowest `NUMBER_BITS` are the number, low bit first; two blocks that are always white and black say that a picture
is marked at all, and a parity block catches a bit that coding has turned.
"""

from collections.abc import Sequence

NUMBER_BITS = 16
BLOCK_PX = 16
BLOCKS = NUMBER_BITS + 3
NUMBERS = 1 << NUMBER_BITS
THRESHOLD = 128


def blocks_of(number: int) -> list[bool]:
    """The blocks of `number` (modulo 2^16), left to right; True is white."""
    bits = [bool(number >> index & 1) for index in range(NUMBER_BITS)]
    return [True, False, *bits, sum(bits) % 2 == 1]


def number_of(levels: Sequence[int]) -> int | None:
    """The number behind one brightness (0-255) a block; None where there is none, or a damaged one."""
    if len(levels) != BLOCKS:
        return None
    white, black, *bits, parity = (level >= THRESHOLD for level in levels)
    if not white or black or parity != (sum(bits) % 2 == 1):
        return None
    return sum(1 << index for index, bit in enumerate(bits) if bit)
