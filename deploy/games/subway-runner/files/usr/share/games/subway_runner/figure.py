"""The runner, seen from behind: running, in the air, and rolled up. Drawn once, when the game starts."""

import math

import pygame

from subway_runner import palette
from subway_runner.easel import Easel, Point

STRIDES, TURNS = 12, 8
WIDTH_M, HEIGHT_M = 1.7, 2.1
_PIXELS_OF_METRE = 124
_JUMP_LEGS: tuple[Point, ...] = ((0.12, 0.86), (0.3, 0.62), (0.2, 0.3))


def strides() -> list[pygame.Surface]:
    """One after the other they are two steps."""
    return [_stride(2 * math.pi * place / STRIDES) for place in range(STRIDES)]


def leap() -> pygame.Surface:
    easel = _easel()
    for side in (-1, 1):
        _leg(easel, [(side * x, y) for x, y in _JUMP_LEGS], is_lifted=True, is_near=side > 0)
        _arm(easel, [(side * 0.25, 1.38), (side * 0.5, 1.5), (side * 0.62, 1.78)])
    _trunk(easel, 0.0, 0.03)
    return easel.done()


def turns() -> list[pygame.Surface]:
    """Rolled up: one after the other they are a whole turn."""
    return [_turn(2 * math.pi * place / TURNS) for place in range(TURNS)]


def fallen() -> pygame.Surface:
    """Flat on the back of the head, with stars."""
    easel = _easel()
    for side in (-1, 1):
        _leg(easel, [(side * 0.14, 0.5), (side * 0.36, 0.62), (side * 0.52, 0.36)], is_lifted=True, is_near=True)
        _arm(easel, [(side * 0.26, 0.78), (side * 0.52, 0.66), (side * 0.7, 0.86)])
    _trunk(easel, 0.0, -0.56)
    for place in range(5):
        angle = 2 * math.pi * place / 5
        _star(easel, 0.42 * math.cos(angle), 1.38 + 0.12 * math.sin(angle), 0.08)
    return easel.done()


def _easel() -> Easel:
    return Easel(WIDTH_M, HEIGHT_M, _PIXELS_OF_METRE)


def _stride(phase: float) -> pygame.Surface:
    easel = _easel()
    bob = 0.05 * abs(math.cos(phase))
    sway = 0.025 * math.sin(phase)
    lifts = [(max(0.0, math.sin(phase + turned)), side) for side, turned in ((-1, 0.0), (1, math.pi))]
    for lift, side in sorted(lifts, reverse=True):
        knee = side * (0.15 + 0.05 * lift), 0.5 + bob + 0.12 * lift
        foot = side * (0.13 + 0.02 * lift), 0.09 + 0.46 * lift
        _leg(easel, [(side * 0.12, 0.9 + bob), knee, foot], is_lifted=lift > 0.25, is_near=lift == 0)
    for side, turned in ((-1, math.pi), (1, 0.0)):
        swing = math.sin(phase + turned)
        elbow = side * 0.4, 1.08 + bob + 0.06 * swing
        hand = side * (0.36 - 0.08 * swing), 1.0 + bob + 0.26 * swing
        _arm(easel, [(side * 0.25 + sway, 1.36 + bob), elbow, hand])
    _trunk(easel, sway, bob)
    return easel.done()


def _leg(easel: Easel, points: list[Point], *, is_lifted: bool, is_near: bool) -> None:
    easel.limb(palette.JEANS if is_near else palette.JEANS_DARK, points, 0.2)
    x, y = points[-1]
    if is_lifted:  # its sole is seen
        easel.oval(palette.WHITE, x, y, 0.22, 0.3)
        easel.oval(palette.CORAL, x, y + 0.03, 0.13, 0.19)
    else:
        easel.box(palette.WHITE, x, y - 0.09, 0.24, 0.16, 0.07)
        easel.box(palette.CORAL, x, y - 0.02, 0.18, 0.09, 0.04)


def _arm(easel: Easel, points: list[Point]) -> None:
    easel.limb(palette.CORAL_DARK, points, 0.15)
    easel.disc(palette.SKIN, *points[-1], 0.08)


def _trunk(easel: Easel, sway: float, rise: float) -> None:
    """Hoodie, rucksack, head with a cap put on backwards, and a ponytail."""
    x = sway
    easel.box(palette.CORAL_DARK, x, 0.84 + rise, 0.5, 0.62, 0.14)
    easel.box(palette.CORAL, x - 0.01, 0.86 + rise, 0.46, 0.6, 0.14)
    easel.box(palette.TEAL_DARK, x, 0.92 + rise, 0.38, 0.5, 0.1)
    easel.box(palette.TEAL, x - 0.01, 0.94 + rise, 0.34, 0.47, 0.09)
    easel.box(palette.TEAL_DARK, x - 0.01, 0.98 + rise, 0.26, 0.2, 0.05)
    easel.box(palette.GOLD, x - 0.01, 1.07 + rise, 0.1, 0.035, 0.015)
    easel.oval(palette.CORAL_DARK, x, 1.46 + rise, 0.38, 0.14)
    easel.box(palette.SKIN, x, 1.44 + rise, 0.16, 0.12, 0.03)
    easel.disc(palette.HAIR, x, 1.65 + rise, 0.185)
    easel.oval(palette.SKIN, x - 0.185, 1.62 + rise, 0.07, 0.1)
    easel.oval(palette.SKIN, x + 0.185, 1.62 + rise, 0.07, 0.1)
    easel.polygon(
        palette.GOLD,
        [
            (x + 0.2 * math.cos(angle), 1.68 + rise + 0.2 * math.sin(angle))
            for angle in (math.pi * part / 16 for part in range(17))
        ],
    )
    easel.box(palette.GOLD_DARK, x, 1.66 + rise, 0.4, 0.05, 0.02)
    easel.limb(palette.HAIR, [(x, 1.62 + rise), (x - 3 * sway, 1.5 + rise), (x - 7 * sway, 1.34 + rise)], 0.1)


def _turn(phase: float) -> pygame.Surface:
    easel = _easel()
    middle = 0.44
    easel.disc(palette.CORAL_DARK, 0, middle, 0.44)
    easel.disc(palette.CORAL, -0.02, middle + 0.02, 0.41)
    for place, (colour, width) in enumerate(
        ((palette.TEAL, 0.5), (palette.JEANS, 0.56), (palette.WHITE, 0.4), (palette.HAIR, 0.36), (palette.GOLD, 0.34))
    ):
        angle = phase + 2 * math.pi * place / 5
        facing = math.cos(angle)
        if facing > 0.1:
            easel.oval(colour, 0, middle + 0.34 * math.sin(angle), width * (0.6 + 0.4 * facing), 0.26 * facing)
    return easel.done()


def _star(easel: Easel, x: float, y: float, radius: float) -> None:
    corners = [
        (
            x + radius * (1 if corner % 2 == 0 else 0.45) * math.sin(math.pi * corner / 5),
            y + radius * (1 if corner % 2 == 0 else 0.45) * math.cos(math.pi * corner / 5),
        )
        for corner in range(10)
    ]
    easel.polygon(palette.GOLD, corners)
