"""The pages' pure modules for keys, mouse, pads and text, asked in the browser that runs them."""

from typing import Any

import pytest
from playwright.async_api import Page

from tests.browser.pages.pages_support import ask

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    ("key", "route"),
    [
        ({"code": "KeyA", "key": "a"}, "game"),
        ({"code": "Tab", "key": "Tab"}, "game"),
        ({"code": "Escape", "key": "Escape"}, "game"),
        ({"code": "F5", "key": "F5"}, "game"),
        ({"code": "KeyS", "key": "s", "ctrlKey": True}, "game"),
        ({"code": "F11", "key": "F11"}, "browser"),
        ({"code": "KeyR", "key": "r", "ctrlKey": True}, "browser"),
        ({"code": "KeyC", "key": "c", "metaKey": True}, "browser"),
        ({"code": "Enter", "key": "Enter", "ctrlKey": True, "altKey": True}, "toolbar"),
        ({"code": "", "key": "é"}, "text"),
        ({"code": "", "key": "Unidentified"}, "ignore"),
        ({"code": "KeyA", "key": "Process"}, "ignore"),
        ({"code": "KeyM", "key": "m", "ctrlKey": True, "altKey": True}, "capture"),
        ({"code": "KeyV", "key": "v", "ctrlKey": True}, "paste"),
        ({"code": "KeyV", "key": "v", "ctrlKey": True, "shiftKey": True}, "game"),
    ],
)
async def test_keys_go_to_the_game_save_those_that_a_browser_needs(page: Page, key: dict[str, Any], route: str) -> None:
    assert await ask(page, "keys", "m.routeKey(given)", key) == route


async def test_a_locked_keyboard_leaves_only_the_way_out(page: Page) -> None:
    assert await ask(page, "keys", "m.routeKey({code: 'F11', key: 'F11'}, true)") == "game"
    assert await ask(page, "keys", "m.routeKey({code: 'Enter', ctrlKey: true, altKey: true}, true)") == "toolbar"


async def test_a_point_is_a_fraction_of_the_letterboxed_picture(page: Page) -> None:
    box = {"left": 0, "top": 0, "width": 1280, "height": 800}
    at = "((p) => m.fractionsOf(p[0], p[1], m.letterbox(given, 16 / 9)))"
    assert await ask(page, "picture", f"[[640, 400], [0, 0], [1280, 760], [1280, 800]].map({at})", box) == [
        {"x": 0.5, "y": 0.5},
        {"x": 0, "y": 0},
        {"x": 1, "y": 1},
        {"x": 1, "y": 1},
    ]


async def test_a_pointer_message_is_nine_little_endian_bytes(page: Page) -> None:
    assert await ask(page, "picture", "[...new Uint8Array(m.encodePointer(0x01020304, 0, 1))]") == [
        1,
        4,
        3,
        2,
        1,
        0,
        0,
        255,
        255,
    ]


async def test_a_cursor_message_is_a_css_cursor_and_nothing_else(page: Page) -> None:
    style = "given.map(m.cursorStyle)"
    messages = [
        {"visible": True, "png": "aGk=", "hot_x": 3, "hot_y": 4, "width": 16, "height": 16},
        {"visible": False},
        {"visible": True, "png": 'x"); background: url(evil', "width": 16, "height": 16},
        {"visible": True, "png": "aGk=", "width": 256, "height": 256},
    ]
    assert await ask(page, "cursor", style, messages) == [
        'url("data:image/png;base64,aGk=") 3 4, default',
        "none",
        "default",
        "default",
    ]


async def test_what_windows_makes_of_altgr_is_neither_ours_nor_a_held_control(page: Page) -> None:
    altgr = "{code: 'KeyM', key: 'µ', ctrlKey: true, altKey: true, getModifierState: (name) => name === 'AltGraph'}"
    assert await ask(page, "keys", f"m.routeKey({altgr})") == "game"
    stale = "m.staleModifiers(new Set(['ControlLeft', 'KeyA']), {code: 'AltRight', key: 'AltGraph', ctrlKey: true})"
    assert await ask(page, "keys", stale) == ["ControlLeft"]


async def test_a_modifier_that_the_system_kept_the_release_of_is_let_go(page: Page) -> None:
    event = {"code": "KeyA", "key": "a", "shiftKey": False, "ctrlKey": True, "altKey": False, "metaKey": False}
    stale = "m.staleModifiers(new Set(['ShiftLeft', 'ShiftRight', 'ControlLeft', 'KeyW']), given)"
    assert await ask(page, "keys", stale, event) == ["ShiftLeft", "ShiftRight"]


