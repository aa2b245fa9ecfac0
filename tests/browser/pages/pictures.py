"""Pictures of the arena for the documents: kept only when they are asked for (`make walk-pictures`)."""

import io
import os
from pathlib import Path

from PIL import Image
from playwright.async_api import Page

FOLDER = Path(__file__).parents[3] / "docs" / "images" / "arena"
MOST_BYTES = 60_000


async def keep(page: Page, name: str) -> None:
    """The page as it is. Without `WALK_PICTURES` in the environment nothing is looked at and nothing written."""
    if not os.environ.get("WALK_PICTURES"):
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    await page.wait_for_timeout(1_200)
    picture = Image.open(io.BytesIO(await page.screenshot(animations="disabled")))
    target = FOLDER / f"{name}.webp"
    picture.convert("RGB").save(target, "WEBP", quality=82, method=6)
    assert target.stat().st_size <= MOST_BYTES, name
