"""What a soak's figures say: whether something grows, and whether it was slower in the end. Pure.

A leak is a slope that stays when the noise of who is there just now is taken away: of each minute only the least
counts, and the slope is the median of those of all pairs (Theil, 1950; Sen, JASA 63, 1968), which a third of wild
values does not move.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from bench.report import verdict
from bench.results import Row, percentile

HOUR_S = 3600.0
LEAST_FLOORS = 4


@dataclass(frozen=True)
class Point:
    """A figure at a moment, in seconds since some beginning."""

    at_s: float
    value: float


Series = Sequence[Point]


def floors(series: Series, window_s: float) -> list[Point]:
    """The least of each window, where it was; windows begin with the first point."""
    least: dict[int, Point] = {}
    for point in series:
        window = int((point.at_s - series[0].at_s) // window_s)
        if window not in least or point.value < least[window].value:
            least[window] = point
    return list(least.values())


def settled(series: Series, warm_up_s: float) -> list[Point]:
    """Without what is younger than the warm-up."""
    return [point for point in series if point.at_s - series[0].at_s >= warm_up_s]


def slope_per_hour(lives: Sequence[Series], window_s: float, warm_up_s: float) -> float | None:
    """The robust slope of a figure over the lives of a program: pairs are made within a life only, whose warm-up does
    not count. None when no life was long enough to tell.
    """
    slopes: list[float] = []
    for life in lives:
        points = floors(settled(life, warm_up_s), window_s)
        if len(points) >= LEAST_FLOORS:
            slopes += [
                (later.value - earlier.value) / (later.at_s - earlier.at_s)
                for earlier, later in combinations(points, 2)
                if later.at_s > earlier.at_s
            ]
    return HOUR_S * median(slopes) if slopes else None


def last_over_first(series: Series, share: float) -> float:
    """This percentile (0-1) in the last third of the time over the same in the first one, of a series that is not
    empty.
    """
    begin_s, end_s = series[0].at_s, series[-1].at_s
    third_s = (end_s - begin_s) / 3
    first = [point.value for point in series if point.at_s <= begin_s + third_s]
    last = [point.value for point in series if point.at_s >= end_s - third_s]
    return percentile(last, share) / percentile(first, share)


def least_number(floor: int, seen: Sequence[tuple[float, int]], faults_at_s: Sequence[float], lost_s: float) -> int:
    """What the next picture must show at least, one number a second: everything that was seen at the last, or what was
    seen until `lost_s` before the first fault; and never less than before this visit (`floor`).
    """
    first_s = min(faults_at_s, default=float("inf"))
    kept = [number for at_s, number in seen if at_s <= first_s]
    if len(kept) == len(seen):
        return max(floor, *kept, 0)
    return max(floor, max(kept, default=0) - round(lost_s))


def missed(rows: Sequence[Row]) -> list[str]:
    """The goals that were not met."""
    return [
        f"{row.name} is {row.value:.3f} {row.unit}, and the goal is {row.goal}"
        for row in rows
        if row.goal is not None and verdict(row.value, row.goal) is False
    ]
