"""In which phase a steady motion is sent: kept while all pictures are shown, changed when they meet in one refresh."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from streaming.page_messages import Shown
from streaming.steady_phase import HOLDS_S, REST_REPORTS, PhaseState, told

FPS = 60.0


def after(state: PhaseState, missed_at: Callable[[float], int], reports: int) -> PhaseState:
    """After so many reports of a full motion, of which the page misses so many pictures at each hold."""
    for _ in range(reports):
        state = told(state, Shown(1.0, 60 - missed_at(state.hold_s), 60), FPS)
    return state


def test_a_phase_in_which_everything_is_shown_is_kept() -> None:
    assert after(PhaseState(), lambda hold_s: 0, 100).hold_s == 0.0


def test_a_phase_that_misses_is_left_for_one_that_does_not() -> None:
    state = after(PhaseState(), lambda hold_s: 8 if hold_s == 0.0 else 0, 20)
    assert state.hold_s == HOLDS_S[1]


def test_where_all_miss_the_best_is_kept_for_a_while_and_then_all_are_looked_at_again() -> None:
    shares = dict(zip(HOLDS_S, (9, 7, 4), strict=True))
    state = after(PhaseState(), shares.__getitem__, 9)
    assert (state.hold_s, state.rest) == (HOLDS_S[2], REST_REPORTS)
    assert after(state, shares.__getitem__, REST_REPORTS).rest == 0
    changed = dict(zip(HOLDS_S, (0, 7, 7), strict=True))
    assert after(state, changed.__getitem__, REST_REPORTS + 9).hold_s == 0.0


@given(st.integers(0, 50), st.integers(0, 50))
def test_without_a_full_motion_nothing_is_learnt(decoded: int, frames: int) -> None:
    state = PhaseState(place=1)
    assert told(state, Shown(1.0, frames, decoded), FPS).hold_s == state.hold_s


def test_a_page_that_tells_nothing_at_all_teaches_nothing() -> None:
    assert told(PhaseState(), Shown(0.0, 0, 0), FPS) == PhaseState()


@given(st.lists(st.integers(0, 60), max_size=60))
def test_every_phase_is_one_of_the_few(missed: list[int]) -> None:
    state = PhaseState()
    for each in missed:
        state = told(state, Shown(1.0, 60 - each, 60), FPS)
        assert state.hold_s in HOLDS_S
