"""What the benchmark says of its samples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.streaming.figures import NO_CLICKS, Clicks, delays_ms, distinct_per_second, growth, share_pct

samples = st.floats(0, 1e6)


def test_a_run_has_a_middle_and_a_late_twentieth() -> None:
    clicks = Clicks(tuple(float(value) for value in range(1, 101)))
    assert (clicks.p50_ms, clicks.p95_ms) == (50.5, 95.0)


def test_runs_add_up_with_what_was_lost() -> None:
    assert NO_CLICKS + Clicks((1.0,), 2) + Clicks((3.0,), 1) == Clicks((1.0, 3.0), 3)


def test_a_picture_that_is_seen_twice_counts_once() -> None:
    assert distinct_per_second([1, 1, 2, 3, 3, 1], 2) == 1.5


@given(samples, st.integers(3, 60))
def test_what_stays_does_not_grow(value: float, count: int) -> None:
    assert growth([value] * count) == 0


@given(st.lists(samples, min_size=3), st.floats(1, 100))
def test_a_steady_rise_is_growth(values: list[float], step: float) -> None:
    risen = [index * step for index in range(len(values))]
    assert growth(risen) >= step


def test_one_outlier_is_no_growth() -> None:
    assert growth([5.0] * 8 + [900.0]) == 0


def test_growth_needs_three_samples() -> None:
    with pytest.raises(ValueError, match="three"):
        growth([1.0, 2.0])


def test_a_picture_is_as_old_as_its_drawing() -> None:
    drawn_ms = {65_537: 1000.0, 65_538: 1017.0}
    shown = [(1009.0, 1), (1012.0, None), (1030.0, 2), (1031.0, 7)]
    assert delays_ms(shown, drawn_ms, 65_536) == [9.0, 13.0]


def test_half_a_second_of_ten_is_five_percent() -> None:
    assert share_pct(0.5, 10) == 5
