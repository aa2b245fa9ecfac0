"""What a page may say to its seat, as typed values.

Strangers write these bytes. Parsing is pure, bounded and total: what is malformed or unknown is None, for the caller to
count and forget.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from streaming.gamepad_map import CONTROLS, GamepadMap, checked_map

MESSAGE_LIMIT_CHARACTERS = 64 * 1024
TEXT_LIMIT_CHARACTERS = 256
PASTE_LIMIT_CHARACTERS = 60 * 1024
CODE_LIMIT_CHARACTERS = 32
HELD_LIMIT = 64
WHEEL_LIMIT_PIXELS = 12_000.0
LEAST_BITRATE_BPS, LEAST_HEIGHT = 200_000, 90
BUTTONS = range(5)
SEQUENCES = range(1 << 32)
TOTALS = range(-(1 << 31), 1 << 31)


@dataclass(frozen=True, slots=True)
class Key:
    """`code` is a `KeyboardEvent.code`: the physical key, whatever its legend."""

    code: str
    down: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where a button was pressed: fractions of the picture."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Moved:
    """How far a captured mouse had gone when a button was pressed, as in `pointer_messages.Motion`."""

    sequence: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Button:
    """`button` is a `MouseEvent.button`; without `at` the pointer stays where it is."""

    button: int
    down: bool
    at: Place | Moved | None


@dataclass(frozen=True, slots=True)
class Wheel:
    """CSS pixels, positive to the right and down."""

    dx: float
    dy: float


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Held:
    """Everything that the page holds now; what is not listed is up."""

    codes: frozenset[str]
    buttons: frozenset[int]


@dataclass(frozen=True, slots=True)
class ReleaseAll:
    pass


@dataclass(frozen=True, slots=True)
class Ping:
    t: float


@dataclass(frozen=True, slots=True)
class KeyframeRequest:
    pass


@dataclass(frozen=True, slots=True)
class Controls:
    """Hand the controls to this peer, or back to the player."""

    to: str | None


@dataclass(frozen=True, slots=True)
class Quality:
    """The most that the player wants of the picture; None leaves it to the seat."""

    bitrate_bps: int | None
    fps: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page has seen in the last `seconds`: how many pictures it showed and decoded."""

    seconds: float
    frames: int
    decoded: int


@dataclass(frozen=True, slots=True)
class SoundBehind:
    """How much longer a page holds sound back than its network asks for."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Locks:
    """Whether the player's own Caps Lock and Num Lock are on."""

    caps: bool
    num: bool


@dataclass(frozen=True, slots=True)
class Paste:
    """Text for the game's clipboard."""

    text: str


@dataclass(frozen=True, slots=True)
class Copy:
    """The page asks for the text on the game's clipboard."""


@dataclass(frozen=True, slots=True)
class UseGamepadMap:
    """What the player's gamepads do from now on."""

    bindings: GamepadMap


Fields = Mapping[str, object]
ControlMessage = (
    Key
    | Button
    | Wheel
    | Text
    | Held
    | ReleaseAll
    | Ping
    | KeyframeRequest
    | Locks
    | Paste
    | Copy
    | UseGamepadMap
    | Controls
    | Quality
    | Shown
    | SoundBehind
)


def parse_control(message: object) -> ControlMessage | None:
    """One message of the `control` channel, or None."""
    if not isinstance(message, str) or len(message) > MESSAGE_LIMIT_CHARACTERS:
        return None
    try:
        fields: object = json.loads(message)
        if not isinstance(fields, dict):
            return None
        kind = fields.get("type")
        parser = _PARSERS.get(kind) if isinstance(kind, str) else None
        return None if parser is None else parser(fields)
    except (ValueError, RecursionError):
        return None


def _text(value: object, limit: int) -> str:
    if not isinstance(value, str) or len(value) > limit:
        raise ValueError("not a text within its limit")
    return value


def _code(value: object) -> str:
    return _text(value, CODE_LIMIT_CHARACTERS)


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("not a boolean")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number")
    try:
        number = float(value)
    except OverflowError as error:
        raise ValueError("not a number of this world") from error
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def _fraction(value: object) -> float:
    return min(1.0, max(0.0, _number(value)))


