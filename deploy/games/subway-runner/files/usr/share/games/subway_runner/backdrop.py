"""What never moves: the evening sky, the sun, the city, and the ground without its tracks. Drawn once."""

import math
import random

import pygame

from subway_runner import palette
from subway_runner.view import HEIGHT, HORIZON, WIDTH, blended

_SKY = ((0.0, palette.NIGHT), (0.45, palette.DUSK), (0.82, palette.GLOW), (1.0, palette.HAZE))
_SUN_AT, _SUN_RADIUS = (WIDTH // 2 + 170, HORIZON - 108), 84


def drawn() -> pygame.Surface:
    picture = pygame.Surface((WIDTH, HEIGHT))
    _sky(picture)
    _sun(picture)
    draw = random.Random("skyline")
    _city(picture, draw, palette.FAR_CITY, 40, 110, 26, 0.25)
    _city(picture, draw, palette.NEAR_CITY, 24, 92, 44, 0.4)
    for y in range(HORIZON, HEIGHT):
        near = ((y - HORIZON) / (HEIGHT - HORIZON)) ** 0.45
        pygame.draw.line(picture, blended(palette.HAZE, palette.GROUND, near), (0, y), (WIDTH, y))
    return picture.convert()


def _sky(picture: pygame.Surface) -> None:
    for y in range(HORIZON):
        share = y / HORIZON
        below = next(place for place, (until, _) in enumerate(_SKY) if share <= until) or 1
        (begin, colour), (end, other) = _SKY[below - 1], _SKY[below]
        pygame.draw.line(picture, blended(colour, other, (share - begin) / (end - begin)), (0, y), (WIDTH, y))
    draw = random.Random("stars")
    for _ in range(90):
        x, y = draw.randrange(WIDTH), int(draw.random() ** 2 * HORIZON * 0.6)
        behind = picture.get_at((x, y))
        star = blended((behind.r, behind.g, behind.b), palette.WHITE, draw.uniform(0.3, 0.9))
        picture.set_at((x, y), star)


def _sun(picture: pygame.Surface) -> None:
    glow = pygame.Surface((64, 64), pygame.SRCALPHA)
    for y in range(64):
        for x in range(64):
            away = math.hypot(x - 31.5, y - 31.5) / 32
            glow.set_at((x, y), (*palette.GLOW, round(150 * max(0.0, 1 - away) ** 1.6)))
    wide = pygame.transform.smoothscale(glow, (_SUN_RADIUS * 7, _SUN_RADIUS * 7))
    picture.blit(wide, wide.get_rect(center=_SUN_AT))
    finer = pygame.Surface((_SUN_RADIUS * 6, _SUN_RADIUS * 6), pygame.SRCALPHA)
    pygame.draw.circle(finer, palette.SUN, (_SUN_RADIUS * 3, _SUN_RADIUS * 3), _SUN_RADIUS * 3)
    for band in range(5):  # the air in stripes before it
        top = _SUN_RADIUS * (3.1 + 0.52 * band)
        finer.fill((0, 0, 0, 0), (0, round(top), _SUN_RADIUS * 6, 10 + 9 * band))
    sun = pygame.transform.smoothscale(finer, (_SUN_RADIUS * 2, _SUN_RADIUS * 2))
    picture.blit(sun, sun.get_rect(center=_SUN_AT))


def _city(
    picture: pygame.Surface,
    draw: random.Random,
    colour: palette.Colour,
    lowest: int,
    highest: int,
    step: int,
    lit: float,
) -> None:
    x = -20
    while x < WIDTH:
        width, height = draw.randrange(step, step * 2), draw.randrange(lowest, highest)
        house = pygame.Rect(x, HORIZON - height, width, height + 2)
        pygame.draw.rect(picture, colour, house)
        if draw.random() < 0.3:
            pygame.draw.rect(picture, colour, (house.centerx - 1, house.top - 18, 3, 18))
        for row in range(house.top + 7, HORIZON - 8, 10):
            for column in range(house.left + 5, house.right - 6, 9):
                if draw.random() < lit * 0.6:
                    window = blended(colour, palette.LIT, draw.uniform(0.35, 0.9))
                    pygame.draw.rect(picture, window, (column, row, 4, 5))
        x += width + draw.randrange(0, 5)
