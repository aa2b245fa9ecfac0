"""Keys by place and characters by meaning: `KeyboardEvent.code` → X keycode, and character → X keysym. Pure tables.

Keycodes are those of the evdev rules that Xvfb starts with: Linux' input event code + 8
(linux/input-event-codes.h; https://www.w3.org/TR/uievents-code/).
"""

EVDEV_OFFSET = 8
UNICODE_KEYSYM = 0x01000000
LATIN1_LAST = 0xFF

_EVENT_CODES: dict[str, int] = {
    "Escape": 1,
    "Minus": 12,
    "Equal": 13,
    "Backspace": 14,
    "Tab": 15,
    "BracketLeft": 26,
    "BracketRight": 27,
    "Enter": 28,
    "ControlLeft": 29,
    "Semicolon": 39,
    "Quote": 40,
    "Backquote": 41,
    "ShiftLeft": 42,
    "Backslash": 43,
    "Comma": 51,
    "Period": 52,
    "Slash": 53,
    "ShiftRight": 54,
    "NumpadMultiply": 55,
    "AltLeft": 56,
    "Space": 57,
    "CapsLock": 58,
    "NumLock": 69,
    "ScrollLock": 70,
    "Numpad7": 71,
    "Numpad8": 72,
    "Numpad9": 73,
    "NumpadSubtract": 74,
    "Numpad4": 75,
    "Numpad5": 76,
    "Numpad6": 77,
    "NumpadAdd": 78,
    "Numpad1": 79,
    "Numpad2": 80,
    "Numpad3": 81,
    "Numpad0": 82,
    "NumpadDecimal": 83,
    "IntlBackslash": 86,
    "F11": 87,
    "F12": 88,
    "IntlRo": 89,
    "Convert": 92,
    "KanaMode": 93,
    "NonConvert": 94,
    "NumpadEnter": 96,
    "ControlRight": 97,
    "NumpadDivide": 98,
    "PrintScreen": 99,
    "AltRight": 100,
    "Home": 102,
    "ArrowUp": 103,
    "PageUp": 104,
    "ArrowLeft": 105,
    "ArrowRight": 106,
    "End": 107,
    "ArrowDown": 108,
    "PageDown": 109,
    "Insert": 110,
    "Delete": 111,
    "AudioVolumeMute": 113,
    "AudioVolumeDown": 114,
    "AudioVolumeUp": 115,
    "NumpadEqual": 117,
    "Pause": 119,
    "NumpadComma": 121,
    "Lang1": 122,
    "Lang2": 123,
    "IntlYen": 124,
    "MetaLeft": 125,
    "MetaRight": 126,
    "ContextMenu": 127,
}
_ROWS: dict[str, int] = {
    **{f"Digit{digit}": 1 + (digit or 10) for digit in range(10)},
    **{f"Key{letter}": 16 + place for place, letter in enumerate("QWERTYUIOP")},
    **{f"Key{letter}": 30 + place for place, letter in enumerate("ASDFGHJKL")},
    **{f"Key{letter}": 44 + place for place, letter in enumerate("ZXCVBNM")},
    **{f"F{number}": 58 + number for number in range(1, 11)},
    **{f"F{number}": 170 + number for number in range(13, 25)},
}

KEYCODES: dict[str, int] = {code: event + EVDEV_OFFSET for code, event in (_EVENT_CODES | _ROWS).items()}
MODIFIERS = frozenset(f"{name}{side}" for name in ("Shift", "Control", "Alt", "Meta") for side in ("Left", "Right"))

_CONTROL_KEYSYMS = {"\n": 0xFF0D, "\r": 0xFF0D, "\t": 0xFF09, "\b": 0xFF08}


def keysym_of(character: str) -> int | None:
    """The keysym that types this character, or None for one that no key can type (X11 protocol, appendix A)."""
    if character in _CONTROL_KEYSYMS:
        return _CONTROL_KEYSYMS[character]
    point = ord(character)
    if not character.isprintable():
        return None
    if point <= LATIN1_LAST:
        return point
    return UNICODE_KEYSYM | point