def _pixels(value: object) -> float:
    return min(WHEEL_LIMIT_PIXELS, max(-WHEEL_LIMIT_PIXELS, _number(value)))


def _integer(value: object, allowed: range) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value not in allowed:
        raise ValueError("not an integer within its limits")
    return value


def _button(value: object) -> int:
    return _integer(value, BUTTONS)


def _three(value: object) -> tuple[object, object, object]:
    first, second, third = _list(value)
    return first, second, third


def _list(value: object) -> list[object]:
    if not isinstance(value, list) or len(value) > HELD_LIMIT:
        raise ValueError("not a list within its limit")
    return value


def _key(fields: Fields) -> Key:
    return Key(_code(fields.get("code")), _boolean(fields.get("down")))


def _mouse_button(fields: Fields) -> Button:
    return Button(_button(fields.get("button")), _boolean(fields.get("down")), _at(fields))


def _at(fields: Fields) -> Place | Moved | None:
    moved = fields.get("moved")
    if moved is not None:
        sequence, x, y = _three(moved)
        return Moved(_integer(sequence, SEQUENCES), _integer(x, TOTALS), _integer(y, TOTALS))
    if fields.get("x") is None and fields.get("y") is None:
        return None
    return Place(_fraction(fields.get("x")), _fraction(fields.get("y")))


def _wheel(fields: Fields) -> Wheel:
    return Wheel(_pixels(fields.get("dx", 0)), _pixels(fields.get("dy", 0)))


def _held(fields: Fields) -> Held:
    codes, buttons = _list(fields.get("codes", [])), _list(fields.get("buttons", []))
    return Held(frozenset(map(_code, codes)), frozenset(map(_button, buttons)))


def _paste(fields: Fields) -> Paste:
    """JSON may name halves of characters, which no game's text can hold."""
    text = _text(fields.get("text"), PASTE_LIMIT_CHARACTERS)
    return Paste(text.encode(errors="replace").decode())


def _controls(fields: Fields) -> Controls:
    to = fields.get("to")
    return Controls(None if to is None else _code(to))


def _gamepad(fields: Fields) -> UseGamepadMap:
    bindings: object = fields.get("bindings")
    if not isinstance(bindings, dict) or len(bindings) > len(CONTROLS):
        raise ValueError("not a map within its limit")
    return UseGamepadMap(checked_map(bindings))


def _at_least(least: int, value: object) -> int | None:
    return None if value is None else max(least, int(_number(value)))


def _quality(fields: Fields) -> Quality:
    return Quality(
        _at_least(LEAST_BITRATE_BPS, fields.get("bitrate_bps")),
        _at_least(1, fields.get("fps")),
        _at_least(LEAST_HEIGHT, fields.get("height")),
    )


def _count(value: object) -> int:
    return int(max(0.0, _number(value)))


def _shown(fields: Fields) -> Shown:
    seconds = max(0.0, _number(fields.get("seconds")))
    return Shown(seconds, _count(fields.get("frames")), _count(fields.get("decoded")))


def _sound_behind(fields: Fields) -> SoundBehind:
    return SoundBehind(max(0.0, _number(fields.get("ms"))) / 1000)


_PARSERS: dict[str, Callable[[Fields], ControlMessage]] = {
    "key": _key,
    "button": _mouse_button,
    "wheel": _wheel,
    "text": lambda fields: Text(_text(fields.get("text"), TEXT_LIMIT_CHARACTERS)),
    "held": _held,
    "release_all": lambda _: ReleaseAll(),
    "ping": lambda fields: Ping(_number(fields.get("t"))),
    "keyframe": lambda _: KeyframeRequest(),
    "controls": _controls,
    "locks": lambda fields: Locks(_boolean(fields.get("caps")), _boolean(fields.get("num"))),
    "paste": _paste,
    "copy": lambda _: Copy(),
    "gamepad": _gamepad,
    "quality": _quality,
    "shown": _shown,
    "sound_behind": _sound_behind,
}
