"""What a seed means for a soak: who comes next and how they leave, and what breaks next. Pure.

Nothing is planned by the clock, for how long a visit or a recovery takes is not ours to say: whoever has time asks what
comes next, and the same questions get the same answers.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tests.chaos.fleet.schedule import Strike, Way, What

HOSTS = REPLICAS = 2
PLAY_S = (8.0, 25.0)
PAUSE_S = (0.5, 4.0)
CALM_S = (12.0, 30.0)
CUT_S, LONG_CUT_S = (2.0, 6.0), (13.0, 17.0)
NEWCOMERS_WITHIN = 0.8
"""The share of the time in which everybody has come for the first time."""


class Leaving(StrEnum):
    """How somebody leaves. Whoever reloads stops in the end."""

    STOP = "stops"
    RELOAD = "reloads, then stops"
    CLOSE = "closes the tab"


@dataclass(frozen=True)
class Visit:
    """`guest` counts those of one chair from 0, in the order in which they first came."""

    guest: int
    pause_s: float
    play_s: float
    leaving: Leaving
    loses_answer: bool


class Chair:
    """One of those at which people sit, one after the other; whoever sat there once comes back there."""

    def __init__(self, seed: int, guests: int) -> None:
        self._draw = random.Random(seed)
        self._guests = guests
        self._known = 0

    def next(self, elapsed: float) -> Visit:
        """Who comes now, when `elapsed` of the time (0-1) is over: a newcomer when one is due, or somebody again."""
        draw = self._draw
        due = min(self._guests, 1 + int(elapsed / NEWCOMERS_WITHIN * self._guests))
        if self._known < due:
            guest, self._known = self._known, self._known + 1
        else:
            guest = draw.randrange(self._known)
        leaving = draw.choices(tuple(Leaving), (5, 3, 2))[0]
        return Visit(guest, draw.uniform(*PAUSE_S), draw.uniform(*PLAY_S), leaving, draw.random() < 0.2)


@dataclass(frozen=True)
class SeatKilled:
    """One of the seats that live then, by its number in their order, modulo how many there are."""

    number: int

    def __str__(self) -> str:
        return f"seat {self.number} killed"


Fault = Strike | SeatKilled

_KINDS: tuple[tuple[What | None, Way], ...] = (
    (What.REPLICA, Way.KILLED),
    (What.HOST_LINE, Way.CUT),
    (None, Way.KILLED),
    (What.AGENT, Way.KILLED),
    (What.REGISTRY_LINE, Way.CUT),
    (What.DATABASE, Way.KILLED),
    (What.ENGINE, Way.KILLED),
    (What.STORE_LINE, Way.CUT),
    (What.ENGINE, Way.STOPPED),
    (What.DATABASE_LINE, Way.CUT),
    (What.REGISTRY, Way.KILLED),
    (What.REPLICA, Way.STOPPED),
    (What.HOST_LINE, Way.CUT),
    (What.DATABASE, Way.STOPPED),
)


class Faults:
    """What breaks, one after the other, each kind in its turn.

    In the first half of the time only the second of each program dies, and in the second half only the first: so each
    half has lives that are long enough to show what grows in them.
    """

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(f"faults {seed}")
        self._next = self._in_turn()
        self._elapsed = 0.0

    def next(self, elapsed: float) -> tuple[float, Fault]:
        """How many seconds of calm come first, and then what, when `elapsed` of the time (0-1) is over."""
        self._elapsed = elapsed
        return next(self._next)

    def _in_turn(self) -> Iterator[tuple[float, Fault]]:
        draw = self._draw
        while True:
            for what, way in draw.sample(_KINDS, len(_KINDS)):
                calm_s = draw.uniform(*CALM_S)
                if what is None:
                    yield calm_s, SeatKilled(draw.randrange(100))
                    continue
                is_long = what is What.HOST_LINE and draw.random() < 0.25
                lasts_s = draw.uniform(*(LONG_CUT_S if is_long else CUT_S)) if way is Way.CUT else 0.0
                yield calm_s, Strike(what, self._number(what, way), way, 0.0, lasts_s)

    def _number(self, what: What, way: Way) -> int:
        if what in {What.REGISTRY, What.REGISTRY_LINE, What.STORE_LINE, What.DATABASE}:
            return 0
        return self._draw.randrange(HOSTS) if way is Way.CUT else int(self._elapsed < 0.5)
