"""A scripted player in Debian's Chromium: signs in, presses Play, looks at pixels, clicks, stops.

The browser tests and the benchmarks play through this, so that both see what a person sees.
"""

import base64
import io
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
]
SETTLE_FRAMES = 3
STILL = 0.5

_PICTURE = """() => {
  const video = document.getElementById('game-video');
  if (!video.videoWidth) return null;
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  canvas.getContext('2d').drawImage(video, 0, 0);
  return canvas.toDataURL('image/png').split(',')[1];
}"""


class Player:
    """One browser tab. Positions on the picture are in the game's own pixels."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    @contextmanager
    def beside(self) -> Generator["Player"]:
        """Another person in the same browser program, with cookies of their own."""
        assert self.page.context.browser
        page = self.page.context.browser.new_page(viewport=self.page.viewport_size)
        try:
            yield Player(page, self.url)
        finally:
            page.context.close()

    def sign_in(self, email: str, password: str) -> None:
        self.page.goto(f"{self.url}/signin")
        self.page.fill("#email", email)
        self.page.fill("#password", password)
        self.page.click("#sign-in-form button[type=submit]")
        self.page.wait_for_url(f"{self.url}/")

    def open_game(self, slug: str) -> None:
        self.page.goto(f"{self.url}/games/{slug}")
        self.page.wait_for_selector("#play-button")

    def play(self, selector: str = "#play-button") -> str:
        """Press a Play button and answer the session's id once its page is there."""
        self.page.click(selector)
        self.page.wait_for_url(f"{self.url}/play/**")
        return self.page.url.rsplit("/", 1)[-1]

    def wait_for_picture(self, timeout_s: float = 60) -> None:
        """Until the first frame that is not one single colour is on the screen."""
        self._until("window.playhouse && window.playhouse.firstPictureAt !== null", timeout_s)

    def wait_for_running(self, timeout_s: float = 60) -> None:
        """Until the page knows that the session runs."""
        self._until("window.playhouse && window.playhouse.status?.status === 'running'", timeout_s)

    def _until(self, condition: str, timeout_s: float) -> None:
        # Playwright's own wait uses eval, which the pages' CSP forbids.
        came_true = self.page.evaluate(
            f"""async () => {{
              const end = performance.now() + {timeout_s * 1000};
              while (performance.now() < end) {{
                if ({condition}) return true;
                await new Promise((resolve) => setTimeout(resolve, 20));
              }}
              return false;
            }}"""
        )
        assert came_true, f"never came true: {condition}; the page knows {self.marks()}"

    def marks(self) -> dict[str, Any]:
        """`window.playhouse` without its functions."""
        return self.page.evaluate("() => JSON.parse(JSON.stringify(window.playhouse))")

    def stats(self) -> dict[str, Any]:
        return self.page.evaluate("() => window.playhouse.stats()")

    def picture(self) -> Image.Image:
        """What the video shows now."""
        encoded = self.page.evaluate(_PICTURE)
        assert encoded, "the video has no picture yet"
        return Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")

    def click(self, x: int, y: int, *, button: str = "left") -> None:
        """Click a place of the picture, wherever the page shows it."""
        self.move(x, y)
        self.page.mouse.down(button="right" if button == "right" else "left")
        self.page.mouse.up(button="right" if button == "right" else "left")

    def move(self, x: int, y: int) -> None:
        left, top, scale = self.page.evaluate(
            """() => {
              const video = document.getElementById('game-video');
              const box = video.getBoundingClientRect();
              const scale = Math.min(box.width / video.videoWidth, box.height / video.videoHeight);
              return [box.left + (box.width - video.videoWidth * scale) / 2,
                      box.top + (box.height - video.videoHeight * scale) / 2, scale];
            }"""
        )
        self.page.mouse.move(left + x * scale, top + y * scale)

    def wait_until_still(self, timeout_s: float = 20) -> Image.Image:
        """The picture once it has stopped changing for a few looks."""
        last, same = self.picture(), 0
        for _ in self.frames(timeout_s):
            now = self.picture()
            same = same + 1 if difference(last, now) < STILL else 0
            last = now
            if same >= SETTLE_FRAMES:
                return now
        raise AssertionError("the picture never stood still")

    def wait_until_different(self, reference: Image.Image, least: float, timeout_s: float = 20) -> Image.Image:
        """The first picture that differs from `reference` by at least `least` (mean of 0-255 a channel)."""
        for _ in self.frames(timeout_s):
            now = self.picture()
            if difference(reference, now) >= least:
                return now
        raise AssertionError("the picture did not change")

    def wait_until_like(self, reference: Image.Image, most: float, timeout_s: float = 30) -> Image.Image:
        """The first picture that differs from `reference` by at most `most`."""
        nearest = 255.0
        for _ in self.frames(timeout_s):
            now = self.picture()
            nearest = min(nearest, difference(reference, now))
            if nearest <= most:
                return now
        raise AssertionError(f"the picture never looked as expected (nearest {nearest:.1f})")

    def frames(self, timeout_s: float) -> Generator[None]:
        """One turn each time the browser has had a tenth of a second to show more, until the time is over."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            self.page.wait_for_timeout(100)
            yield

    def stop(self) -> dict[str, Any]:
        """Press Stop, say yes where the page asks, and answer the documented figures as the server gave them."""
        self.page.keyboard.press("Control+Alt+Enter")  # the toolbar, wherever the pointer is
        with self.page.expect_response("**/api/game/stop") as answer:
            self.page.click("#stop-button")
            if self.page.is_visible("#stop-question"):
                self.page.click("#stop-yes")
        return answer.value.json()


@contextmanager
def chromium(url: str, *, width: int = 1280, height: int = 800, program: str = CHROMIUM) -> Generator[Player]:
    """A fresh headless browser with one tab."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        try:
            page = browser.new_page(viewport={"width": width, "height": height})
            yield Player(page, url)
        finally:
            browser.close()


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean absolute difference a channel (0-255) of two pictures, compared at 160x90 so that coding noise drops out."""
    size = (160, 90)
    return _mean(ImageChops.difference(one.resize(size), other.resize(size)))


def part_difference(one: Image.Image, other: Image.Image, box: tuple[int, int, int, int]) -> float:
    """As `difference`, of one part of the pictures at full size."""
    return _mean(ImageChops.difference(one.crop(box), other.crop(box)))


def _mean(image: Image.Image) -> float:
    bands = ImageStat.Stat(image).mean
    return sum(bands) / len(bands)
