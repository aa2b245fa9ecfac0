"""A player's input into the X server, by XTEST.

It decides nothing about who may play. Keys go by place; text goes by meaning, over the keys of the layout where
they have the character, and over spare keycodes that are remapped in turn where they have not.
"""

from collections import OrderedDict

import xcffib.xkb
import xcffib.xtest

from streaming.gamepad_map import DEFAULT_MAP, GamepadMap, PadActions, PadMapper
from streaming.held_inputs import Changes, HeldInputs
from streaming.keymap import KEYCODES, MODIFIERS, keysym_of
from streaming.page_messages import (
    Button,
    Held,
    Key,
    Locks,
    Moved,
    Place,
    ReleaseAll,
    Text,
    UseGamepadMap,
    Wheel,
)
from streaming.pointer_messages import Motion, Pad, Pointer
from streaming.relative_motion import MotionTotals
from streaming.wheel_steps import WheelSteps
from streaming.xconnection import XConnection

KEY_PRESS, KEY_RELEASE, BUTTON_PRESS, BUTTON_RELEASE, MOTION = 2, 3, 4, 5, 6
ABSOLUTE, RELATIVE = 0, 1
LARGEST_STEP = 32_767
X_BUTTONS = {0: 1, 1: 2, 2: 3, 3: 8, 4: 9}
WHEEL_UP, WHEEL_DOWN, WHEEL_LEFT, WHEEL_RIGHT = 4, 5, 6, 7
FIRST_KEYCODE = 8
KEYCODES_TOTAL = 248
CORE_KEYBOARD = 0x100
CAPS_LOCK, NUM_LOCK = 1 << 1, 1 << 4

InputMessage = Key | Button | Wheel | Text | Held | ReleaseAll | Locks | UseGamepadMap | Pointer | Motion | Pad


