"""Bits of light that fly off and go out, in pixels and seconds. Pure, but for the numbers drawn."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from subway_runner.palette import CORAL, GOLD, SUN, WHITE, Colour

_FALL_PXPS2 = 900.0


@dataclass(frozen=True, slots=True)
class Spark:
    x: float
    y: float
    right_pxps: float
    down_pxps: float
    left_s: float
    colour: Colour

    @property
    def radius(self) -> float:
        return 1.5 + 7 * self.left_s


def burst(x: float, y: float, count: int, draw: Callable[[], float]) -> list[Spark]:
    """`draw` gives numbers in [0, 1)."""
    sparks: list[Spark] = []
    for place in range(count):
        angle, speed = 2 * math.pi * draw(), 90 + 260 * draw()
        colour = (GOLD, SUN, WHITE, CORAL)[place % 4]
        sparks.append(Spark(x, y, speed * math.cos(angle), speed * math.sin(angle) - 160, 0.25 + 0.35 * draw(), colour))
    return sparks


def later(sparks: list[Spark], passed_s: float) -> list[Spark]:
    return [
        replace(
            one,
            x=one.x + one.right_pxps * passed_s,
            y=one.y + one.down_pxps * passed_s,
            down_pxps=one.down_pxps + _FALL_PXPS2 * passed_s,
            left_s=one.left_s - passed_s,
        )
        for one in sparks
        if one.left_s > passed_s
    ]
