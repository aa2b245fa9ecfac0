"""What is a jump of a clock, what becomes of deadlines, and when a silent host is given up."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.play.clock import NO_JUMP, SMALLEST_JUMP, Look, jump_of, shifted
from orchestrator.play.lifecycle import Position
from orchestrator.play.reconciler import BLIND_AFTER_FRAME, LOST_AFTER_LEASE, is_lost

NOW = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def looks(passed_s: float, jump: timedelta, slow_s: float = 0.0) -> tuple[Look, Look]:
    """Two looks `passed_s` apart, each of which took `slow_s`."""
    later = NOW + timedelta(seconds=passed_s) + jump
    return Look(NOW, 100.0, 100.0 + slow_s), Look(later, 100.0 + passed_s, 100.0 + passed_s + slow_s)


@pytest.mark.parametrize("jump", [HOUR, -HOUR, SMALLEST_JUMP, -SMALLEST_JUMP])
def test_a_clock_that_moves_more_or_less_than_time_has_jumped(jump: timedelta) -> None:
    assert jump_of(*looks(1.0, jump)) == jump


@given(st.floats(0, 1e6), st.floats(0, 3600))
def test_time_that_passes_is_no_jump_however_slow_a_look_is(passed_s: float, slow_s: float) -> None:
    assert jump_of(*looks(passed_s, NO_JUMP, slow_s)) == NO_JUMP


@given(st.floats(-2.9, 2.9))
def test_a_small_correction_is_no_jump(seconds: float) -> None:
    assert jump_of(*looks(1.0, timedelta(seconds=seconds))) == NO_JUMP


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_deadline_keeps_its_distance(jump: timedelta) -> None:
    left = timedelta(seconds=20)
    assert shifted(NOW + left, jump, NOW + jump, timedelta(seconds=60)) == NOW + jump + left


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_deadline_that_was_set_after_the_jump_is_never_brought_forward(jump: timedelta) -> None:
    longest = timedelta(seconds=60)
    after = shifted(NOW + jump + longest, jump, NOW + jump, longest)
    assert after == NOW + jump + longest


@given(
    st.integers(-7200, 7200).map(lambda seconds: timedelta(seconds=seconds)),
    st.integers(-600, 60).map(lambda seconds: timedelta(seconds=seconds)),
)
def test_no_deadline_is_ever_further_off_than_its_longest(jump: timedelta, left: timedelta) -> None:
    now = NOW + jump
    after = shifted(NOW + left, jump, now, timedelta(seconds=60))
    assert after <= now + timedelta(seconds=60)
    if left >= NO_JUMP:
        assert after == now + left


def test_a_running_session_stays_on_its_silent_host_while_the_player_sees_it() -> None:
    over = NOW - LOST_AFTER_LEASE
    assert not is_lost(Position.RUNNING, over + SECOND, None, NOW)
    assert is_lost(Position.RUNNING, over, None, NOW)
    assert not is_lost(Position.RUNNING, over, NOW - BLIND_AFTER_FRAME + SECOND, NOW)
    assert is_lost(Position.RUNNING, over, NOW - BLIND_AFTER_FRAME, NOW)


def test_a_session_that_still_starts_has_nothing_to_be_seen() -> None:
    assert is_lost(Position.BOOTING, NOW - LOST_AFTER_LEASE, NOW, NOW)
