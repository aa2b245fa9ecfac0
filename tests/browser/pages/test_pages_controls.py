"""What one plays with on the play page: buttons, captured mouse, keys, gamepad, text. The seat is a browser page."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.pages.pages_support import FakeApi, play, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAD = """
window.pad = {index: 0, connected: true, mapping: 'standard', id: 'Test pad', axes: [0, 0, 0, 0],
  buttons: Array.from({length: 17}, () => ({pressed: false, value: 0}))};
navigator.getGamepads = () => [window.pad];
"""


HIDES_ITS_POINTER = "window.seat.tell({type: 'cursor', visible: false})"
MOVE = """(ms) => {
  for (const at of [0, ms]) {
    const moved = new PointerEvent('pointermove', {pointerType: 'mouse'});
    Object.defineProperty(moved, 'timeStamp', {value: 1000 + at});
    document.getElementById('stage').dispatchEvent(moved);
  }
}"""


async def received(seat: Page, kind: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = await seat.evaluate("window.seat.received")
    return [message for message in messages if message["type"] == kind]


async def has_received(seat: Page, condition: str) -> None:
    await until(seat, f"window.seat.received.some((m) => {condition})")


async def test_a_second_button_beside_a_first_is_one_and_none_stays(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    await page.mouse.move(600, 400)
    await page.mouse.down(button="left")
    await page.mouse.down(button="right")
    await page.mouse.up(button="left")
    await page.mouse.up(button="right")
    await until(seat, "window.seat.received.filter((m) => m.type === 'button').length === 4")
    said = [(press["button"], press["down"]) for press in await received(seat, "button")]
    assert said == [(0, True), (2, True), (0, False), (2, False)]
    await has_received(seat, "m.type === 'held' && m.buttons.length === 0")


async def test_back_and_forward_buttons_are_the_games(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    kept = """(kind) => { const event = new MouseEvent(kind, {button: 3, buttons: 8, cancelable: true, bubbles: true});
        document.getElementById('stage').dispatchEvent(event); return event.defaultPrevented; }"""
    assert [await page.evaluate(kept, kind) for kind in ("mousedown", "mouseup", "auxclick")] == [True] * 3


async def test_a_key_is_released_whatever_else_is_held_by_then(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    await page.keyboard.down("KeyR")
    await page.keyboard.down("Control")
    await page.keyboard.up("KeyR")
    await page.keyboard.up("Control")
    await has_received(seat, "m.type === 'key' && m.code === 'ControlLeft' && !m.down")
    keys = [(key["code"], key["down"]) for key in await received(seat, "key")]
    assert keys == [("KeyR", True), ("ControlLeft", True), ("KeyR", False), ("ControlLeft", False)]


async def test_a_captured_mouse_tells_how_far_it_went_and_lets_go_by_the_same_key(
    page: Page, api: FakeApi, seat: Page
) -> None:
    await play(page, api)
    await page.mouse.move(600, 400)
    await page.keyboard.press("Control+Alt+KeyM")
    await until(page, "document.pointerLockElement === document.getElementById('stage')")
    await page.mouse.move(620, 410)
    await page.mouse.move(640, 430)
    await until(seat, "window.seat.pointers.filter((p) => p[0] === 2).length >= 3")
    await page.mouse.down()
    await page.mouse.up()
    await until(seat, "window.seat.received.filter((m) => m.type === 'button').length === 2")
    press = (await received(seat, "button"))[0]
    assert press["moved"][1:] == [40 * 64, 30 * 64]
    assert "x" not in press
    await page.keyboard.press("Control+Alt+KeyM")
    await until(page, "document.pointerLockElement === null")
    assert not [key for key in await received(seat, "key") if key["code"] == "KeyM"]


async def test_a_game_that_hides_a_moving_pointer_brings_an_offer_and_nothing_more(
    page: Page, api: FakeApi, seat: Page
) -> None:
    await play(page, api)
    await seat.evaluate(HIDES_ITS_POINTER)
    await until(page, "document.getElementById('stage').style.cursor === 'none'")
    await page.evaluate(MOVE, 3_000)
    await expect(page.locator("#capture-hint")).to_be_visible()
    assert await page.evaluate("document.pointerLockElement") is None
    await page.locator("#capture-not").click()
    await expect(page.locator("#capture-hint")).to_be_hidden()


async def test_a_game_that_hides_a_resting_pointer_offers_nothing(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    await page.clock.install()
    await seat.evaluate(HIDES_ITS_POINTER)
    await until(page, "document.getElementById('stage').style.cursor === 'none'")
    await page.clock.run_for(60_000)
    await page.evaluate(MOVE, 500)
    await expect(page.locator("#capture-hint")).to_be_hidden()


async def test_pasting_brings_the_text_before_the_key(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    await page.keyboard.down("Control")
    await page.evaluate(
        """() => {
          const stage = document.getElementById('stage');
          const key = {code: 'KeyV', key: 'v', ctrlKey: true, bubbles: true, cancelable: true};
          const press = new KeyboardEvent('keydown', key);
          stage.dispatchEvent(press);
          const clipboardData = new DataTransfer();
          clipboardData.setData('text/plain', 'hello \u00e9');
          if (!press.defaultPrevented) stage.dispatchEvent(new ClipboardEvent('paste', {clipboardData, bubbles: true}));
          stage.dispatchEvent(new KeyboardEvent('keyup', key));
        }"""
    )
    await has_received(seat, "m.type === 'key' && m.code === 'KeyV' && !m.down")
    order = [m for m in await seat.evaluate("window.seat.received") if m["type"] in {"paste", "key"}]
    assert [(m["type"], m.get("code", m.get("text"))) for m in order[-3:]] == [
        ("paste", "hello é"),
        ("key", "KeyV"),
        ("key", "KeyV"),
    ]


async def test_what_the_game_copied_is_the_players_by_a_button(page: Page, api: FakeApi, seat: Page) -> None:
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await play(page, api)
    await seat.evaluate("window.seat.tell({type: 'clipboard', text: 'from the game'})")
    await expect(page.locator("#copied-note")).to_be_visible()
    await page.locator("#copied-copy").click()
    await expect(page.locator("#copied-note")).to_be_hidden()
    assert await page.evaluate("navigator.clipboard.readText()") == "from the game"


async def test_text_is_typed_by_meaning_and_given_to_the_games_clipboard(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    await page.keyboard.press("Control+Alt+Enter")
    await page.locator("#typing-button").click()
    await page.keyboard.insert_text("grüß")
    await page.keyboard.press("Backspace")
    await has_received(seat, "m.type === 'key' && m.code === 'Backspace' && !m.down")
    assert [message["text"] for message in await received(seat, "text")] == ["grüß"]
    await page.keyboard.press("Control+Alt+Enter")
    await page.locator("#controls-button").click()
    await page.locator("#game-text").fill("over there")
    await page.locator("#give-text").click()
    await has_received(seat, "m.type === 'paste' && m.text === 'over there'")
    await page.locator("#type-text").click()
    await has_received(seat, "m.type === 'text' && m.text === 'over there'")


async def test_a_pad_is_told_whole_and_its_map_is_the_players_to_change(page: Page, api: FakeApi, seat: Page) -> None:
    await page.add_init_script(PAD)
    await play(page, api)
    await seat.evaluate("window.seat.tell({type: 'gamepad', bindings: {south: 'Enter', east: 'Escape'}})")
    await has_received(seat, "m.type === 'gamepad' && m.bindings.south === 'Enter'")
    await page.evaluate("window.pad.buttons[0] = {pressed: true, value: 1}")
    await until(seat, "window.seat.pointers.some((p) => p[0] === 3 && p[6] === 1)")
    await page.evaluate("window.pad.buttons[0] = {pressed: false, value: 0}")
    await until(seat, "window.seat.pointers.filter((p) => p[0] === 3).at(-1)[6] === 0")
    await page.keyboard.press("Control+Alt+Enter")
    await page.locator("#controls-button").click()
    await page.locator(".pad-details summary").click()
    await page.locator("#pad-south").select_option("KeyX")
    await has_received(seat, "m.type === 'gamepad' && m.bindings.south === 'KeyX' && m.bindings.east === 'Escape'")
    await page.evaluate("window.pad.buttons[1] = {pressed: true, value: 1}")
    await expect(page.locator(".pad-row.is-pressed")).to_contain_text("Button B")
    await page.reload()
    await until(page, "window.playhouse && window.playhouse.firstPictureAt !== null")
    await seat.evaluate("window.seat.received.length = 0")
    await seat.evaluate("window.seat.tell({type: 'gamepad', bindings: {south: 'Enter'}})")
    await has_received(seat, "m.type === 'gamepad' && m.bindings.south === 'KeyX'")
