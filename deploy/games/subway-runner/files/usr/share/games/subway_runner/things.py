"""What stands on and beside the tracks, drawn once, and kept in the sizes in which it is seen."""

import math
from dataclasses import dataclass

import pygame

from subway_runner import palette
from subway_runner.easel import Easel
from subway_runner.view import HEIGHT, WIDTH, blended, haze, pixels_of_metre

COIN_TURNS = 8
TRAIN_WIDTH_M, TRAIN_HEIGHT_M = 2.2, 3.3
_SIZES_OF_DOUBLING = 12
_KEPT_PX = 250_000


@dataclass(frozen=True, slots=True)
class Thing:
    """A picture and how wide that is in the world."""

    picture: pygame.Surface
    width_m: float


class Seen:
    """Draws things in the size in which they are seen, and keeps those sizes, with the evening air before them, unless
    they are large: of what is that near, the part within the display is made anew.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int], pygame.Surface] = {}

    def draw(self, display: pygame.Surface, thing: Thing, x: float, foot: float, depth_m: float) -> None:
        """With the middle of its foot there. Nothing where it is beside the display."""
        zoom = thing.width_m * pixels_of_metre(depth_m) / thing.picture.get_width()
        width, height = (length * zoom for length in thing.picture.get_size())
        left, top = x - width / 2, foot - height
        if left > display.get_width() or left + width < 0 or top > display.get_height() or foot < 0:
            return
        if width * height <= _KEPT_PX:
            picture = self._of_size(thing, depth_m)
            display.blit(picture, (x - picture.get_width() / 2, foot - picture.get_height()))
            return
        across = range(max(0, int(-left / zoom)), min(thing.picture.get_width(), int((WIDTH - left) / zoom) + 1))
        down = range(max(0, int(-top / zoom)), min(thing.picture.get_height(), int((HEIGHT - top) / zoom) + 1))
        if across and down:
            part = thing.picture.subsurface((across.start, down.start, len(across), len(down)))
            near = pygame.transform.smoothscale(part, (round(len(across) * zoom), round(len(down) * zoom)))
            display.blit(near, (left + across.start * zoom, top + down.start * zoom))

    def _of_size(self, thing: Thing, depth_m: float) -> pygame.Surface:
        size = round(math.log2(pixels_of_metre(depth_m)) * _SIZES_OF_DOUBLING)
        found = self._kept.get((id(thing), size))
        if found is None:
            found = self._kept[id(thing), size] = _scaled(thing, 2.0 ** (size / _SIZES_OF_DOUBLING))
        return found


def _scaled(thing: Thing, scale: float) -> pygame.Surface:
    width = max(1, round(thing.width_m * scale))
    height = max(1, round(width * thing.picture.get_height() / thing.picture.get_width()))
    scaled = pygame.transform.smoothscale(thing.picture, (width, height))
    hidden = haze(pixels_of_metre(1.0) / scale)
    if hidden > 0:
        left = round(255 * (1 - hidden))
        scaled.fill((left, left, left, 255), special_flags=pygame.BLEND_RGBA_MULT)
        red, green, blue = blended((0, 0, 0), palette.HAZE, hidden)
        scaled.fill((red, green, blue, 0), special_flags=pygame.BLEND_RGBA_ADD)
    return scaled.convert_alpha()


def coins() -> list[Thing]:
    """One after the other they are half a turn."""
    return [_coin(math.pi * place / COIN_TURNS) for place in range(COIN_TURNS)]


def _coin(angle: float) -> Thing:
    easel = Easel(0.8, 0.8, 180)
    wide = max(0.14, abs(math.cos(angle)))
    easel.oval(palette.GOLD_DARK, 0.03 * math.sin(angle), 0.4, 0.74 * wide, 0.74)
    easel.oval(palette.GOLD, 0, 0.4, 0.7 * wide, 0.7)
    easel.oval(palette.GOLD_DARK, 0, 0.4, 0.52 * wide, 0.54)
    easel.oval((255, 224, 110), -0.01 * wide, 0.4, 0.48 * wide, 0.5)
    if wide > 0.3:
        easel.box(palette.GOLD_DARK, 0, 0.27, 0.09 * wide, 0.26, 0.02)
        easel.polygon(palette.GOLD_DARK, [(-0.16 * wide, 0.44), (0.16 * wide, 0.44), (0, 0.6)])
    return Thing(easel.done(), 0.8)


def barrier() -> Thing:
    easel = Easel(2.2, 1.1, 150)
    for x in (-0.8, 0.8):
        easel.box(palette.INK, x, 0, 0.34, 0.08, 0.03)
        easel.box((150, 146, 164), x, 0.05, 0.1, 0.85, 0.03)
    easel.box((176, 46, 54), 0, 0.36, 2.1, 0.46, 0.06)
    for x in (-0.78, -0.26, 0.26, 0.78):
        easel.polygon(palette.WHITE, [(x - 0.22, 0.38), (x + 0.02, 0.38), (x + 0.22, 0.8), (x - 0.02, 0.8)])
    for x in (-0.8, 0.8):
        easel.disc((120, 70, 10), x, 0.94, 0.12)
        easel.disc((255, 190, 60), x, 0.94, 0.1)
        easel.disc(palette.WHITE, x - 0.03, 0.97, 0.035)
    return Thing(easel.done(), 2.2)


def sign() -> Thing:
    easel = Easel(2.5, 2.5, 130)
    for x in (-1.15, 1.15):
        easel.box((96, 92, 118), x, 0, 0.12, 2.45, 0.03)
        easel.box(palette.INK, x, 0, 0.24, 0.08, 0.03)
    easel.box((96, 92, 118), 0, 2.3, 2.42, 0.12, 0.03)
    easel.box(palette.INK, 0, 1.2, 2.1, 1.02, 0.1)
    easel.box((38, 60, 122), 0, 1.24, 2.02, 0.94, 0.08)
    for x in (-0.62, 0.0, 0.62):
        for y in (1.34, 1.62):
            left, right = x - 0.24, x + 0.24
            easel.polygon(
                palette.GOLD,
                [(x, y), (right, y + 0.2), (right, y + 0.36), (x, y + 0.16), (left, y + 0.36), (left, y + 0.2)],
            )
    return Thing(easel.done(), 2.5)


def train_fronts() -> list[Thing]:
    """One for each livery."""
    return [_train_front(body, stripe, str(3 + 4 * place)) for place, (body, stripe) in enumerate(palette.LIVERIES)]


def _train_front(body: palette.Colour, stripe: palette.Colour, line: str) -> Thing:
    easel = Easel(TRAIN_WIDTH_M, TRAIN_HEIGHT_M, 130)
    dark = blended(body, palette.INK, 0.45)
    easel.box(palette.INK, 0, 0.0, 1.9, 0.5, 0.05)
    easel.box((84, 80, 100), 0, 0.18, 0.4, 0.22, 0.04)
    easel.box(dark, 0, 0.28, 2.18, 3.0, 0.34)
    easel.box(body, 0, 0.32, 2.06, 2.9, 0.32)
    easel.box(blended(body, palette.WHITE, 0.18), 0, 2.96, 1.5, 0.2, 0.1)
    easel.box(stripe, 0, 1.02, 2.06, 0.2)
    easel.box(palette.INK, 0, 1.36, 1.8, 1.3, 0.16)
    easel.box((64, 84, 132), 0, 1.42, 1.68, 0.86, 0.1)
    easel.polygon((120, 142, 188), [(-0.7, 1.42), (-0.3, 1.42), (0.1, 2.28), (-0.3, 2.28)])
    easel.polygon((120, 142, 188), [(-0.12, 1.42), (0.0, 1.42), (0.4, 2.28), (0.28, 2.28)])
    easel.box((26, 20, 30), 0, 2.36, 1.1, 0.26, 0.05)
    _lettered(easel, line)
    for x in (-0.72, 0.72):
        easel.disc(palette.INK, x, 0.76, 0.2)
        easel.disc((255, 226, 150), x, 0.76, 0.16)
        easel.disc(palette.WHITE, x, 0.76, 0.09)
        easel.box((170, 30, 40), x, 0.42, 0.22, 0.08, 0.03)
    return Thing(easel.done(), TRAIN_WIDTH_M)


def _lettered(easel: Easel, line: str) -> None:
    """The line's number over the driver's window."""
    font = pygame.font.Font(None, 90)
    words = font.render(f"LINE {line}", True, (255, 190, 70))
    middle = easel.surface.get_width() / 2, easel.surface.get_height() * (1 - 2.49 / TRAIN_HEIGHT_M)
    easel.surface.blit(words, words.get_rect(center=middle))


def lamp() -> Thing:
    easel = Easel(1.6, 5.0, 70)
    easel.box(palette.INK, 0, 0, 0.26, 0.3, 0.04)
    easel.box((70, 58, 96), 0, 0.2, 0.12, 4.2, 0.04)
    easel.box((70, 58, 96), 0, 4.3, 1.1, 0.1, 0.04)
    for x in (-0.5, 0.5):
        easel.disc((255, 226, 170), x, 4.24, 0.2)
        easel.disc(palette.WHITE, x, 4.24, 0.12)
    return Thing(easel.done(), 1.6)


def tree() -> Thing:
    easel = Easel(3.4, 4.6, 60)
    easel.box((58, 38, 56), 0, 0, 0.34, 1.8, 0.06)
    for colour, x, y, radius in (
        ((30, 66, 84), 0.0, 2.4, 1.3),
        ((30, 66, 84), -0.7, 2.1, 0.9),
        ((30, 66, 84), 0.75, 2.2, 0.9),
        ((42, 92, 96), -0.3, 2.9, 1.0),
        ((42, 92, 96), 0.5, 2.7, 0.8),
        ((70, 126, 106), -0.45, 3.3, 0.55),
        ((70, 126, 106), 0.25, 3.1, 0.4),
    ):
        easel.disc(colour, x, y, radius)
    return Thing(easel.done(), 3.4)