class Injector:
    """Used by one thread. `now` is seconds on a monotonic clock. `gamepad` is the game's own map."""

    def __init__(self, display: XConnection, gamepad: GamepadMap = DEFAULT_MAP) -> None:
        self._display = display
        self._extension = display.extension(xcffib.xtest.key)
        self._extension.GetVersion(2, 2).reply()
        self._keyboard = display.extension(xcffib.xkb.key)
        self._keyboard.UseExtension(1, 0).reply()
        self._held = HeldInputs()
        self._gamepad = gamepad
        self._pads = PadMapper(self._gamepad)
        self._wheel_x, self._wheel_y = WheelSteps(), WheelSteps()
        self._newest_pointer = -1
        self._motion = MotionTotals()
        self._glide_x = self._glide_y = 0.0
        self._strokes, self._spare_keycodes = self._read_layout()
        self._borrowed: OrderedDict[int, int] = OrderedDict()

    @property
    def holds_inputs(self) -> bool:
        """Whether there is something that `tick` may have to let go of."""
        return bool(self._held.codes or self._held.buttons or self._pads.is_pressed)

    def begin(self) -> None:
        """A new connection of the player: nothing is held, and the `pointer` channel counts from the start."""
        self._change(self._held.release_all())
        self._newest_pointer = -1
        self._motion.begin()
        self._pads.forget()
        self._pads.use(self._gamepad)
        self._display.flush()

    def take(self, message: InputMessage, now: float) -> None:
        """Puts one message into the X server, at once."""
        match message:
            case Pointer():
                if message.sequence > self._newest_pointer:
                    self._newest_pointer = message.sequence
                    self._move(message.x, message.y)
            case Motion():
                self._push(*self._motion.advance(message.sequence, message.x, message.y))
            case Key():
                if message.code in KEYCODES:
                    self._change(self._held.key(message.code, message.down, now))
            case Button():
                self._follow(message.at)
                self._change(self._held.button(message.button, message.down, now))
            case Wheel():
                self._scroll(message.dx, message.dy)
            case Text():
                self._type(message.text)
            case Held():
                self._change(self._held.heartbeat(message.codes, message.buttons, now))
            case ReleaseAll():
                self._change(self._held.release_all())
            case Locks() | UseGamepadMap():
                self._set_up(message)
            case Pad():
                self._act(self._pads.take(message, now))
        self._display.flush()

    def tick(self, now: float) -> None:
        """Lets go of what a silent page or pad still holds; for a few times a second while it `holds_inputs`."""
        self._change(self._held.expire(now))
        self._act(self._pads.expire(now))
        self._display.flush()

    def _set_up(self, message: Locks | UseGamepadMap) -> None:
        match message:
            case Locks():
                self._lock((CAPS_LOCK if message.caps else 0) | (NUM_LOCK if message.num else 0))
            case UseGamepadMap():
                self._pads.use(message.bindings)

    def _change(self, changes: Changes) -> None:
        for code in changes.codes_up:
            self._fake(KEY_RELEASE, KEYCODES[code])
        for button in changes.buttons_up:
            self._fake(BUTTON_RELEASE, X_BUTTONS[button])
        for code in changes.codes_down:
            self._fake(KEY_PRESS, KEYCODES[code])
        for button in changes.buttons_down:
            self._fake(BUTTON_PRESS, X_BUTTONS[button])

    def _fake(self, kind: int, detail: int, x: int = 0, y: int = 0) -> None:
        self._extension.FakeInput(kind, detail, 0, self._display.root if kind == MOTION else 0, x, y, 0)

    def _follow(self, at: Place | Moved | None) -> None:
        """The pointer first: what is clicked is where it was then."""
        match at:
            case Place():
                self._move(at.x, at.y)
            case Moved():
                self._push(*self._motion.advance(at.sequence, at.x, at.y))
            case None:
                pass

    def _move(self, x: float, y: float) -> None:
        width, height = self._display.geometry
        self._fake(MOTION, ABSOLUTE, round(x * (width - 1)), round(y * (height - 1)))

    def _push(self, x: int, y: int) -> None:
        if x or y:
            self._fake(MOTION, RELATIVE, *(max(-LARGEST_STEP, min(LARGEST_STEP, step)) for step in (x, y)))

    def _scroll(self, dx: float, dy: float) -> None:
        for notches, negative, positive in (
            (self._wheel_y.turn(dy), WHEEL_UP, WHEEL_DOWN),
            (self._wheel_x.turn(dx), WHEEL_LEFT, WHEEL_RIGHT),
        ):
            button = positive if notches > 0 else negative
            for _ in range(abs(notches)):
                self._fake(BUTTON_PRESS, button)
                self._fake(BUTTON_RELEASE, button)

    def _act(self, actions: PadActions | None) -> None:
        if actions is None:
            return
        self._change(self._held.pads(actions.codes, actions.buttons))
        self._glide_x += actions.pointer[0]
        self._glide_y += actions.pointer[1]
        x, y = int(self._glide_x), int(self._glide_y)
        self._glide_x -= x
        self._glide_y -= y
        self._push(x, y)
        self._scroll(*actions.wheel)

    def _lock(self, wanted: int) -> None:
        self._keyboard.LatchLockState(CORE_KEYBOARD, CAPS_LOCK | NUM_LOCK, wanted, 0, 0, 0, 0, 0)

    def _type(self, text: str) -> None:
        """Modifiers that are held, and Caps Lock, are out of the way while text is typed."""
        locked = int(self._keyboard.GetState(CORE_KEYBOARD).reply().lockedMods) & (CAPS_LOCK | NUM_LOCK)
        modifiers = [KEYCODES[code] for code in sorted(self._held.codes & MODIFIERS)]
        for keycode in modifiers:
            self._fake(KEY_RELEASE, keycode)
        self._lock(0)
        for character in text:
            self._stroke(character)
        self._lock(locked)
        for keycode in modifiers:
            self._fake(KEY_PRESS, keycode)

    def _stroke(self, character: str) -> None:
        keysym = keysym_of(character)
        if keysym is None:
            return
        shift = KEYCODES["ShiftLeft"]
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
