"""When a delivery is tried again, and when enough is enough."""

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.webhooks.schedule import (
    GIVEN_UP_AFTER,
    LONGEST_RETRY,
    MOST_RETRIES,
    STOPPED_AFTER,
    GiveUp,
    Retry,
    after_failure,
    is_to_be_stopped,
    retry_delay,
)

SOON = timedelta(seconds=1)
NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)


def test_each_retry_waits_twelve_times_as_long_as_the_one_before() -> None:
    in_the_middle = [retry_delay(tries, 0.5) for tries in (1, 2, 3, 4, 5)]
    assert in_the_middle == [
        timedelta(seconds=30),
        timedelta(minutes=6),
        timedelta(minutes=72),
        timedelta(hours=12),
        timedelta(hours=12),
    ]


def test_delays_are_spread_by_a_fifth_and_never_longer() -> None:
    assert retry_delay(1, 0.0) == timedelta(seconds=24)
    assert retry_delay(1, 0.999) < timedelta(seconds=36)
    assert retry_delay(10_000, 0.999) < LONGEST_RETRY * 1.2


@pytest.mark.parametrize("draw", [0.0, 0.5, 0.999])
def test_a_target_that_fails_for_an_hour_loses_nothing_by_the_three_retries_of_every_plan(draw: float) -> None:
    assert sum((retry_delay(tries, draw) for tries in (1, 2, 3)), timedelta()) > timedelta(hours=1)


def test_a_delivery_has_the_plans_retries_after_its_first_try() -> None:
    assert [type(after_failure(tries, 3, SOON, 0.5)) for tries in (1, 2, 3, 4)] == [Retry, Retry, Retry, GiveUp]
    assert after_failure(1, 0, SOON, 0.5) == GiveUp()
    assert after_failure(1, 3, SOON, 0.5) == Retry(timedelta(seconds=30))


def test_what_is_too_old_is_not_tried_again_however_many_retries_are_left() -> None:
    age = GIVEN_UP_AFTER - timedelta(hours=1)
    assert after_failure(1, MOST_RETRIES, age, 0.5) == Retry(timedelta(seconds=30))
    assert after_failure(4, MOST_RETRIES, age, 0.5) == GiveUp()


def test_an_endpoint_is_stopped_once_nothing_has_succeeded_for_two_days() -> None:
    assert not is_to_be_stopped(NOON, NOON)
    assert not is_to_be_stopped(NOON, NOON + STOPPED_AFTER - SOON)
    assert is_to_be_stopped(NOON, NOON + STOPPED_AFTER)
