"""A pad as keys, mouse and wheel: by any map, and nothing stays pressed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.gamepad_map import (
    BUTTONS,
    CONTROLS,
    DEFAULT_MAP,
    LONGEST_STEP_S,
    POINTER_PIXELS_PER_S,
    SILENCE_S,
    PadActions,
    PadMapper,
    checked_map,
    game_map,
)
from streaming.keymap import KEYCODES
from streaming.pointer_messages import Pad

actions = st.sampled_from(["KeyW", "Space", "Mouse0", "PointerLeft", "PointerUp", "WheelDown"])
fractions = st.floats(-1, 1)
pads = st.builds(
    Pad,
    sequence=st.integers(0, 100),
    index=st.integers(0, 3),
    buttons=st.frozensets(st.integers(0, 16)),
    axes=st.tuples(fractions, fractions, fractions, fractions),
    triggers=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)


def pad(sequence: int, *buttons: str, left_x: float = 0, right_x: float = 0, trigger: float = 0, index: int = 0) -> Pad:
    pressed = frozenset(BUTTONS.index(button) for button in buttons)
    return Pad(sequence, index, pressed, (left_x, 0, right_x, 0), (trigger, 0))


def test_the_map_that_everybody_begins_with_is_one() -> None:
    assert checked_map(dict(DEFAULT_MAP)) == DEFAULT_MAP


def test_a_games_own_map_lies_over_it() -> None:
    own = game_map({"south": "KeyX", "east": "", "north": "Explode", "elbow": "KeyA"})
    assert own == {**{k: v for k, v in DEFAULT_MAP.items() if k != "east"}, "south": "KeyX"}


@pytest.mark.parametrize("fields", [{"elbow": "KeyW"}, {"south": "Explode"}, {"south": 7}])
def test_what_does_not_exist_is_no_map(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"elbow|south"):
        checked_map(fields)


def test_buttons_and_sticks_are_keys() -> None:
    mapper = PadMapper({"south": "Space", "left_stick_left": "KeyA", "left_trigger": "Mouse2"})
    assert mapper.take(pad(0, "south"), 0) == PadActions(codes=frozenset({"Space"}))
    assert mapper.take(pad(1, left_x=-1, trigger=1), 0) == PadActions(frozenset({"KeyA"}), frozenset({2}))
    assert mapper.take(pad(2), 0) == PadActions()


def test_a_stick_lets_go_later_than_it_presses() -> None:
    mapper = PadMapper({"left_stick_right": "KeyD"})
    pressed = [mapper.take(pad(n, left_x=x), 0) for n, x in enumerate((0.5, 0.6, 0.5, 0.4, 0.5))]
    assert [bool(each and each.codes) for each in pressed] == [False, True, True, False, False]


def test_an_older_state_changes_nothing() -> None:
    mapper = PadMapper({"south": "Space"})
    assert mapper.take(pad(5), 0) is not None
    assert mapper.take(pad(4, "south"), 0) is None
    mapper.forget()
    assert mapper.take(pad(0, "south"), 0) == PadActions(codes=frozenset({"Space"}))


def test_a_stick_moves_the_pointer_by_time_and_never_by_a_leap() -> None:
    mapper = PadMapper({"right_stick_right": "PointerRight", "up": "WheelUp"})
    assert mapper.take(pad(0, right_x=1), 10.0) == PadActions()
    later = mapper.take(pad(1, right_x=1), 10.01)
    assert later is not None
    assert later.pointer == (pytest.approx(11), 0)
    much_later = mapper.take(pad(2, "up", right_x=1), 12)
    assert much_later is not None
    assert much_later.pointer == (pytest.approx(55), 0)
    assert much_later.wheel == (0, pytest.approx(-45))


def test_two_pads_may_hold_one_key_and_a_silent_one_lets_go() -> None:
    mapper = PadMapper({"south": "Space", "east": "Escape"})
    mapper.take(pad(0, "south"), 0)
    both = mapper.take(pad(0, "south", "east", index=1), 0.1)
    assert both is not None
    assert both.codes == {"Space", "Escape"}
    assert mapper.expire(SILENCE_S).codes == {"Space", "Escape"}
    assert mapper.expire(SILENCE_S + 0.1).codes == set()


def test_a_pad_is_pressed_until_it_is_let_go() -> None:
    mapper = PadMapper(DEFAULT_MAP)
    assert not mapper.is_pressed
    mapper.take(pad(1, "south"), 1.0)
    assert mapper.is_pressed
    mapper.expire(1.0 + SILENCE_S)
    assert not mapper.is_pressed


def test_another_map_counts_from_the_next_state() -> None:
    mapper = PadMapper({"south": "Space"})
    mapper.take(pad(0, "south"), 0)
    mapper.use({"south": "KeyX"})
    assert mapper.take(pad(1, "south"), 0) == PadActions(codes=frozenset({"KeyX"}))


@given(st.dictionaries(st.sampled_from(sorted(CONTROLS)), actions), st.lists(pads))
def test_whatever_pads_say_silence_releases_all(bindings: dict[str, str], story: list[Pad]) -> None:
    mapper, now = PadMapper(checked_map(bindings)), 0.0
    for each in story:
        now += 0.01
        did = mapper.take(each, now)
        if did is not None:
            assert did.codes <= KEYCODES.keys()
            assert all(abs(pixels) <= POINTER_PIXELS_PER_S * LONGEST_STEP_S for pixels in did.pointer)
    assert mapper.expire(now + SILENCE_S + 0.001) == PadActions()
