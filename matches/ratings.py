"""Glicko-2 (Mark E. Glickman, "Example of the Glicko-2 system", 2022): how strong a player is, and how sure we are."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, pi, sqrt
from typing import Final

_SCALE: Final = 173.7178
_CENTRE: Final = 1500.0
_TAU: Final = 0.5  # how much the volatility may change: the paper's middle
_CONVERGED: Final = 1e-6
_LEAST_DOUBT: Final = 1e-12  # thousands of points apart, an expectation is rounded to certainty


@dataclass(frozen=True, slots=True)
class Rating:
    """A player's strength. The true one is within two deviations of `rating` nineteen times in twenty."""

    rating: float = _CENTRE
    deviation: float = 350.0
    volatility: float = 0.06


@dataclass(frozen=True, slots=True)
class Result:
    """One game of a rating period: the opponent as they were before it, and 1, 0.5 or 0 for a win, a draw or a loss."""

    opponent: Rating
    score: float


def rated(player: Rating, results: Sequence[Result]) -> Rating:
    """The rating after a period with these games. Without one, only the deviation grows, as far as a newcomer's."""
    deviation = player.deviation / _SCALE
    if not results:
        return Rating(player.rating, _wider(deviation, player.volatility), player.volatility)
    variance, gain = _evidence(player, results)
    volatility = _volatility(player.volatility, deviation, variance, variance * gain)
    before = _wider(deviation, volatility) / _SCALE
    after = 1 / sqrt(1 / before**2 + 1 / variance)
    return Rating(player.rating + _SCALE * after**2 * gain, _SCALE * after, volatility)


def after_match(first: Rating, second: Rating, first_score: float) -> tuple[Rating, Rating]:
    """Both ratings after one match: a period of its own. `first_score` is 1, 0.5 or 0."""
    return rated(first, [Result(second, first_score)]), rated(second, [Result(first, 1 - first_score)])


def _wider(deviation: float, volatility: float) -> float:
    """Step 6: the deviation before the games of a period, in points."""
    return min(Rating().deviation, _SCALE * sqrt(deviation**2 + volatility**2))


def _evidence(player: Rating, results: Sequence[Result]) -> tuple[float, float]:
    """Steps 3 and 4: the variance of what the games alone say, and their sum of surprises."""
    information = gain = 0.0
    for result in results:
        weight = 1 / sqrt(1 + 3 * (result.opponent.deviation / _SCALE) ** 2 / pi**2)
        expected = 1 / (1 + exp(-weight * (player.rating - result.opponent.rating) / _SCALE))
        information += weight**2 * max(expected * (1 - expected), _LEAST_DOUBT)
        gain += weight * (result.score - expected)
    return 1 / information, gain


def _volatility(before: float, deviation: float, variance: float, delta: float) -> float:
    """Step 5, by the Illinois algorithm."""
    centre = log(before**2)

    def f(x: float) -> float:
        spread = deviation**2 + variance + exp(x)
        return exp(x) * (delta**2 - spread) / (2 * spread**2) - (x - centre) / _TAU**2

    beyond = delta**2 - deviation**2 - variance
    low = centre
    high = (
        log(beyond) if beyond > 0 else centre - _TAU
    )  # the paper looks on for f >= 0: here it is 1 / tau - 1/2 or more
    f_low, f_high = f(low), f(high)
    while abs(high - low) > _CONVERGED:
        middle = low + (low - high) * f_low / (f_high - f_low)
        f_middle = f(middle)
        if f_middle * f_high <= 0:
            low, f_low = high, f_high
        else:
            f_low /= 2
        high, f_high = middle, f_middle
    return exp(low / 2)
