"""Who is paired with whom among those who wait, and who is on which side.

Only within one pool: the same game and mode, and, but for training, the same tenant. Who has waited longest is served
first, with the nearest rating in reach; the reach grows while one waits, and the longer wait of the two counts.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from matches.values import Game

T = TypeVar("T")

REACH: Final = 200
"""The largest difference in ratings at first."""

WIDENING: Final = 50
WIDENING_MS: Final = 10_000
"""The reach grows by `WIDENING` for each `WIDENING_MS` of waiting."""

BOT_AFTER_MS: Final = 15_000
"""Whom nobody met for so long may meet a bot of their tenant."""


class Mode(StrEnum):
    """How a match is counted, and among whom it is made."""

    LIVE = "live"
    TEST = "test"
    TRAINING = "training"


@dataclass(frozen=True, slots=True)
class Pool:
    """Those who may meet. Make one with `pool_of`."""

    tenant_id: str | None
    mode: Mode
    game: Game


@dataclass(frozen=True, slots=True)
class Waiting:
    """One player in the queue. `ticket` is unique; `player_id` is so within a tenant."""

    ticket: str
    tenant_id: str
    player_id: str
    mode: Mode
    game: Game
    rating: float
    since_ms: int

    @property
    def pool(self) -> Pool:
        """Where their opponent comes from."""
        return Pool(None if self.mode == Mode.TRAINING else self.tenant_id, self.mode, self.game)

    @property
    def order(self) -> tuple[int, str]:
        """Who joined before whom, also in the same moment."""
        return self.since_ms, self.ticket


def reach(waited_ms: int) -> int:
    """The largest difference in ratings after so long a wait."""
    return REACH + WIDENING * (max(0, waited_ms) // WIDENING_MS)


def paired(waiting: Iterable[Waiting], now_ms: int) -> list[tuple[Waiting, Waiting]]:
    """The pairs that are made now, in each whoever joined first before the other. The order of `waiting` does not
    matter. Who waits more than once in a pool counts once: nobody meets themselves.
    """
    lines: dict[Pool, dict[tuple[str, str], Waiting]] = {}
    for one in sorted(waiting, key=lambda one: one.order):
        lines.setdefault(one.pool, {}).setdefault((one.tenant_id, one.player_id), one)
    pairs = [pair for line in lines.values() for pair in _paired_within(list(line.values()), now_ms)]
    return sorted(pairs, key=lambda pair: pair[0].order)


def position(mine: Waiting, waiting: Sequence[Waiting]) -> int:
    """How many of my pool are served before me, and I: from 1."""
    return 1 + sum(other.pool == mine.pool and other.order < mine.order for other in waiting)


def unmet(waiting: Iterable[Waiting], now_ms: int) -> list[Waiting]:
    """Who has waited so long that a bot may come, by order of joining. In training, between tenants, nobody has."""
    long_ago_ms = now_ms - BOT_AFTER_MS
    alone = [one for one in waiting if one.since_ms <= long_ago_ms and one.mode != Mode.TRAINING]
    return sorted(alone, key=lambda one: one.order)


def by_weight(weights: Mapping[T, float], draw: float) -> T | None:
    """One of these, each as often as its share of the weights. `draw` is from 0 up to, but not, 1. None where nobody
    has any weight.
    """
    left = draw * sum(weights.values())
    weighty = [(one, weight) for one, weight in weights.items() if weight > 0]
    for one, weight in weighty:
        if left < weight:
            return one
        left -= weight
    return weighty[-1][0] if weighty else None


def seated(pair: tuple[Waiting, Waiting], coin: bool) -> tuple[Waiting, Waiting]:
    """The two by their seats. In connect four and tic-tac-toe who joined first begins; else the coin decides."""
    first, second = pair
    is_kept = first.game in {Game.CONNECT4, Game.TICTACTOE} or coin
    return (first, second) if is_kept else (second, first)


def _paired_within(line: Sequence[Waiting], now_ms: int) -> Iterator[tuple[Waiting, Waiting]]:
    """One pool, by order of joining. Who is left alone by their nearest is in reach of nobody who joined later."""
    by_ticket = {one.ticket: one for one in line}
    free = sorted((one.rating, *one.order) for one in line)
    for first in line:
        mine = (first.rating, *first.order)
        at = bisect_left(free, mine)
        if free[at : at + 1] != [mine]:
            continue
        del free[at]
        nearest = _nearest(free, at, first.rating)
        if nearest is not None and abs(free[nearest][0] - first.rating) <= reach(now_ms - first.since_ms):
            *_, ticket = free.pop(nearest)
            yield first, by_ticket[ticket]


def _nearest(free: Sequence[tuple[float, int, str]], at: int, rating: float) -> int | None:
    """Where the nearest rating stands, of equals who joined first. `at` is where `rating` itself would stand."""
    beside = list(range(at, min(at + 1, len(free))))
    if at > 0:
        beside.append(bisect_left(free, free[at - 1][0], key=lambda one: one[0]))
    return min(beside, key=lambda index: (abs(free[index][0] - rating), free[index][1:]), default=None)