async def test_lock_keys_are_told_and_a_mac_types_digits_on_its_keypad(page: Page) -> None:
    event = "{getModifierState: (name) => name === 'CapsLock'}"
    assert await ask(page, "keys", f"[m.lockStates({event}, false), m.lockStates({event}, true)]") == [
        {"caps": True, "num": False},
        {"caps": True, "num": True},
    ]


async def test_a_notch_of_any_browser_is_a_notch_and_a_touchpad_is_itself(page: Page) -> None:
    wheels = [
        {"deltaX": 0, "deltaY": 53, "deltaMode": 0, "wheelDeltaY": -120},
        {"deltaX": 0, "deltaY": -3, "deltaMode": 1, "wheelDeltaY": 240},
        {"deltaX": 1.5, "deltaY": 7, "deltaMode": 0, "wheelDeltaX": -3, "wheelDeltaY": -21},
        {"deltaX": 0, "deltaY": 2, "deltaMode": 1},
    ]
    turned = await ask(page, "wheel", "given.map(m.wheelPixels).map(({dx, dy}) => [dx, dy])", wheels)
    assert turned == [[0, 100], [0, -200], [1.5, 7], [0, 80]]


async def test_a_button_that_is_up_is_known_to_be_up(page: Page) -> None:
    lost = "[0, 1, 2, 4, 8, 16, 31].map((bits) => m.lostReleases(new Set([0, 1, 2, 3, 4]), bits).join(''))"
    assert await ask(page, "mouse", lost) == ["01234", "1234", "0134", "0234", "0124", "0123", ""]


async def test_what_was_typed_is_a_change_of_a_field_however_it_came(page: Page) -> None:
    changes = [["", "a"], ["hel", "help"], ["helo", "hello"], ["teh ", "the "], ["か", "香"], ["x😀", "x"]]
    said = await ask(
        page, "typed", "given.map(([a, b]) => m.textChange(a, b)).map((c) => [c.backspaces, c.text])", changes
    )
    assert said == [[0, "a"], [0, "p"], [1, "lo"], [3, "he "], [1, "香"], [1, ""]]


async def test_motion_and_pads_are_whole_states_in_bytes(page: Page) -> None:
    motion = "[...new Uint8Array(m.encodeMotion(1, -64, 2 ** 31 + 1))]"
    assert await ask(page, "picture", motion) == [2, 1, 0, 0, 0, 192, 255, 255, 255, 1, 0, 0, 128]
    pad = """{axes: [-1, 0, 1, 0], buttons: Array.from({length: 17}, (_, i) =>
        ({pressed: i === 0 || i === 16, value: i === 6 ? 1 : 0}))}"""
    expected = [3, 5, 0, 0, 0, 2, 1, 0, 1, 0, 1, 128, 0, 0, 255, 127, 0, 0, 255, 0]
    assert await ask(page, "padstate", f"[...new Uint8Array(m.encodePad(5, 2, {pad}))]") == expected
    assert await ask(page, "padstate", f"[...m.pressedControls({pad})]") == [
        "south",
        "home",
        "left_stick_left",
        "right_stick_right",
    ]
    assert await ask(page, "padstate", "m.encodePad(5, 2, null).byteLength") == 20


async def test_a_players_changes_lie_over_the_games_map(page: Page) -> None:
    maps = "m.withChanges({south: 'Enter', east: 'Escape'}, {south: 'KeyX', east: '', elbow: 'KeyA'})"
    assert await ask(page, "padmap", maps) == {"south": "KeyX"}
    codes = ["KeyW", "Digit7", "ArrowUp", "ShiftLeft", "F5", "Enter"]
    assert await ask(page, "padmap", "given.map(m.keyName)", codes) == ["W", "7", "Arrow Up", "Shift", "F5", "Enter"]


async def test_text_is_cut_by_whole_characters_to_what_a_message_holds(page: Page) -> None:
    assert await ask(page, "cuttext", "m.cutToBytes('short', 100)") == "short"
    assert await ask(page, "cuttext", "m.cutToBytes('ééé', 6)") == "éé"
    assert await ask(page, "cuttext", "m.cutToBytes('a😀😀', 8)") == "a😀"
    assert await ask(page, "cuttext", "m.cutToBytes('\\n'.repeat(50), 12).length") == 5


async def test_a_captured_cursor_stays_on_the_display(page: Page) -> None:
    at = "m.moved({x: 5, y: 5}, given[0], given[1], {width: 100, height: 50})"
    assert await ask(page, "capture", at, [-10, 100]) == {"x": 0, "y": 49}
    assert await ask(page, "capture", "['2', '99', 'x', null].map(m.sensitivityOf)") == [2, 4, 1, 1]
