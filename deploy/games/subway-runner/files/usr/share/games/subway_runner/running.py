"""One run along the course, a tick at a time. Pure: the same seed and the same actions at the same ticks end alike.

Distances are metres along the tracks, `x_m` is across them and 0 in the middle, heights are those of the feet.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from subway_runner.course import LANE_M, LANES, Coin, Kind, Obstacle, Stretch, number_at, stretch

TICK_S = 1 / 120
FIRST_SPEED_MPS, TOP_SPEED_MPS, GAIN_MPS2 = 13.0, 28.0, 0.12
SIDEWAYS_MPS = LANE_M / 0.16
JUMP_MPS, GRAVITY_MPS2, DIVE_MPS = 7.0, 20.0, 12.0
ROLL_S = 0.7
TALL_M, ROLLED_M = 1.75, 0.8
BODY_M = 0.35
"""How far the runner reaches to the front and to the back."""
BARRIER_TOP_M, SIGN_FOOT_M = 0.8, 1.1
WIDTH_M = {Kind.TRAIN: 1.3, Kind.BARRIER: 1.1, Kind.SIGN: 1.1}
"""How near to the middle of an obstacle's lane it is met."""
COIN_POINTS = 10


class Action(StrEnum):
    LEFT = "left"
    RIGHT = "right"
    JUMP = "jump"
    ROLL = "roll"


@dataclass(frozen=True, slots=True)
class Run:
    """`taken` are the coins that are gone, by stretch and place in it, as far as they could be met again. `met` is what
    ended the run.
    """

    seed: int
    ticks: int = 0
    distance_m: float = 0.0
    lane: int = 0
    x_m: float = 0.0
    height_m: float = 0.0
    rise_mps: float = 0.0
    roll_left_s: float = 0.0
    coins: int = 0
    taken: frozenset[tuple[int, int]] = frozenset()
    met: Obstacle | None = None

    @property
    def duration_s(self) -> float:
        return self.ticks * TICK_S

    @property
    def speed_mps(self) -> float:
        return min(TOP_SPEED_MPS, FIRST_SPEED_MPS + GAIN_MPS2 * self.duration_s)

    @property
    def score(self) -> int:
        """A point a metre, and ten a coin."""
        return int(self.distance_m) + COIN_POINTS * self.coins

    @property
    def is_in_the_air(self) -> bool:
        return self.height_m > 0 or self.rise_mps > 0

    @property
    def is_rolling(self) -> bool:
        return self.roll_left_s > 0

    @property
    def is_over(self) -> bool:
        return self.met is not None


def step(run: Run, actions: Iterable[Action] = ()) -> Run:
    """The next tick, with what the player did since the last one. A run that is over stays as it is."""
    if run.is_over:
        return run
    for action in actions:
        run = _acted(run, action)
    near = stretches_near(run.seed, run.distance_m)
    return _met(_collected(_moved(run), near), near)


def stretches_near(seed: int, distance_m: float, ahead_m: float = 2.0) -> list[Stretch]:
    """Those between a little behind and `ahead_m` ahead."""
    return [stretch(seed, number) for number in range(number_at(distance_m - 2.0), number_at(distance_m + ahead_m) + 1)]


def _acted(run: Run, action: Action) -> Run:
    if action is Action.LEFT:
        return replace(run, lane=max(LANES[0], run.lane - 1))
    if action is Action.RIGHT:
        return replace(run, lane=min(LANES[-1], run.lane + 1))
    if action is Action.JUMP:
        return run if run.is_in_the_air else replace(run, rise_mps=JUMP_MPS, roll_left_s=0.0)
    return replace(run, roll_left_s=ROLL_S, rise_mps=-DIVE_MPS if run.is_in_the_air else 0.0)


def _moved(run: Run) -> Run:
    wanted_m, most_m = run.lane * LANE_M, SIDEWAYS_MPS * TICK_S
    x_m = run.x_m + max(-most_m, min(most_m, wanted_m - run.x_m))
    height_m, rise_mps, roll_left_s = run.height_m, run.rise_mps, max(0.0, run.roll_left_s - TICK_S)
    if run.is_in_the_air:
        height_m += rise_mps * TICK_S
        rise_mps -= GRAVITY_MPS2 * TICK_S
        if height_m <= 0:
            height_m, rise_mps = 0.0, 0.0
    return replace(
        run,
        ticks=run.ticks + 1,
        distance_m=run.distance_m + run.speed_mps * TICK_S,
        x_m=x_m,
        height_m=height_m,
        rise_mps=rise_mps,
        roll_left_s=roll_left_s,
    )


def _collected(run: Run, near: Iterable[Stretch]) -> Run:
    here = [
        (each.number, place)
        for each in near
        for place, coin in enumerate(each.coins)
        if (each.number, place) not in run.taken and _reaches(run, coin)
    ]
    if not here:
        return run
    oldest = number_at(run.distance_m) - 1
    kept = {one for one in run.taken if one[0] >= oldest}
    return replace(run, coins=run.coins + len(here), taken=frozenset(kept.union(here)))


def _reaches(run: Run, coin: Coin) -> bool:
    is_beside = abs(coin.at_m - run.distance_m) < 0.9 and abs(coin.lane * LANE_M - run.x_m) < 1.0
    return is_beside and run.height_m - 0.3 < coin.height_m < _top_m(run) + 0.3


def _met(run: Run, near: Iterable[Stretch]) -> Run:
    met = next((one for each in near for one in each.obstacles if _is_hit(run, one)), None)
    return run if met is None else replace(run, met=met)


def _is_hit(run: Run, one: Obstacle) -> bool:
    if not one.at_m - BODY_M < run.distance_m < one.at_m + one.length_m + BODY_M:
        return False
    if abs(one.lane * LANE_M - run.x_m) >= WIDTH_M[one.kind]:
        return False
    if one.kind is Kind.TRAIN:
        return True
    return run.height_m < BARRIER_TOP_M if one.kind is Kind.BARRIER else _top_m(run) > SIGN_FOOT_M


def _top_m(run: Run) -> float:
    return run.height_m + (ROLLED_M if run.is_rolling else TALL_M)
