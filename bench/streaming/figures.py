"""What a list of samples says. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.results import percentile


@dataclass(frozen=True)
class Clicks:
    """Clicks of one way of streaming, in milliseconds each; `lost` ones never changed the picture."""

    taken_ms: tuple[float, ...]
    lost: int = 0

    @property
    def p50_ms(self) -> float:
        return median(self.taken_ms)

    @property
    def p95_ms(self) -> float:
        return percentile(list(self.taken_ms), 0.95)

    def __add__(self, other: "Clicks") -> "Clicks":
        return Clicks(self.taken_ms + other.taken_ms, self.lost + other.lost)


NO_CLICKS = Clicks(())


def distinct_per_second(numbers: Sequence[int], window_s: float) -> float:
    """Different pictures a second among the numbers that were read off them."""
    return len(set(numbers)) / window_s


def growth(values: Sequence[float]) -> float:
    """How much the median of the last third exceeds that of the first one. Raises ValueError for fewer than three."""
    third = len(values) // 3
    if third == 0:
        raise ValueError("growth needs at least three samples")
    return median(values[-third:]) - median(values[:third])


def delays_ms(shown: Sequence[tuple[float, int | None]], drawn_ms: Mapping[int, float], period: int) -> list[float]:
    """From drawing to showing, for each picture whose number was read and whose drawing is known, both on one clock.

    A number in a picture is what is left of the frame's own after division by `period`.
    """
    by_mark = {number % period: at_ms for number, at_ms in drawn_ms.items()}
    return [at_ms - by_mark[mark] for at_ms, mark in shown if mark is not None and mark in by_mark]


def share_pct(spent_s: float, window_s: float) -> float:
    """CPU seconds over wall seconds, in percent of one core."""
    return 100 * spent_s / window_s
