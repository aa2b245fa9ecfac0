"""Gamepads as keys, mouse and wheel: a map from a pad's controls to actions, and what pads do under it. Pure.

A control is a button, a trigger or one direction of a stick, in the order of
https://www.w3.org/TR/gamepad/#remapping. An action is a `KeyboardEvent.code`, `Mouse0` to `Mouse4`, or `Pointer` or
`Wheel` with `Left`, `Right`, `Up` or `Down` behind it. What a map does not name does nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from streaming.keymap import KEYCODES
from streaming.pointer_messages import Pad

BUTTONS = (
    "south",
    "east",
    "west",
    "north",
    "left_shoulder",
    "right_shoulder",
    "left_trigger",
    "right_trigger",
    "select",
    "start",
    "left_stick",
    "right_stick",
    "up",
    "down",
    "left",
    "right",
    "home",
)
LEFT_TRIGGER, RIGHT_TRIGGER = 6, 7
_STICKS = (
    ("left_stick_left", "left_stick_right"),
    ("left_stick_up", "left_stick_down"),
    ("right_stick_left", "right_stick_right"),
    ("right_stick_up", "right_stick_down"),
)
CONTROLS = frozenset(BUTTONS) | {control for pair in _STICKS for control in pair}

_MOUSE = {f"Mouse{button}": button for button in range(5)}
_DIRECTIONS = {"Left": (-1, 0), "Right": (1, 0), "Up": (0, -1), "Down": (0, 1)}
_POINTER = {f"Pointer{name}": direction for name, direction in _DIRECTIONS.items()}
_WHEEL = {f"Wheel{name}": direction for name, direction in _DIRECTIONS.items()}

PRESSES_AT, RELEASES_AT = 0.5, 0.35
DEAD_ZONE = 0.15
POINTER_PIXELS_PER_S = 1100.0
WHEEL_PIXELS_PER_S = 900.0
LONGEST_STEP_S = 0.05
SILENCE_S = 0.5

GamepadMap = Mapping[str, str]

DEFAULT_MAP: GamepadMap = {
    "south": "Enter",
    "east": "Escape",
    "west": "Space",
    "north": "Tab",
    "left_shoulder": "PageUp",
    "right_shoulder": "PageDown",
    "left_trigger": "Mouse2",
    "right_trigger": "Mouse0",
    "select": "Backspace",
    "start": "Escape",
    "right_stick": "Mouse0",
    "up": "ArrowUp",
    "down": "ArrowDown",
    "left": "ArrowLeft",
    "right": "ArrowRight",
    "left_stick_up": "ArrowUp",
    "left_stick_down": "ArrowDown",
    "left_stick_left": "ArrowLeft",
    "left_stick_right": "ArrowRight",
    "right_stick_up": "PointerUp",
    "right_stick_down": "PointerDown",
    "right_stick_left": "PointerLeft",
    "right_stick_right": "PointerRight",
}


def checked_map(fields: Mapping[str, object]) -> GamepadMap:
    """The map that these fields are. Raises ValueError for a control or an action that does not exist."""
    bindings: dict[str, str] = {}
    for control, action in fields.items():
        if control not in CONTROLS:
            raise ValueError(f"there is no control of a gamepad called {control[:32]!r}")
        if not isinstance(action, str) or not _exists(action):
            raise ValueError(f"{control} can do nothing of that name")
        if action:
            bindings[control] = action
    return bindings


def game_map(fields: Mapping[str, str]) -> GamepadMap:
    """A game's own map over the one that everybody begins with; what does not exist is left out."""
    known = {control: action for control, action in fields.items() if control in CONTROLS and _exists(action)}
    return {control: action for control, action in {**DEFAULT_MAP, **known}.items() if action}


def _exists(action: str) -> bool:
    return action == "" or any(action in known for known in (KEYCODES, _MOUSE, _POINTER, _WHEEL))


