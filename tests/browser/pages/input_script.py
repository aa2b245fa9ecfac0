"""Random scripts of a player's hands and of what goes wrong around them. Pure: a seed is a script for ever."""

import random
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "key_down",
    "key_up",
    "button_down",
    "button_up",
    "move",
    "wheel",
    "text",
    "pad",
    "blur",
    "hide",
    "toolbar",
    "capture",
    "reload",
    "lose_channel",
    "lose_connection",
    "hand_over",
    "take_back",
    "pause",
]
KEYS = ("KeyW", "KeyA", "Space", "ShiftLeft", "ControlLeft", "AltLeft", "ArrowUp", "Enter", "F5", "KeyR", "CapsLock")
BUTTONS = ("left", "middle", "right")
PLAYS: tuple[Kind, ...] = ("key_down", "key_up", "button_down", "button_up", "move", "wheel", "text", "pad", "pause")
TROUBLES: tuple[Kind, ...] = (
    "blur",
    "hide",
    "toolbar",
    "capture",
    "reload",
    "lose_channel",
    "lose_connection",
    "hand_over",
    "take_back",
)
ENDS: tuple[Kind, ...] = ("blur", "hide", "reload", "lose_channel", "lose_connection", "hand_over")


@dataclass(frozen=True)
class Step:
    kind: Kind
    name: str = ""
    x: float = 0.0
    y: float = 0.0


def script(seed: int) -> list[Step]:
    """Something is held, something goes wrong in the middle of it, and in the end the hands are off."""
    draw = random.Random(seed)
    steps = [_press(draw) for _ in range(draw.randint(1, 3))]
    for _ in range(draw.randint(1, 3)):
        steps += [_play(draw) for _ in range(draw.randint(1, 5))]
        steps.append(Step(draw.choice(TROUBLES)))
        steps += [_press(draw) for _ in range(draw.randint(0, 2))]
    steps.append(Step(draw.choice(ENDS)))
    return steps


def _press(draw: random.Random) -> Step:
    kind: Kind = draw.choice(("key_down", "key_down", "button_down", "pad"))
    return _named(draw, kind)


def _play(draw: random.Random) -> Step:
    return _named(draw, draw.choice(PLAYS))


def _named(draw: random.Random, kind: Kind) -> Step:
    if kind in {"key_down", "key_up"}:
        return Step(kind, draw.choice(KEYS))
    if kind in {"button_down", "button_up"}:
        return Step(kind, draw.choice(BUTTONS))
    if kind == "pad":
        return Step(kind, str(draw.getrandbits(12)))
    return Step(kind, x=draw.uniform(200, 1000), y=draw.uniform(200, 600))
