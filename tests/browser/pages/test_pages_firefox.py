"""The whole play page in Firefox, on a real seat, by a person's own mouse, keyboard and clipboard.

What Firefox cannot be made to do without a person: read a gamepad. Its service for tests wants Mozilla's own harness,
and there is no device here. The page is given pads as Firefox would give them; how it reads them is not shown.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from bench.streaming.display import Screen, screen
from bench.streaming.stage import Picture
from streaming.protocol import SeatConfig
from tests.browser.pages.conftest import Replica
from tests.browser.pages.person_at_a_display import Person, Texts, connection_to
from tests.browser.pages.whole_house import whole_house
from tests.integration.streaming.firefox import Firefox, firefox
from tests.integration.streaming.seat_support import Seat, new_seat_folder, running_seat, until

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser and one seat for all

CONFIG = SeatConfig(width=1280, height=720, fps=60, ice_addresses=("127.0.0.1",), bitrate_bps=8_000_000)
DESK = Picture(1280, 900)
PAD = """
window.pad = { index: 0, connected: true, mapping: "standard", id: "Test pad", axes: [0, 0, 0, 0],
  buttons: Array.from({ length: 17 }, () => ({ pressed: false, value: 0 })) };
navigator.getGamepads = () => [window.pad];
"""


@dataclass(frozen=True)
class Desk:
    """A screen with the play page in Firefox, the person before it, and the clipboard of their other program."""

    page: Firefox
    person: Person
    texts: Texts
    origin: tuple[float, float]

    async def place_of(self, selector: str) -> tuple[int, int]:
        """The middle of an element, on the screen."""
        box = f"Object.values(document.querySelector({json.dumps(selector)}).getBoundingClientRect().toJSON())"
        left, top, width, height = (await self.page.evaluate(box))[:4]
        return round(self.origin[0] + left + width / 2), round(self.origin[1] + top + height / 2)

    async def true(self, condition: str) -> None:
        async def holds() -> bool:
            return bool(await self.page.evaluate(condition))

        await until(holds, condition)

    async def to_the_game(self) -> None:
        """The mouse is over the picture, and the keys are the game's."""
        self.person.move_to(*await self.place_of("#game-video"))
        await self.page.evaluate("document.getElementById('stage').focus()")


@pytest.fixture(scope="module")
def seat_folder() -> Generator[Path]:
    with new_seat_folder() as folder:
        yield folder


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def real_seat(seat_folder: Path) -> AsyncGenerator[Seat]:
    async with running_seat(seat_folder, CONFIG) as seat:
        yield seat


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def screen_of_the_desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Screen]:
    async with screen(tmp_path_factory.mktemp("desk"), DESK) as display:
        yield display


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def desk(real_seat: Seat, replica: Replica, screen_of_the_desk: Screen) -> AsyncGenerator[Desk]:
    display = screen_of_the_desk
    hands, clipboard = (connection_to(display.name, display.environment["XAUTHORITY"]) for _ in range(2))
    person, texts = Person(hands), Texts(clipboard)
    async with whole_house(real_seat, replica) as house, firefox(display.environment) as page:
        await page.before_pages(PAD)
        await page.go(house.play_url)
        person.look_at_the_window()
        origin = await page.evaluate("[mozInnerScreenX, mozInnerScreenY]")
        desk = Desk(page, person, texts, (origin[0], origin[1]))
        await desk.true("document.getElementById('curtain').hidden")
        await person.click(*await desk.place_of("#game-video"))
        await desk.true("document.hasFocus()")
        yield desk
    texts.close()
    hands.close()


@pytest_asyncio.fixture(loop_scope="module")
async def game_texts(real_seat: Seat) -> AsyncGenerator[Texts]:
    texts = Texts(connection_to(f":{real_seat.hello.display}", real_seat.hello.xauthority))
    yield texts
    texts.close()


async def test_a_captured_mouse_moves_the_games_beyond_every_edge_and_lets_go_by_the_same_key(
    desk: Desk, real_seat: Seat
) -> None:
    async with real_seat.drawing() as drawing:
        await desk.to_the_game()
        x, y = await desk.place_of("#game-video")
        desk.person.move_to(x - 50, y)
        await drawing.feels("motion")
        desk.person.move_to(x, y)
        await drawing.feels("motion 640 360$")
        await desk.person.press("ControlLeft", "AltLeft", "KeyM")
        await desk.true("document.pointerLockElement?.id === 'stage'")
        # Until the game's own edge, and further than the screen: when Firefox brings its own pointer back to the
        # middle, it may tell of a push twice or not at all, so that no number of pushes is a distance.
        for _ in range(DESK.width // 60):
            desk.person.push(-60, 0)
            await asyncio.sleep(0.02)
        await drawing.feels("motion 0 360$")
        for _ in range(3):
            desk.person.push(0, 25)
            await asyncio.sleep(0.02)
        await drawing.feels("motion 0 (385|410|435)$")
        await desk.person.press("ControlLeft", "AltLeft", "KeyM")
        await desk.true("document.pointerLockElement === null")
        await desk.person.press("KeyQ")
        assert await drawing.feels("key (58|24) down") == "key 24 down 0x71"  # the key that captures is the page's


async def test_what_the_player_has_copied_is_the_games_to_paste_before_it_feels_the_key(
    desk: Desk, real_seat: Seat, game_texts: Texts
) -> None:
    desk.texts.offer("hello é 😀")
    async with real_seat.drawing() as drawing:
        await desk.to_the_game()
        await desk.person.press("ControlLeft", "KeyV")
        await drawing.feels("key 55 down")
        await game_texts.until_it_is("hello é 😀")
        await drawing.feels("key 55 up")
        await drawing.feels("key 37 up")


async def test_what_the_game_has_copied_is_the_players_by_a_click(desk: Desk, game_texts: Texts) -> None:
    game_texts.offer("from the game 😀")
    await desk.true("!document.getElementById('copied-note').hidden")
    await desk.person.click(*await desk.place_of("#copied-copy"))
    await desk.true("document.getElementById('copied-note').hidden")
    await desk.texts.until_it_is("from the game 😀")


async def test_a_pad_presses_the_games_keys_and_lets_go(desk: Desk, real_seat: Seat) -> None:
    async with real_seat.drawing() as drawing:
        await desk.to_the_game()
        await desk.page.evaluate("(pad.buttons[0] = { pressed: true, value: 1 })")
        await drawing.feels("key 36 down")  # Enter, as the map has it
        await desk.page.evaluate("(pad.buttons[0] = { pressed: false, value: 0 })")
        await drawing.feels("key 36 up")
