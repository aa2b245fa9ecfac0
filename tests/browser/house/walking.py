"""What somebody does on the pages who has come to play the tiny counter, and what they see of it."""

from collections.abc import Callable

import pytest
from PIL import Image

from bench.browser_player import Player
from tests.browser.house.pictures import Pictures

PASSWORD = "a walk through the house"
DIGITS = {
    "75557": 0,
    "26227": 1,
    "71747": 2,
    "71717": 3,
    "55711": 4,
    "74717": 5,
    "74757": 6,
    "71111": 7,
    "75757": 8,
    "75717": 9,
}


def register(player: Player, name: str, pictures: Pictures | None = None) -> None:
    page = player.page
    page.goto(player.url)
    if pictures:
        pictures.keep("front-door", phone=True)
    page.get_by_role("link", name="Create").first.click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("E-mail").fill(f"{name.lower()}@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    if pictures:
        pictures.keep("register")
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url(f"{player.url}/")


def count_once(player: Player, holds: Callable[[int], bool]) -> int:
    """The number on the stream's picture, the first time that it is so."""
    player.wait_for_picture()
    player.wait_for_running()
    seen: list[int | None] = []
    for _ in player.frames(40):
        seen.append(count_in(player.picture()))
        if seen[-1] is not None and holds(seen[-1]):
            return seen[-1]
    pytest.fail(f"the numbers were {seen}")


def count_in(picture: Image.Image) -> int | None:
    """The number that the tiny counter shows, as its picture has it in cells; None where there is none."""
    cell = picture.height / 30
    picture = picture.convert("RGB")

    def is_lit(column: int, row: int) -> bool:
        red, _, blue = picture.getpixel((int((column + 0.5) * cell), int((row + 0.5) * cell)))  # type: ignore[misc] - RGB
        return red > blue

    number = ""
    for place in range(5):
        rows = (sum(is_lit(1 + 4 * place + column, 1 + row) << 2 - column for column in range(3)) for row in range(5))
        figure = "".join(str(bits) for bits in rows)
        if figure == "00000" and number:
            return int(number)
        if figure not in DIGITS:
            return None
        number += str(DIGITS[figure])
    return None
