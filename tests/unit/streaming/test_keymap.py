"""Keys by place: the evdev keycodes of X; characters by meaning: keysyms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.keymap import KEYCODES, keysym_of


@pytest.mark.parametrize(
    ("code", "keycode"),
    [
        ("Escape", 9),
        ("Digit1", 10),
        ("Digit9", 18),
        ("Digit0", 19),
        ("KeyQ", 24),
        ("KeyP", 33),
        ("KeyA", 38),
        ("KeyL", 46),
        ("KeyZ", 52),
        ("KeyM", 58),
        ("Space", 65),
        ("F1", 67),
        ("F10", 76),
        ("F11", 95),
        ("F12", 96),
        ("Enter", 36),
        ("ShiftLeft", 50),
        ("ControlRight", 105),
        ("ArrowUp", 111),
        ("ArrowLeft", 113),
        ("ArrowRight", 114),
        ("ArrowDown", 116),
        ("Delete", 119),
        ("MetaLeft", 133),
        ("Numpad5", 84),
        ("NumpadEnter", 104),
    ],
)
def test_a_key_has_its_place(code: str, keycode: int) -> None:
    assert KEYCODES[code] == keycode


def test_no_two_keys_share_a_place_and_all_fit_into_x() -> None:
    assert len(set(KEYCODES.values())) == len(KEYCODES)
    assert all(8 <= keycode <= 255 for keycode in KEYCODES.values())


@pytest.mark.parametrize(
    ("character", "keysym"),
    [("a", 0x61), ("é", 0xE9), ("ж", 0x1000436), ("😀", 0x101F600), ("\n", 0xFF0D), ("\t", 0xFF09), ("\x00", None)],
)
def test_a_character_has_its_keysym(character: str, keysym: int | None) -> None:
    assert keysym_of(character) == keysym


@given(st.characters())
def test_every_keysym_is_a_positive_29_bit_number(character: str) -> None:
    keysym = keysym_of(character)
    assert keysym is None or 0 < keysym < 1 << 29
