"""The small plots of a profile: what late sessions needed as bars, their mean with its spread, what nine of ten got by
on, the peak, and what the next session reserves. Pure: figures in, places on a drawing of `WIDTH` by `HEIGHT` out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from scheduler.profiles import BUCKET_GROWTH, Buckets

WIDTH, HEIGHT = 320.0, 64.0
LEAST_BAR = 3.0
_HEADROOM = 1.12


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Plot:
    """All places are x but of the bars; None for what is not known. `band` goes one sigma to either side of `mean`;
    `ticks` are the values under the drawing, with their places.
    """

    bars: tuple[Bar, ...]
    band: Bar | None
    mean: float | None
    p90: float | None
    peak: float | None
    reserved: float
    ticks: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one resource. `smallest` is the upper end of the lowest bucket, `reserved` what the next session reserves."""

    buckets: Buckets
    smallest: float
    reserved: float
    mean: float | None = None
    sigma: float = 0.0
    p90: float | None = None
    peak: float | None = None


def plot(figures: Figures) -> Plot:
    """The scale begins at zero and ends a little beyond the greatest of all."""
    spans = [_span(bucket, figures.smallest) for bucket, _ in figures.buckets]
    mean = figures.mean
    known = [figures.reserved, figures.p90 or 0.0, figures.peak or 0.0, *(high for _, high in spans)]
    top = max([*known, figures.smallest, 0.0 if mean is None else mean + figures.sigma]) * _HEADROOM

    def place(value: float) -> float:
        return round(WIDTH * min(max(value, 0.0), top) / top, 1)

    def maybe(value: float | None) -> float | None:
        return None if value is None else place(value)

    band = None
    if mean is not None:
        low, high = place(mean - figures.sigma), place(mean + figures.sigma)
        band = Bar(low, 0.0, max(high - low, 1.0), HEIGHT)
    heaviest = max((weight for _, weight in figures.buckets), default=1.0)
    bars = tuple(
        _bar(place(low), place(high), weight / heaviest)
        for (low, high), (_, weight) in zip(spans, figures.buckets, strict=True)
    )
    return Plot(
        bars,
        band,
        maybe(mean),
        maybe(figures.p90),
        maybe(figures.peak),
        place(figures.reserved),
        tuple((place(value), value) for value in _ticks(top)),
    )


def _bar(low: float, high: float, share: float) -> Bar:
    height = round(max(HEIGHT * 0.82 * share, 1.5), 1)
    return Bar(low, HEIGHT - height, max(round(high - low, 1), LEAST_BAR), height)


def _span(bucket: int, smallest: float) -> tuple[float, float]:
    """What lies in a bucket of `scheduler.profiles`."""
    return (smallest * BUCKET_GROWTH ** (bucket - 1) if bucket else 0.0), smallest * BUCKET_GROWTH**bucket


def _ticks(top: float) -> Sequence[float]:
    """Zero and two to five round values up to the end."""
    step = 10.0**-12
    while True:
        for factor in (1.0, 2.0, 5.0):
            if top / (step * factor) < 5:
                count = int(top / (step * factor))
                return [round(number * step * factor, 12) for number in range(count + 1)]
        step *= 10
