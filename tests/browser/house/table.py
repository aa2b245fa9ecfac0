"""Somebody at a game: looks at it all the time, acts, and waits for what the picture shows. Several play side by side.

A play is a generator: it gives the turn away between two looks, so that one test drives many tabs.
"""

import base64
import io
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path

from PIL import Image, ImageChops, ImageStat

from agent_protocol import Display
from bench.browser_player import Player

Look = Image.Image
Box = tuple[int, int, int, int]
Play = Generator[None]
Waiting = Generator[None, None, Look]

SHOTS = Path("test-artifacts/games")
WIDTH, HEIGHT = 320, 180
"""Of a look, in pixels; boxes are in these."""
LOOK_EVERY_S = 0.1
AGAIN_AFTER_S = 6.0
MOVED = 0.02
"""Mean difference a channel (0-255) of two looks from which on something has moved."""

_LOOK = f"""() => {{
  const video = document.getElementById('game-video');
  if (!video || !video.videoWidth) return null;
  const canvas = document.createElement('canvas');
  canvas.width = {WIDTH}; canvas.height = {HEIGHT};
  canvas.getContext('2d').drawImage(video, 0, 0, {WIDTH}, {HEIGHT});
  return canvas.toDataURL('image/png').split(',')[1];
}}"""
_SHOWN = """() => {
  const video = document.getElementById('game-video');
  const box = video.getBoundingClientRect();
  const scale = Math.min(box.width / video.videoWidth, box.height / video.videoHeight);
  const width = video.videoWidth * scale, height = video.videoHeight * scale;
  return [box.left + (box.width - width) / 2, box.top + (box.height - height) / 2, width, height];
}"""


class Table:
    """`slug`, whose picture is of the size of `display`, is played by `player` from the first look on."""

    def __init__(self, player: Player, slug: str, display: Display) -> None:
        self.player = player
        self.slug = slug
        self._display = display
        self._began_s: float | None = None
        self.moving_seconds: set[int] = set()
        self.loudest = 0.0
        """Of what was heard, from 0 to 1."""
        self.at_the_end: Look | None = None
        self._last: Look | None = None
        self._looked_s = -LOOK_EVERY_S

    @property
    def played_s(self) -> float:
        if self._began_s is None:
            self._began_s = time.monotonic()
        return time.monotonic() - self._began_s

    def look(self) -> Look:
        """The picture, small, ten times a second at most. Whether it moved since the last look, and how loud it is, are
        remembered.
        """
        self.player.page.wait_for_timeout(max(0.0, self._looked_s + LOOK_EVERY_S - self.played_s) * 1000)
        self._looked_s = self.played_s
        self.loudest = max(self.loudest, self.player.stats()["audioLevel"] or 0.0)
        encoded = self.player.page.evaluate(_LOOK)
        assert encoded, f"{self.slug} has no picture"
        now = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")
        if self._last is not None and apart(self._last, now) > MOVED:
            self.moving_seconds.add(int(self.played_s))
        self._last = now
        return now

    def until(self, holds: Callable[[Look], bool], what: str, within_s: float = 30) -> Waiting:
        """The first look of which it holds."""
        deadline = time.monotonic() + within_s
        while True:
            now = self.look()
            if holds(now):
                return now
            if time.monotonic() > deadline:
                self.keep("failed")
                raise AssertionError(f"{self.slug}: {what} was not to be seen within {within_s:.0f} s")
            yield

    def brought(
        self, act: Callable[[], None], holds: Callable[[Look], bool], what: str, within_s: float = 40
    ) -> Waiting:
        """Acts, and again where nothing happens, until it holds."""
        acted_s = -AGAIN_AFTER_S

        def holds_now(now: Look) -> bool:
            nonlocal acted_s
            if holds(now):
                return True
            if self.played_s - acted_s > AGAIN_AFTER_S:
                acted_s = self.played_s
                act()
            return False

        return (yield from self.until(holds_now, what, within_s))

    def changed(
        self, act: Callable[[], None], least: float, what: str, box: Box | None = None, within_s: float = 40
    ) -> Waiting:
        """The same, until the picture, or a part of it, is so much another than before."""
        before = self.look()
        return (yield from self.brought(act, lambda now: apart(before, now, box) >= least, what, within_s))

    def rest(self, seconds: float) -> Play:
        """Looks on."""
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            self.look()
            yield

    def press(self, key: str) -> None:
        self.player.page.keyboard.press(key, delay=150)

    def hold(self, key: str, least: float, what: str) -> Play:
        """Until the picture is so much another."""
        before = self.look()
        self.player.page.keyboard.down(key)
        yield from self.until(lambda now: apart(before, now) >= least, what)
        self.player.page.keyboard.up(key)

    def click(self, x: int, y: int) -> None:
        """At a place of the game's own picture, whatever the size that it arrives in."""
        left, top, width, height = self.player.page.evaluate(_SHOWN)
        mouse = self.player.page.mouse
        mouse.move(left + x / self._display.width * width, top + y / self._display.height * height)
        self.player.page.wait_for_timeout(300)  # for a game that is slow to see where the pointer is
        mouse.down()
        self.player.page.wait_for_timeout(150)
        mouse.up()

    def keep(self, name: str) -> None:
        """The page as it is now, for people to look at."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.player.page.screenshot(path=SHOTS / f"{self.slug}-{name}.png")


def side_by_side(plays: Mapping[str, Play]) -> None:
    """Every play to its end, each in its turn."""
    going = dict(plays)
    while going:
        for name, play in list(going.items()):
            try:
                next(play)
            except StopIteration:
                del going[name]


def apart(one: Look, other: Look, box: Box | None = None) -> float:
    """Mean absolute difference a channel (0-255) of two looks, or of a part of them."""
    return sum(colour(ImageChops.difference(one, other), box)) / 3


def colour(look: Look, box: Box | None = None) -> tuple[float, float, float]:
    """The mean of red, green and blue (0-255)."""
    red, green, blue = ImageStat.Stat(look.crop(box) if box else look).mean
    return red, green, blue


def brightest(look: Look, box: Box) -> int:
    """The most of any channel (0-255) at any place of a part."""
    return max(int(most) for _, most in ImageStat.Stat(look.crop(box)).extrema)


def orange(look: Look, box: Box) -> float:
    """The share of a part that is orange."""
    pixels = look.crop(box).tobytes()
    places = range(0, len(pixels), 3)
    return sum(
        pixels[at] > 150 and 50 < pixels[at + 1] < 0.75 * pixels[at] and pixels[at + 2] < 70 for at in places
    ) / len(places)
