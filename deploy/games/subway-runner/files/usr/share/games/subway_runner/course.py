"""The course: what stands where on the three tracks. Pure: the same seed gives the same course everywhere.

It comes in stretches of equal length: first a clear part, in which one changes lanes, then one with trains. One lane of
each stretch has no train, at most something to jump over or to roll under: there is always a way through.
"""

import random
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

LANES = (-1, 0, 1)
LANE_M = 2.6
STRETCH_M = 36.0
CLEAR_M = 16.0
CAR_M = 10.0
JUMPED_MIDDLE_M = 26.0
"""Where in a stretch stands what has to be jumped over or rolled under."""


class Kind(StrEnum):
    TRAIN = "train"
    BARRIER = "barrier"
    SIGN = "sign"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """From `at_m` on, `length_m` long, in metres from the start."""

    kind: Kind
    lane: int
    at_m: float
    length_m: float


@dataclass(frozen=True, slots=True)
class Coin:
    """`height_m` is that of its middle above the ground."""

    lane: int
    at_m: float
    height_m: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """`free_lane` has no train."""

    number: int
    free_lane: int
    obstacles: tuple[Obstacle, ...]
    coins: tuple[Coin, ...]


@lru_cache(maxsize=64)
def stretch(seed: int, number: int) -> Stretch:
    """The `number`-th stretch, from 0 on. The first two have no trains, and later ones are fuller than earlier ones."""
    draw = random.Random(f"subway-runner {seed} {number}").random
    fullness = min(1.0, number / 30)
    at_m = number * STRETCH_M
    free_lane = LANES[int(draw() * 3)]
    obstacles: list[Obstacle] = []
    coins = _line(free_lane, at_m + 3.0, 5) if draw() < 0.6 else []
    for lane in LANES:
        chance = draw()
        if lane != free_lane and number > 1 and chance < 0.65 + 0.3 * fullness:
            cars = 1 + int(draw() * 2)
            begin_m = at_m + CLEAR_M + (2 - cars) * CAR_M * draw()
            obstacles.append(Obstacle(Kind.TRAIN, lane, begin_m, cars * CAR_M))
        elif number > 0 and draw() < 0.35 + 0.4 * fullness:
            obstacles.append(_small(lane, at_m + JUMPED_MIDDLE_M, draw()))
            coins += _way_past(obstacles[-1])
        elif draw() < 0.5:
            coins += _line(lane, at_m + CLEAR_M + 2.0, 6)
    return Stretch(number, free_lane, tuple(obstacles), tuple(coins))


def number_at(distance_m: float) -> int:
    return max(0, int(distance_m // STRETCH_M))


def _small(lane: int, middle_m: float, drawn: float) -> Obstacle:
    kind, length_m = (Kind.BARRIER, 0.4) if drawn < 0.55 else (Kind.SIGN, 0.4)
    return Obstacle(kind, lane, middle_m - length_m / 2, length_m)


def _way_past(obstacle: Obstacle) -> list[Coin]:
    """Coins over what is jumped, and under what is rolled under."""
    middle_m = obstacle.at_m + obstacle.length_m / 2
    if obstacle.kind is Kind.SIGN:
        return _line(obstacle.lane, middle_m - 4.0, 5)
    arc = ((-4.0, 0.9), (-2.0, 1.6), (0.0, 1.9), (2.0, 1.6), (4.0, 0.9))
    return [Coin(obstacle.lane, middle_m + along_m, height_m) for along_m, height_m in arc]


def _line(lane: int, begin_m: float, count: int) -> list[Coin]:
    return [Coin(lane, begin_m + 2.0 * place, 0.6) for place in range(count)]
