"""A player's input into the X server, by XTEST.

It decides nothing about who may play. Keys go by place; text goes by meaning, over the keys of the layout where
they have the character, and over spare keycodes that are remapped in turn where they have not.
"""

from collections import OrderedDict

import xcffib.xtest

from streaming.held_inputs import HeldInputs, Releases
from streaming.keymap import KEYCODES, keysym_of
from streaming.page_messages import Button, Held, Key, Pointer, ReleaseAll, Text, Wheel
from streaming.xconnection import XConnection

KEY_PRESS, KEY_RELEASE, BUTTON_PRESS, BUTTON_RELEASE, MOTION = 2, 3, 4, 5, 6
X_BUTTONS = {0: 1, 1: 2, 2: 3, 3: 8, 4: 9}
WHEEL_UP, WHEEL_DOWN, WHEEL_LEFT, WHEEL_RIGHT = 4, 5, 6, 7
WHEEL_NOTCH_PIXELS = 100.0
WHEEL_NOTCHES_AT_ONCE = 20
FIRST_KEYCODE = 8
KEYCODES_TOTAL = 248

InputMessage = Key | Button | Wheel | Text | Held | ReleaseAll | Pointer


class WheelSteps:
    """CSS pixels of one axis to notches: what does not fill a notch is kept until one is full, then forgotten. Pure."""

    def __init__(self) -> None:
        self._pixels = 0.0

    def turn(self, pixels: float) -> int:
        """The notches that this movement completes, signed."""
        if pixels * self._pixels < 0:
            self._pixels = 0.0
        self._pixels += pixels
        notches = int(self._pixels / WHEEL_NOTCH_PIXELS)
        if notches:
            self._pixels = 0.0
        return max(-WHEEL_NOTCHES_AT_ONCE, min(WHEEL_NOTCHES_AT_ONCE, notches))


class Injector:
    """Used by one thread. `now` is seconds on a monotonic clock."""

    def __init__(self, display: XConnection) -> None:
        self._display = display
        self._extension = display.extension(xcffib.xtest.key)
        self._extension.GetVersion(2, 2).reply()
        self._held = HeldInputs()
        self._wheel_x, self._wheel_y = WheelSteps(), WheelSteps()
        self._newest_pointer = -1
        self._strokes, self._spare_keycodes = self._read_layout()
        self._borrowed: OrderedDict[int, int] = OrderedDict()

    def begin(self) -> None:
        """A new connection of the player: nothing is held, and pointer positions count from the start."""
        self._release(self._held.release_all())
        self._newest_pointer = -1

    def take(self, message: InputMessage, now: float) -> None:
        """Puts one message into the X server, at once."""
        match message:
            case Pointer():
                if message.sequence > self._newest_pointer:
                    self._newest_pointer = message.sequence
                    self._move(message.x, message.y)
            case Key():
                if message.code in KEYCODES and self._held.key(message.code, message.down, now):
                    self._fake(KEY_PRESS if message.down else KEY_RELEASE, KEYCODES[message.code])
            case Button():
                self._move(message.x, message.y)
                if self._held.button(message.button, message.down, now):
                    self._fake(BUTTON_PRESS if message.down else BUTTON_RELEASE, X_BUTTONS[message.button])
            case Wheel():
                self._scroll(self._wheel_y.turn(message.dy), WHEEL_UP, WHEEL_DOWN)
                self._scroll(self._wheel_x.turn(message.dx), WHEEL_LEFT, WHEEL_RIGHT)
            case Text():
                self._type(message.text)
            case Held():
                self._release(self._held.heartbeat(message.codes, message.buttons, now))
            case ReleaseAll():
                self._release(self._held.release_all())
        self._display.flush()

    def tick(self, now: float) -> None:
        """Lets go of what a silent page still holds; to be called a few times a second."""
        self._release(self._held.expire(now))
        self._display.flush()

    def _fake(self, kind: int, detail: int, x: int = 0, y: int = 0) -> None:
        self._extension.FakeInput(kind, detail, 0, self._display.root if kind == MOTION else 0, x, y, 0)

    def _move(self, x: float, y: float) -> None:
        width, height = self._display.geometry
        self._fake(MOTION, 0, round(x * (width - 1)), round(y * (height - 1)))

    def _scroll(self, notches: int, negative: int, positive: int) -> None:
        button = positive if notches > 0 else negative
        for _ in range(abs(notches)):
            self._fake(BUTTON_PRESS, button)
            self._fake(BUTTON_RELEASE, button)

    def _release(self, releases: Releases) -> None:
        for code in releases.codes:
            self._fake(KEY_RELEASE, KEYCODES[code])
        for button in releases.buttons:
            self._fake(BUTTON_RELEASE, X_BUTTONS[button])

    def _type(self, text: str) -> None:
        shift = KEYCODES["ShiftLeft"]
        for character in text:
            keysym = keysym_of(character)
            if keysym is None:
                continue
            keycode, shifted = self._strokes.get(keysym) or (self._borrow(keysym), False)
            if shifted:
                self._fake(KEY_PRESS, shift)
            self._fake(KEY_PRESS, keycode)
            self._fake(KEY_RELEASE, keycode)
            if shifted:
                self._fake(KEY_RELEASE, shift)

    def _borrow(self, keysym: int) -> int:
        """A spare keycode that types this keysym: the one it had, or the one not used for longest."""
        if keysym in self._borrowed:
            self._borrowed.move_to_end(keysym)
            return self._borrowed[keysym]
        if len(self._borrowed) < len(self._spare_keycodes):
            keycode = self._spare_keycodes[len(self._borrowed)]
        else:
            _, keycode = self._borrowed.popitem(last=False)
        self._display.core.ChangeKeyboardMapping(1, keycode, 2, [keysym, keysym])
        self._borrowed[keysym] = keycode
        return keycode

    def _read_layout(self) -> tuple[dict[int, tuple[int, bool]], list[int]]:
        """Keysym → (keycode, needs shift) of the keys that players have, and the keycodes that nobody has."""
        reply = self._display.core.GetKeyboardMapping(FIRST_KEYCODE, KEYCODES_TOTAL).reply()
        width = int(reply.keysyms_per_keycode)
        keysyms = [int(keysym) for keysym in reply.keysyms]
        rows = {FIRST_KEYCODE + i: keysyms[i * width : (i + 1) * width] for i in range(KEYCODES_TOTAL)}
        strokes: dict[int, tuple[int, bool]] = {}
        for code, keycode in KEYCODES.items():
            if code.startswith(("Numpad", "Intl")) or keycode not in rows:
                continue
            for level, keysym in enumerate(rows[keycode][:2]):
                if keysym:
                    strokes.setdefault(keysym, (keycode, level == 1))
        known = set(KEYCODES.values())
        spare = [keycode for keycode, row in rows.items() if not any(row) and keycode not in known]
        return strokes, spare
