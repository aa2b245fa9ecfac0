"""Fewer bits first, then fewer pictures, then fewer rows; and never to and fro."""

from hypothesis import given
from hypothesis import strategies as st

from streaming.picture_ladder import LOWEST_BPS, LadderState, Picture, climbed, least_bps, steps
from streaming.targets import VideoTarget

HD = Picture(1280, 720, 60)


def after(
    state: LadderState, bitrate_bps: float, start_s: float, for_s: float
) -> tuple[LadderState, list[VideoTarget]]:
    targets: list[VideoTarget] = []
    for tick in range(int(for_s * 10)):
        state, target = climbed(state, HD, bitrate_bps, start_s + tick / 10)
        targets.append(target)
    return state, targets


def test_pictures_give_way_before_rows() -> None:
    assert [(each.width, each.height, each.fps) for each in steps(HD)] == [
        (1280, 720, 60),
        (1280, 720, 30),
        (960, 540, 30),
        (640, 360, 30),
    ]
    assert [each.fps for each in steps(Picture(640, 360, 30))] == [30]


def test_bits_give_way_at_once_and_the_picture_after_a_while() -> None:
    state, targets = after(LadderState(), 1_500_000, 0.0, 10.0)
    assert {(target.bitrate_bps, target.fps, target.height) for target in targets} == {(1_500_000, 60, 720)}
    state, targets = after(state, 700_000, 10.0, 1.5)
    assert {target.fps for target in targets} == {60}
    state, targets = after(state, 700_000, 11.5, 1.5)
    assert (targets[-1].fps, targets[-1].height) == (30, 720)
    state, targets = after(state, 200_000, 13.0, 10.0)
    assert targets[-1].height == 360
    state, targets = after(state, 8_000_000, 23.0, 30.0)
    assert (targets[-1].fps, targets[-1].height) == (60, 720)


def test_a_rate_between_two_steps_leaves_the_picture_alone() -> None:
    between = 1.2 * least_bps(HD)
    lower, _ = after(LadderState(step=1), between, 0.0, 60.0)
    upper, _ = after(LadderState(step=0), between, 0.0, 60.0)
    assert (lower.step, upper.step) == (1, 0)


def test_a_rate_that_is_many_times_enough_brings_the_picture_back_in_three_seconds() -> None:
    doubtful, _ = after(LadderState(step=1), 2 * least_bps(HD), 0.0, 3.0)
    sure, _ = after(LadderState(step=1), 7_300_000, 0.0, 3.0)
    assert (doubtful.step, sure.step) == (1, 0)


def test_a_dip_that_passes_changes_no_picture() -> None:
    state, _ = after(LadderState(), 300_000, 0.0, 1.5)
    state, _ = after(state, 2_000_000, 1.5, 0.5)
    state, _ = after(state, 300_000, 2.0, 1.5)
    assert state.step == 0


@given(st.lists(st.tuples(st.floats(1.0, 5e7), st.floats(0.01, 5.0)), max_size=60), st.sampled_from([30, 60]))
def test_a_picture_lasts_two_seconds_at_least_and_is_never_larger_than_the_full_one(
    phases: list[tuple[float, float]], fps: int
) -> None:
    full, state, now, changed_at, shown = Picture(1920, 1080, fps), LadderState(), 0.0, -10.0, None
    for bitrate_bps, for_s in phases:
        now += for_s
        state, target = climbed(state, full, bitrate_bps, now)
        assert target.bitrate_bps >= LOWEST_BPS
        assert target.fps <= fps
        assert target.height <= 1080
        if shown is not None and (target.fps, target.height) != shown:
            assert now - changed_at >= 1.99
            changed_at = now
        shown = target.fps, target.height


def test_a_smaller_choice_is_taken_at_once() -> None:
    _, target = climbed(LadderState(step=3), Picture(640, 360, 30), 5e6, 0.0)
    assert (target.fps, target.height) == (30, 360)
