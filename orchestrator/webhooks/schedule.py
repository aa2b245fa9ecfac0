"""When a delivery is tried again, and when enough is enough. Pure.

A target that fails for an hour loses nothing: the three retries that every plan has (the tenant API's overview page)
are over more than an hour after the first try.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

MOST_RETRIES = 20
FIRST_RETRY = timedelta(seconds=30)
FACTOR = 12
LONGEST_RETRY = timedelta(hours=12)
GIVEN_UP_AFTER = timedelta(days=3)
"""What happened longer ago is not tried again, whatever the plan: a session's later events wait for it."""
STOPPED_AFTER = timedelta(hours=48)
"""An endpoint at which nothing has succeeded for so long is stopped."""

_SPREAD = 0.2


@dataclass(frozen=True, slots=True)
class Retry:
    delay: timedelta


@dataclass(frozen=True, slots=True)
class GiveUp:
    pass


def after_failure(tries: int, retries: int, age: timedelta, draw: float) -> Retry | GiveUp:
    """What follows the failed try number `tries` (from 1) of what happened `age` ago; `draw` is from [0, 1)."""
    if tries > retries:
        return GiveUp()
    delay = retry_delay(tries, draw)
    return GiveUp() if age + delay > GIVEN_UP_AFTER else Retry(delay)


def retry_delay(tries: int, draw: float) -> timedelta:
    """Exponential, capped, and a fifth more or less, so that what failed together does not come back together."""
    whole = min(LONGEST_RETRY, FIRST_RETRY * FACTOR ** min(tries - 1, 8))
    return whole * (1 - _SPREAD + 2 * _SPREAD * draw)


def is_to_be_stopped(failing_since: datetime, now: datetime) -> bool:
    """Whether an endpoint that failed again, and has done nothing else since then, is given up."""
    return now - failing_since >= STOPPED_AFTER
