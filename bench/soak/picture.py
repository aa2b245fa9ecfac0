"""Reads the tiny counter's picture as a player does: the number in its corner, and whether its lamp is lit. Pure."""

import runpy
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.machine import TINY

AMBER_LUMA = 112
"""Between the game's blue (57) and its amber (167)."""
ROWS = 30
COLUMNS = 3
LAMP_FROM_RIGHT = 60 / 640
_DIGITS: Sequence[str] = runpy.run_path(str(TINY / "counter.py"))["DIGITS"]
_FIGURES = {pattern: str(figure) for figure, pattern in enumerate(_DIGITS)}
_PLACES = 8


@dataclass(frozen=True)
class Luma:
    """The brightness (0-255) of a picture's dots, line after line; `stride` is how far lines lie apart."""

    content: bytes
    stride: int
    width: int
    height: int

    def is_amber(self, x: float, y: float) -> bool:
        return self.content[int(y) * self.stride + int(x)] > AMBER_LUMA


def is_lit(picture: Luma) -> bool:
    """Whether the lamp in the top right corner is."""
    return picture.is_amber(picture.width * (1 - LAMP_FROM_RIGHT), picture.height * 3.5 / ROWS)


def number_of(picture: Luma) -> int | None:
    """The number in the top left corner; None where there is none, or one that is just being drawn."""
    figures = ""
    for place in range(_PLACES):
        pattern = "".join(str(_bits(picture, place, row)) for row in range(5))
        if pattern == "00000":
            break
        if pattern not in _FIGURES:
            return None
        figures += _FIGURES[pattern]
    return int(figures) if figures else None


def _bits(picture: Luma, place: int, row: int) -> int:
    cell = picture.height / ROWS
    bits = 0
    for column in range(COLUMNS):
        x, y = cell * (1.5 + 4 * place + column), cell * (1.5 + row)
        bits |= (4 >> column) * picture.is_amber(x, y)
    return bits
