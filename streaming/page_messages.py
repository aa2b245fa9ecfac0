"""What a page may say to its seat, as typed values.

Strangers write these bytes. Parsing is pure, bounded and total: what is malformed or unknown is None, for the caller to
count and forget.
"""

import json
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MESSAGE_LIMIT_CHARACTERS = 16 * 1024
TEXT_LIMIT_CHARACTERS = 256
CODE_LIMIT_CHARACTERS = 32
HELD_LIMIT = 64
WHEEL_LIMIT_PIXELS = 12_000.0
BUTTONS = range(5)
POINTER = struct.Struct("<BIHH")
POINTER_KIND = 1
POINTER_SCALE = 65535


@dataclass(frozen=True, slots=True)
class Key:
    """`code` is a `KeyboardEvent.code`: the physical key, whatever its legend."""

    code: str
    down: bool


@dataclass(frozen=True, slots=True)
class Button:
    """`button` is a `MouseEvent.button`; x and y are fractions of the picture."""

    button: int
    down: bool
    x: float
    y: float


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
class Pointer:
    """A position that is newest if its `sequence` is the highest so far; x and y are fractions of the picture."""

    sequence: int
    x: float
    y: float


Fields = Mapping[str, object]
ControlMessage = Key | Button | Wheel | Text | Held | ReleaseAll | Ping | KeyframeRequest | Controls


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


def parse_pointer(message: object) -> Pointer | None:
    """One message of the `pointer` channel, or None."""
    if not isinstance(message, bytes) or len(message) != POINTER.size:
        return None
    kind, sequence, x, y = POINTER.unpack(message)
    if kind != POINTER_KIND:
        return None
    return Pointer(sequence, x / POINTER_SCALE, y / POINTER_SCALE)


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


def _button(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value not in BUTTONS:
        raise ValueError("not a button")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list) or len(value) > HELD_LIMIT:
        raise ValueError("not a list within its limit")
    return value


def _key(fields: Fields) -> Key:
    return Key(_code(fields.get("code")), _boolean(fields.get("down")))


def _mouse_button(fields: Fields) -> Button:
    x, y = _fraction(fields.get("x")), _fraction(fields.get("y"))
    return Button(_button(fields.get("button")), _boolean(fields.get("down")), x, y)


def _wheel(fields: Fields) -> Wheel:
    return Wheel(_pixels(fields.get("dx", 0)), _pixels(fields.get("dy", 0)))


def _held(fields: Fields) -> Held:
    codes, buttons = _list(fields.get("codes", [])), _list(fields.get("buttons", []))
    return Held(frozenset(map(_code, codes)), frozenset(map(_button, buttons)))


def _controls(fields: Fields) -> Controls:
    to = fields.get("to")
    return Controls(None if to is None else _code(to))


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
}
