"""Drawing in metres, at several times the size, so that edges come out soft."""

import math
from collections.abc import Sequence
from itertools import pairwise

import pygame

from subway_runner.palette import Colour

FINER = 3
Point = tuple[float, float]


class Easel:
    """A clear picture of `width_m` by `height_m`; x is 0 in its middle, y is 0 at its foot and grows upwards."""

    def __init__(self, width_m: float, height_m: float, pixels_of_metre: float) -> None:
        self._scale = pixels_of_metre * FINER
        self._size = round(width_m * pixels_of_metre), round(height_m * pixels_of_metre)
        self._middle_m, self._height_m = width_m / 2, height_m
        self.surface = pygame.Surface((self._size[0] * FINER, self._size[1] * FINER), pygame.SRCALPHA)

    def done(self) -> pygame.Surface:
        return pygame.transform.smoothscale(self.surface, self._size)

    def polygon(self, colour: Colour, points: Sequence[Point]) -> None:
        pygame.draw.polygon(self.surface, colour, [self._at(*point) for point in points])

    def box(self, colour: Colour, x: float, y: float, width: float, height: float, round_m: float = 0.0) -> None:
        """`x` and `y` are its middle and its foot."""
        left, top = self._at(x - width / 2, y + height)
        frame = pygame.Rect(round(left), round(top), round(width * self._scale), round(height * self._scale))
        pygame.draw.rect(self.surface, colour, frame, border_radius=round(round_m * self._scale))

    def disc(self, colour: Colour, x: float, y: float, radius: float) -> None:
        pygame.draw.circle(self.surface, colour, self._at(x, y), radius * self._scale)

    def oval(self, colour: Colour, x: float, y: float, width: float, height: float) -> None:
        left, top = self._at(x - width / 2, y + height / 2)
        frame = pygame.Rect(round(left), round(top), round(width * self._scale), round(height * self._scale))
        pygame.draw.ellipse(self.surface, colour, frame)

    def limb(self, colour: Colour, points: Sequence[Point], thickness: float) -> None:
        """A line with round ends and joints."""
        for begin, end in pairwise(points):
            along = math.hypot(end[0] - begin[0], end[1] - begin[1]) or 1.0
            across = (end[1] - begin[1]) / along * thickness / 2, (begin[0] - end[0]) / along * thickness / 2
            self.polygon(
                colour,
                [
                    (begin[0] + across[0], begin[1] + across[1]),
                    (end[0] + across[0], end[1] + across[1]),
                    (end[0] - across[0], end[1] - across[1]),
                    (begin[0] - across[0], begin[1] - across[1]),
                ],
            )
        for point in points:
            self.disc(colour, *point, thickness / 2)

    def _at(self, x: float, y: float) -> Point:
        return (x + self._middle_m) * self._scale, (self._height_m - y) * self._scale
