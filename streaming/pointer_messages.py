"""What a page says on its `pointer` channel, which may lose and reorder: whole states, never steps.

Little-endian: u8 kind, u32 sequence, then for kind 1 (position) u16 x, u16 y as fractions of the picture times 65535;
for kind 2 (motion) i32 x, i32 y, running totals in 1/64 pixel of the game, wrapping; for
kind 3 (gamepad) u8 index, u32 buttons by bit, four i16 axes, two u8 triggers. Strangers write these bytes: parsing is
pure and total, and what is malformed is None.
"""

import struct
from dataclasses import dataclass

POINTER_KIND, MOTION_KIND, PAD_KIND = 1, 2, 3
POINTER = struct.Struct("<BIHH")
MOTION = struct.Struct("<BIii")
PAD = struct.Struct("<BIBI4h2B")
POINTER_SCALE = 65535
AXIS_SCALE = 32767
TRIGGER_SCALE = 255
PADS = 4
PAD_BUTTONS = 17


@dataclass(frozen=True, slots=True)
class Pointer:
    """A position that is newest if its `sequence` is the highest so far; x and y are fractions of the picture."""

    sequence: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Motion:
    """How far the mouse has gone, in 1/64 pixel, modulo 2^32, since a moment that the first one tells."""

    sequence: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Pad:
    """One gamepad, whole, in the order of https://www.w3.org/TR/gamepad/#remapping: `buttons` are those that are down,
    `axes` -1..1 (left x, left y, right x, right y), `triggers` 0..1 (left, right).
    """

    sequence: int
    index: int
    buttons: frozenset[int]
    axes: tuple[float, float, float, float]
    triggers: tuple[float, float]


PointerMessage = Pointer | Motion | Pad


def parse_pointer(message: object) -> PointerMessage | None:
    """One message of the `pointer` channel, or None."""
    if not isinstance(message, bytes) or not message:
        return None
    match message[0], len(message):
        case (1, POINTER.size):
            _, sequence, x, y = POINTER.unpack(message)
            return Pointer(sequence, x / POINTER_SCALE, y / POINTER_SCALE)
        case (2, MOTION.size):
            _, sequence, x, y = MOTION.unpack(message)
            return Motion(sequence, x, y)
        case (3, PAD.size):
            return _pad(message)
        case _:
            return None


def _pad(message: bytes) -> Pad | None:
    _, sequence, index, bits, left_x, left_y, right_x, right_y, left, right = PAD.unpack(message)
    if index >= PADS:
        return None
    buttons = frozenset(button for button in range(PAD_BUTTONS) if bits >> button & 1)
    axes = (_axis(left_x), _axis(left_y), _axis(right_x), _axis(right_y))
    return Pad(sequence, index, buttons, axes, (left / TRIGGER_SCALE, right / TRIGGER_SCALE))


def _axis(value: int) -> float:
    return max(-1.0, value / AXIS_SCALE)
