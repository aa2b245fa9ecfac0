"""Who is paired with whom among those who wait, and who is on which side.

Only within one pool: the same game and mode, and, but for training, the same tenant. Who has waited longest is served
first, with the nearest rating in reach; the reach grows while one waits, and the longer wait of the two counts.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import inf
from typing import Final, TypeVar

from matches.values import Game

T = TypeVar("T")

REACH: Final = 200
"""The largest difference in ratings at first."""

WIDENING: Final = 50
WIDENING_MS: Final = 10_000
"""The reach grows by `WIDENING` for each `WIDENING_MS` of waiting."""

BOT_AFTER_MS: Final = 15_000
"""Whom nobody met for so long may meet a bot of their tenant, if nobody waits whom they would meet in time."""

IN_TIME_MS: Final = 60_000
"""Whom one would meet after so long a wait is waited for."""


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
    def who(self) -> tuple[str, str]:
        """The player, among all tenants."""
        return self.tenant_id, self.player_id

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
    pairs = [pair for line in _lines(waiting) for pair in _paired_within(line, now_ms)]
    return sorted(pairs, key=lambda pair: pair[0].order)


def position(mine: Waiting, waiting: Sequence[Waiting]) -> int:
    """How many of my pool are served before me, and I: from 1."""
    return 1 + sum(other.pool == mine.pool and other.order < mine.order for other in waiting)


def unmet(waiting: Sequence[Waiting], now_ms: int) -> list[Waiting]:
    """To whom a bot may come beside the pairs that are made now, by order of joining: who has waited for
    `BOT_AFTER_MS`, and whom nobody else who still waits would meet within `IN_TIME_MS`. So a bot keeps nobody apart who
    would meet by then, and after that time all have met somebody or may meet a bot. Nobody in training, which is
    between tenants; nobody twice, and nobody who is paired now.
    """
    met = {one for pair in paired(waiting, now_ms) for one in pair}
    playing = {(one.pool, one.who) for one in met}
    left = _lines(one for one in waiting if one not in met)
    alone = [one for line in left for one in _alone_within(line) if (one.pool, one.who) not in playing]
    late = [one for one in alone if one.since_ms <= now_ms - BOT_AFTER_MS and one.mode != Mode.TRAINING]
    return sorted(late, key=lambda one: one.order)


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


def _lines(waiting: Iterable[Waiting]) -> list[list[Waiting]]:
    """Each pool by order of joining, everybody once."""
    lines: dict[Pool, dict[tuple[str, str], Waiting]] = {}
    for one in sorted(waiting, key=lambda one: one.order):
        lines.setdefault(one.pool, {}).setdefault(one.who, one)
    return [list(line.values()) for line in lines.values()]


def _alone_within(line: Sequence[Waiting]) -> Iterator[Waiting]:
    """Who of one pool is in reach of nobody else in it, however long they wait in time."""
    by_rating = sorted(line, key=lambda one: one.rating)
    gaps = [inf, *(upper.rating - lower.rating for lower, upper in pairwise(by_rating)), inf]
    for one, below, above in zip(by_rating, gaps, gaps[1:], strict=False):
        if min(below, above) > reach(IN_TIME_MS):
            yield one


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