@dataclass(frozen=True, slots=True)
class PadActions:
    """What all pads hold together, and how far they move pointer (game pixels) and wheel (CSS pixels) in this step."""

    codes: frozenset[str] = frozenset()
    buttons: frozenset[int] = frozenset()
    pointer: tuple[float, float] = (0.0, 0.0)
    wheel: tuple[float, float] = (0.0, 0.0)


@dataclass(slots=True)
class _Known:
    sequence: int = -1
    heard_at: float = 0.0
    pressed: frozenset[str] = field(default_factory=frozenset[str])


class PadMapper:
    """All pads of one player. `now` is seconds on a monotonic clock; the page repeats the state of a pad in use."""

    def __init__(self, bindings: GamepadMap) -> None:
        self._bindings = bindings
        self._pads: dict[int, _Known] = {}

    @property
    def is_pressed(self) -> bool:
        """Whether any control of any pad is."""
        return any(known.pressed for known in self._pads.values())

    def use(self, bindings: GamepadMap) -> None:
        """Another map from the next state on."""
        self._bindings = bindings

    def take(self, pad: Pad, now: float) -> PadActions | None:
        """None for a state that is older than one already taken."""
        known = self._pads.setdefault(pad.index, _Known())
        if pad.sequence <= known.sequence:
            return None
        step_s = min(LONGEST_STEP_S, now - known.heard_at) if known.pressed else 0.0
        strengths = strengths_of(pad)
        known.sequence, known.heard_at = pad.sequence, now
        known.pressed = frozenset(
            control
            for control, strength in strengths.items()
            if strength >= (RELEASES_AT if control in known.pressed else PRESSES_AT)
            or (strength > 0 and self._glides(control))
        )
        pointer = self._glide(_POINTER, strengths, POINTER_PIXELS_PER_S * step_s)
        return self._held(pointer, self._glide(_WHEEL, strengths, WHEEL_PIXELS_PER_S * step_s))

    def expire(self, now: float) -> PadActions:
        """What is still held once pads that have been silent for `SILENCE_S` are let go."""
        for known in self._pads.values():
            if now - known.heard_at >= SILENCE_S:
                known.pressed = frozenset()
        return self._held()

    def forget(self) -> None:
        """A new connection: nothing is held, and sequences count from the start."""
        self._pads.clear()

    def _held(self, pointer: tuple[float, float] = (0.0, 0.0), wheel: tuple[float, float] = (0.0, 0.0)) -> PadActions:
        actions = {self._bindings.get(control, "") for known in self._pads.values() for control in known.pressed}
        codes = frozenset(action for action in actions if action in KEYCODES)
        buttons = frozenset(_MOUSE[action] for action in actions if action in _MOUSE)
        return PadActions(codes, buttons, pointer, wheel)

    def _glides(self, control: str) -> bool:
        action = self._bindings.get(control)
        return action in _POINTER or action in _WHEEL

    def _glide(
        self, directions: Mapping[str, tuple[int, int]], strengths: Mapping[str, float], pixels: float
    ) -> tuple[float, float]:
        x = y = 0.0
        for control, strength in strengths.items():
            toward_x, toward_y = directions.get(self._bindings.get(control, ""), (0, 0))
            x += toward_x * strength * strength * pixels
            y += toward_y * strength * strength * pixels
        return max(-pixels, min(pixels, x)), max(-pixels, min(pixels, y))  # two sticks push no further than one


def strengths_of(pad: Pad) -> dict[str, float]:
    """How far each control is pressed, 0..1; a stick near its middle counts as being there."""
    strengths = {name: float(button in pad.buttons) for button, name in enumerate(BUTTONS)}
    for button, value in zip((LEFT_TRIGGER, RIGHT_TRIGGER), pad.triggers, strict=True):
        strengths[BUTTONS[button]] = max(strengths[BUTTONS[button]], value)
    for (negative, positive), value in zip(_STICKS, pad.axes, strict=True):
        strength = max(0.0, (abs(value) - DEAD_ZONE) / (1 - DEAD_ZONE))
        strengths[negative] = strength if value < 0 else 0.0
        strengths[positive] = strength if value > 0 else 0.0
    return strengths
