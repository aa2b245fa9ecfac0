"""When frames are taken: at once after a pause, never faster than the target, hardly at all while nothing changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.frame_pacing import (
    ANSWER_S,
    REPAIR_INTERVAL_S,
    SETTLING_FRAMES,
    SHARP_FILLERS,
    STEADY_FRAMES,
    FramePacer,
)

FPS = 60
INTERVAL_S = 1 / FPS


def run(pacer: FramePacer, changes: list[float], until: float) -> list[float]:
    """The times of all captures, when the picture changes at these times."""
    taken: list[float] = []
    now = 0.0
    waiting = sorted(changes)
    while now < until:
        while waiting and waiting[0] <= now:
            pacer.damaged(waiting.pop(0))
        if pacer.due_at(now) <= now:
            taken.append(now)
            pacer.captured(now)
        else:
            now = min([pacer.due_at(now), *waiting[:1], until])
    return taken


def test_a_change_after_a_pause_is_taken_at_once() -> None:
    assert run(FramePacer(FPS), [5.0], 5.001) == [5.0]


def test_a_change_does_not_wait_for_a_settling_frame() -> None:
    taken = run(FramePacer(FPS), [1.0, 1.0 + 2.5 * INTERVAL_S], 1.0 + 2.6 * INTERVAL_S)
    assert taken[-1] == pytest.approx(1.0 + 2.5 * INTERVAL_S)


def test_a_still_picture_settles_and_is_then_repaired_now_and_then() -> None:
    taken = run(FramePacer(FPS), [0.5], 0.5 + 3.5 * REPAIR_INTERVAL_S)
    settled = [at for at in taken if at < 0.5 + REPAIR_INTERVAL_S / 2]
    assert len(settled) == 1 + SETTLING_FRAMES
    assert len(taken) - len(settled) == 3


def test_a_forced_frame_is_due_at_once() -> None:
    pacer = FramePacer(FPS)
    pacer.damaged(1.0)
    pacer.captured(1.0)
    pacer.force()
    assert pacer.due_at(1.001) <= 1.001


def test_another_rate_holds_from_the_next_frame_on() -> None:
    pacer = FramePacer(FPS)
    pacer.aim(FPS / 2)
    changes = [1 + place * INTERVAL_S for place in range(FPS)]
    assert len(run(pacer, changes, 2)) == pytest.approx(FPS / 2, abs=1)


def test_a_steady_motion_is_held_back_by_a_constant_and_keeps_its_rate() -> None:
    pacer = FramePacer(FPS)
    pacer.hold_steady(0.004)
    changes = [1 + place * INTERVAL_S for place in range(2 * FPS)]
    taken = run(pacer, changes, 3.01)
    assert len(taken) == len(changes)
    late = [at - change for at, change in zip(taken, changes, strict=True)]
    assert late[:STEADY_FRAMES] == pytest.approx([0.0] * STEADY_FRAMES, abs=1e-6)
    assert late[-FPS:] == pytest.approx([0.004] * FPS, abs=1e-6)


@given(st.sampled_from([0.0, 0.004, 0.008]), st.floats(0.05, 1.0))
def test_a_change_after_stillness_is_never_held_back(hold_s: float, still_s: float) -> None:
    pacer = FramePacer(FPS)
    pacer.hold_steady(hold_s)
    changes = [1 + place * INTERVAL_S for place in range(FPS)]
    click = changes[-1] + hold_s + still_s
    assert click in run(pacer, [*changes, click], click + 0.001)


def test_nothing_is_due_before_anything_happened() -> None:
    assert FramePacer(FPS).due_at(0.0) == float("inf")


@given(st.lists(st.floats(0, 2), max_size=400))
def test_the_target_rate_is_never_exceeded(changes: list[float]) -> None:
    taken = run(FramePacer(FPS), changes, 2.5)
    for first in taken:
        assert len([at for at in taken if first <= at < first + 1]) <= FPS + SETTLING_FRAMES + 2


def test_a_steady_source_leaves_no_room_for_fillers() -> None:
    for fps in (60, 45, 30, 25):
        changes = [1 + place / fps for place in range(fps)]
        assert len(run(FramePacer(FPS), changes, 2)) == fps


@given(st.lists(st.floats(-0.004, 0.004), min_size=60, max_size=60))
def test_an_unsteady_source_at_the_target_rate_keeps_nearly_every_frame(jitter: list[float]) -> None:
    changes = [1 + place * INTERVAL_S + late for place, late in enumerate(jitter)]
    assert len(run(FramePacer(FPS), changes, 1 + 60 * INTERVAL_S)) >= 55


def filled(pacer: FramePacer) -> float:
    """When the next filler is taken, which is taken."""
    due_at = pacer.due_at(0.0)
    pacer.captured(due_at)
    return due_at


def test_what_cannot_get_sharper_is_not_sharpened() -> None:
    pacer = FramePacer(FPS)
    run(pacer, [1.0], 1.001)
    taken = [filled(pacer)]
    while len(taken) < SHARP_FILLERS:
        pacer.told_nothing(taken[-1])
        taken.append(filled(pacer))
    pacer.told_nothing(taken[-1])
    assert filled(pacer) == pytest.approx(taken[-1] + REPAIR_INTERVAL_S)


def test_a_change_that_told_nothing_is_still_sharpened() -> None:
    pacer = FramePacer(FPS)
    run(pacer, [1.0], 1.001)
    for _ in range(SHARP_FILLERS):
        pacer.told_nothing(1.0)
    assert filled(pacer) < 1.2


def test_a_filler_waits_for_what_a_press_may_change() -> None:
    pacer = FramePacer(FPS)
    run(pacer, [1.0], 1.001)
    pressed_at = pacer.due_at(1.0) - 0.01
    pacer.pressed(pressed_at)
    assert pacer.due_at(1.0) == pytest.approx(pressed_at + ANSWER_S)
    pacer.damaged(pressed_at + 0.02)
    assert pacer.due_at(pressed_at + 0.02) <= pressed_at + 0.02


def test_who_goes_on_pressing_does_not_hold_a_filler_up_for_ever() -> None:
    pacer = FramePacer(FPS)
    run(pacer, [1.0], 1.001)
    filler_at = pacer.due_at(1.0)
    pacer.pressed(60.0)
    assert pacer.due_at(1.0) == pytest.approx(filler_at + 2 * ANSWER_S)
