"""Nothing stays pressed for a player who is gone."""

from hypothesis import given
from hypothesis import strategies as st

from streaming.held_inputs import SILENCE_S, Changes, HeldInputs

events = st.lists(
    st.tuples(
        st.sampled_from(["key", "button", "heartbeat", "pads", "expire", "release_all"]),
        st.sampled_from("ABC"),
        st.booleans(),
        st.floats(0, 3),
    ),
    max_size=40,
)


def test_a_second_press_is_no_press_and_a_release_of_what_is_up_is_no_release() -> None:
    held = HeldInputs()
    assert held.key("KeyA", True, 0) == Changes(codes_down=("KeyA",))
    assert held.key("KeyA", True, 0.1) == Changes()
    assert held.key("KeyA", False, 0.2) == Changes(codes_up=("KeyA",))
    assert held.key("KeyA", False, 0.3) == Changes()


def test_silence_releases_everything_once() -> None:
    held = HeldInputs()
    held.key("KeyA", True, 10)
    held.button(0, True, 10)
    assert held.expire(10 + SILENCE_S - 0.01) == Changes()
    assert held.expire(10 + SILENCE_S) == Changes(("KeyA",), (0,))
    assert held.expire(99) == Changes()


def test_heartbeats_keep_what_they_list_and_let_go_of_the_rest() -> None:
    held = HeldInputs()
    held.key("KeyA", True, 0)
    held.key("KeyB", True, 0)
    held.button(2, True, 0)
    assert held.heartbeat(frozenset({"KeyA", "KeyZ"}), frozenset(), 1.5) == Changes(("KeyB",), (2,))
    assert held.expire(1.5 + SILENCE_S - 0.01) == Changes()
    assert held.expire(1.5 + SILENCE_S) == Changes(("KeyA",), ())


def test_a_key_that_page_and_pad_hold_goes_up_with_the_last() -> None:
    held = HeldInputs()
    held.key("KeyA", True, 0)
    assert held.pads(frozenset({"KeyA"}), frozenset({0})) == Changes(buttons_down=(0,))
    assert held.key("KeyA", False, 0.1) == Changes()
    assert held.pads(frozenset(), frozenset()) == Changes(("KeyA",), (0,))


def test_all_that_page_and_pads_hold_goes_up_at_once() -> None:
    held = HeldInputs()
    held.key("KeyA", True, 0)
    held.button(1, True, 0)
    held.pads(frozenset({"KeyB"}), frozenset({2}))
    assert held.release_all() == Changes(("KeyA", "KeyB"), (1, 2))
    assert held.release_all() == Changes()


@given(events)
def test_every_press_is_released_exactly_once(story: list[tuple[str, str, bool, float]]) -> None:
    held, down, now = HeldInputs(), set[str | int](), 0.0
    for kind, code, is_down, passed in story:
        now += passed
        changes = Changes()
        match kind:
            case "key":
                changes = held.key(code, is_down, now)
            case "button":
                changes = held.button(ord(code) % 3, is_down, now)
            case "heartbeat":
                changes = held.heartbeat(frozenset(code), frozenset(), now)
            case "pads":
                changes = held.pads(frozenset(code) if is_down else frozenset(), frozenset())
            case "expire":
                changes = held.expire(now)
            case _:
                changes = held.release_all()
        ups, downs = {*changes.codes_up, *changes.buttons_up}, {*changes.codes_down, *changes.buttons_down}
        assert ups <= down
        assert not downs & down
        down = down - ups | downs
        assert down == held.codes | held.buttons
    changes = held.release_all()
    assert {*changes.codes_up, *changes.buttons_up} == down
    assert not held.codes | held.buttons
