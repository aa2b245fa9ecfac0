"""Pictures of a walk, for the documents: kept only when they are asked for (`make walk-pictures`)."""

import io
import os
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

FOLDER = Path(__file__).parents[3] / "docs" / "images" / "walks"
MOST_BYTES = 120_000
DESKTOP, PHONE = (1280, 800), (390, 844)


class Pictures:
    """Of one walk. Without `WALK_PICTURES` in the environment nothing is looked at and nothing written."""

    def __init__(self, page: Page, walk: str) -> None:
        self._page = page
        self._walk = walk
        self._is_kept = bool(os.environ.get("WALK_PICTURES"))
        self._number = 0

    def keep(self, name: str, *, phone: bool = False) -> None:
        """The page as it is, and with `phone` as it is there as well."""
        if not self._is_kept:
            return
        self._number += 1
        self._write(f"{self._walk}-{self._number:02}-{name}.webp")
        if phone:
            self._page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
            self._page.wait_for_timeout(300)
            self._write(f"{self._walk}-{self._number:02}-{name}-phone.webp")
            self._page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
            self._page.wait_for_timeout(300)

    def _write(self, name: str) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        picture = Image.open(io.BytesIO(self._page.screenshot(animations="disabled")))
        target = FOLDER / name
        picture.convert("RGB").save(target, "WEBP", quality=82, method=6)
        assert target.stat().st_size <= MOST_BYTES, name
