"""How long to wait after the n-th failure: exponential, capped, jittered, so that a fleet does not march in step."""

from collections.abc import Callable


def delay_s(failures: int, jitter: Callable[[], float], *, first_s: float = 0.5, most_s: float = 15.0) -> float:
    """`jitter` gives a number in [0, 1); the delay lies between half and the whole of the exponential."""
    whole_s = min(most_s, first_s * 2 ** min(failures, 30))
    return whole_s * (0.5 + 0.5 * jitter())
