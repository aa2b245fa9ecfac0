"""What is written over the scene: the score, the title, and how it went."""

import math
from collections.abc import Sequence
from pathlib import Path

import pygame

from subway_runner import palette
from subway_runner.palette import Colour
from subway_runner.things import Thing
from subway_runner.view import HEIGHT, WIDTH, blended

_FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf")
_FINER = 3
_SOFT = blended(palette.WHITE, palette.INK, 0.3)


class Words:
    """Written on `display`. What was written once is kept."""

    def __init__(self, display: pygame.Surface, coin: Thing) -> None:
        self._display = display
        self._fonts: dict[int, pygame.font.Font] = {}
        self._kept: dict[tuple[str, int, Colour], pygame.Surface] = {}
        self._coin = pygame.transform.smoothscale(coin.picture, (34, 34)).convert_alpha()
        self._pill = _panel(230, 64, 32, (26, 20, 44, 150))
        self._panel = _panel(560, 436, 30, (26, 20, 44, 242))
        self._veil = pygame.Surface((WIDTH, HEIGHT), pygame.SRCALPHA)
        self._veil.fill((24, 16, 58, 72))
        self._title = self._drawn_title()

    def score(self, score: int, coins: int) -> None:
        self._display.blit(self._pill, (28, 24))
        self._figures(_thousands(score), 38, (52, 56))
        self._display.blit(self._pill, (WIDTH - 258, 24))
        self._display.blit(self._coin, (WIDTH - 240, 39))
        self._figures(str(coins), 38, (WIDTH - 192, 56))

    def title(self, best: int, *, is_lit: bool) -> None:
        """`is_lit` says whether the call to begin is seen: it comes and goes."""
        self._display.blit(self._veil, (0, 0))
        self._display.blit(self._title, self._title.get_rect(center=(WIDTH // 2, 170)))
        keys = (("\u2190", "left", 170), ("\u2192", "right", 310), ("\u2191", "jump", 970), ("\u2193", "roll", 1110))
        for key, does, x in keys:
            self._key(key, does, x, 574)
        if is_lit:
            self._line("Press a key or swipe to run", 30, palette.WHITE, (WIDTH // 2, 336))
        if best:
            self._line(f"Best so far  {_thousands(best)}", 22, palette.GOLD, (WIDTH // 2, 686))

    def over(self, figures: Sequence[tuple[str, str]], score: int, *, is_best: bool, next_words: str) -> None:
        self._display.blit(self._veil, (0, 0))
        frame = self._panel.get_rect(center=(WIDTH // 2, HEIGHT // 2))
        self._display.blit(self._panel, frame)
        self._line("End of the line", 40, palette.WHITE, (WIDTH // 2, frame.top + 58))
        self._line(_thousands(score), 84, palette.GOLD, (WIDTH // 2, frame.top + 146))
        told, colour = ("New best score!", palette.CORAL) if is_best else ("points", _SOFT)
        self._line(told, 24, colour, (WIDTH // 2, frame.top + 212))
        for place, (figure, what) in enumerate(figures):
            x = frame.left + frame.width * (2 * place + 1) // (2 * len(figures))
            self._line(figure, 32, palette.WHITE, (x, frame.top + 278))
            self._line(what, 19, _SOFT, (x, frame.top + 316))
        self._line(next_words, 23, palette.WHITE, (WIDTH // 2, frame.bottom - 56))

    def paused(self) -> None:
        self._display.blit(self._veil, (0, 0))
        self._line("Paused", 64, palette.WHITE, (WIDTH // 2, HEIGHT // 2 - 30))
        self._line("Press any key to go on", 26, palette.WHITE, (WIDTH // 2, HEIGHT // 2 + 40))

    def _drawn_title(self) -> pygame.Surface:
        """Two lines in evening colours, with a dark edge."""
        picture = pygame.Surface((900, 300), pygame.SRCALPHA)
        for words, size, middle in (("SUBWAY", 118, (450, 92)), ("RUNNER", 118, (450, 206))):
            font = self._font(size * _FINER)
            shape = font.render(words, True, palette.WHITE)
            edge = font.render(words, True, palette.INK)
            whole = pygame.Surface((shape.get_width() + 60, shape.get_height() + 60), pygame.SRCALPHA)
            for place in range(48):
                angle = 2 * math.pi * place / 48
                whole.blit(edge, (30 + 26 * math.cos(angle), 30 + 26 * math.sin(angle)))
            colours = pygame.Surface(shape.get_size(), pygame.SRCALPHA)
            for y in range(shape.get_height()):
                share = min(1.0, max(0.0, (y / shape.get_height() - 0.22) / 0.56))
                pygame.draw.line(colours, blended(palette.SUN, palette.CORAL, share), (0, y), (shape.get_width(), y))
            shape.blit(colours, (0, 0), special_flags=pygame.BLEND_RGBA_MULT)
            whole.blit(shape, (30, 22))
            small = pygame.transform.smoothscale(whole, (whole.get_width() // _FINER, whole.get_height() // _FINER))
            picture.blit(small, small.get_rect(center=middle))
        return picture.convert_alpha()

    def _key(self, key: str, does: str, x: int, y: int) -> None:
        frame = pygame.Rect(0, 0, 66, 62)
        frame.center = x, y
        pygame.draw.rect(self._display, palette.INK, frame.move(0, 6), border_radius=14)
        pygame.draw.rect(self._display, palette.WHITE, frame, border_radius=14)
        self._line(key, 36, palette.INK, (x, y - 2))
        self._line(does, 21, palette.WHITE, (x, y + 60))

    def _figures(self, text: str, size: int, left_middle: tuple[int, int]) -> None:
        """Sign by sign: they change too often to be kept as a whole."""
        x, y = left_middle
        for sign in text:
            picture = self._written(sign, size, palette.WHITE)
            self._display.blit(picture, (x, y - picture.get_height() // 2))
            x += picture.get_width()

    def _line(self, text: str, size: int, colour: Colour, middle: tuple[int, int]) -> None:
        picture = self._written(text, size, colour)
        self._display.blit(picture, picture.get_rect(center=middle))

    def _written(self, text: str, size: int, colour: Colour) -> pygame.Surface:
        found = self._kept.get((text, size, colour))
        if found is None:
            found = self._kept[text, size, colour] = self._font(size).render(text, True, colour).convert_alpha()
        return found

    def _font(self, size: int) -> pygame.font.Font:
        if size not in self._fonts:
            self._fonts[size] = pygame.font.Font(str(_FONT) if _FONT.exists() else None, size)
        return self._fonts[size]


def _thousands(count: int) -> str:
    return f"{count:,}".replace(",", "\u2009")


def _panel(width: int, height: int, round_px: int, colour: tuple[int, int, int, int]) -> pygame.Surface:
    finer = pygame.Surface((width * _FINER, height * _FINER), pygame.SRCALPHA)
    pygame.draw.rect(finer, colour, finer.get_rect(), border_radius=round_px * _FINER)
    return pygame.transform.smoothscale(finer, (width, height)).convert_alpha()
