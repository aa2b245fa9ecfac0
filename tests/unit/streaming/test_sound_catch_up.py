"""Sound that is left out for a page behind: as much as it is behind, once, and never for long."""

from hypothesis import given
from hypothesis import strategies as st

from streaming.page_messages import SoundBehind, parse_control
from streaming.sound_catch_up import LEAST_S, MOST_S, SETTLES_S, CatchUp, catching_up


def test_as_much_is_left_out_as_the_page_is_behind() -> None:
    assert catching_up(CatchUp(), 0.8, 100.0).silent_until_s == 100.8


def test_a_little_is_left_to_the_browser() -> None:
    assert catching_up(CatchUp(), LEAST_S / 2, 100.0) == CatchUp()


def test_what_is_heard_while_it_catches_up_is_of_the_same_stall() -> None:
    state = catching_up(CatchUp(), 0.8, 100.0)
    assert catching_up(state, 0.9, 100.5) == state
    assert catching_up(state, 0.5, 100.8 + SETTLES_S).silent_until_s == 100.8 + SETTLES_S + 0.5


@given(st.lists(st.tuples(st.floats(0, 1e9), st.floats(0, 10)), max_size=50))
def test_whatever_a_page_says_sound_is_sent_again_and_most_of_the_time(said: list[tuple[float, float]]) -> None:
    state, now, left_out_s, began = CatchUp(), 100.0, 0.0, 100.0
    for behind_s, later_s in said:
        now += later_s
        before, state = state, catching_up(state, behind_s, now)
        if state != before:
            left_out_s += state.silent_until_s - now
            assert state.silent_until_s - now <= MOST_S + 1e-6
    assert left_out_s <= MOST_S + (now - began) * MOST_S / (MOST_S + SETTLES_S) + 1e-6


def test_a_pages_word_is_a_number_of_milliseconds() -> None:
    assert parse_control('{"type":"sound_behind","ms":800}') == SoundBehind(0.8)
    assert parse_control('{"type":"sound_behind","ms":-1}') == SoundBehind(0.0)
    assert parse_control('{"type":"sound_behind"}') is None
