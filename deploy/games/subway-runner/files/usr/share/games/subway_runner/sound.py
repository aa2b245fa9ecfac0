"""Short sounds, made of sines and noise when the game starts. Without a sound server the game is silent."""

import array
import math
import random
from collections.abc import Callable

import pygame

_RATE = 22_050
_Wave = Callable[[float], float]


class Sounds:
    """`coin`, `jump`, `roll` and `crash`."""

    def __init__(self) -> None:
        self._made: dict[str, pygame.mixer.Sound] = {}
        try:
            pygame.mixer.init(frequency=_RATE, size=-16, channels=1, buffer=512)
        except pygame.error as error:
            print(f"without sound: {error}", flush=True)
            return
        noise = random.Random("noise").random
        waves: dict[str, tuple[float, _Wave]] = {
            "coin": (0.22, lambda t: 0.32 * _tone(t, 988 if t < 0.06 else 1319) * math.exp(-11 * max(0.0, t - 0.06))),
            "jump": (0.2, lambda t: 0.3 * _tone(t, 300 + 1400 * t) * math.exp(-9 * t)),
            "roll": (0.25, lambda t: 0.22 * (noise() - 0.5) * math.sin(math.pi * t / 0.25)),
            "crash": (0.7, lambda t: (0.9 * (noise() - 0.5) + 0.4 * _tone(t, 90 - 60 * t)) * math.exp(-6 * t)),
        }
        for name, (length_s, wave) in waves.items():
            self._made[name] = pygame.mixer.Sound(buffer=_samples(length_s, wave))

    def play(self, name: str) -> None:
        if name in self._made:
            self._made[name].play()


def _tone(t: float, hertz: float) -> float:
    return math.sin(2 * math.pi * hertz * t) + 0.3 * math.sin(4 * math.pi * hertz * t)


def _samples(length_s: float, wave: _Wave) -> bytes:
    places = range(int(length_s * _RATE))
    return array.array("h", (round(32_000 * max(-1.0, min(1.0, wave(place / _RATE)))) for place in places)).tobytes()
