"""Nothing stays pressed for a player who is gone."""

from hypothesis import given
from hypothesis import strategies as st

from streaming.held_inputs import SILENCE_S, HeldInputs, Releases

events = st.lists(
    st.tuples(
        st.sampled_from(["key", "button", "heartbeat", "expire", "release_all"]),
        st.sampled_from("ABC"),
        st.booleans(),
        st.floats(0, 3),
    ),
    max_size=40,
)


def test_a_second_press_is_no_press_and_a_release_of_what_is_up_is_no_release() -> None:
    held = HeldInputs()
    assert held.key("KeyA", True, 0)
    assert not held.key("KeyA", True, 0.1)
    assert held.key("KeyA", False, 0.2)
    assert not held.key("KeyA", False, 0.3)


def test_silence_releases_everything_once() -> None:
    held = HeldInputs()
    held.key("KeyA", True, 10)
    held.button(0, True, 10)
    assert held.expire(10 + SILENCE_S - 0.01) == Releases()
    assert held.expire(10 + SILENCE_S) == Releases(("KeyA",), (0,))
    assert held.expire(99) == Releases()


def test_heartbeats_keep_what_they_list_and_let_go_of_the_rest() -> None:
    held = HeldInputs()
    held.key("KeyA", True, 0)
    held.key("KeyB", True, 0)
    held.button(2, True, 0)
    assert held.heartbeat(frozenset({"KeyA", "KeyZ"}), frozenset(), 1.5) == Releases(("KeyB",), (2,))
    assert held.expire(1.5 + SILENCE_S - 0.01) == Releases()
    assert held.expire(1.5 + SILENCE_S) == Releases(("KeyA",), ())


@given(events)
def test_every_press_is_released_exactly_once(story: list[tuple[str, str, bool, float]]) -> None:
    held, down, now = HeldInputs(), set[str](), 0.0
    for kind, code, is_down, passed in story:
        now += passed
        releases = Releases()
        match kind:
            case "key":
                if held.key(code, is_down, now):
                    assert (code in down) != is_down
                    down ^= {code}
            case "button":
                held.button(ord(code) % 3, is_down, now)
            case "heartbeat":
                releases = held.heartbeat(frozenset(code), frozenset(), now)
            case "expire":
                releases = held.expire(now)
            case _:
                releases = held.release_all()
        assert set(releases.codes) <= down
        down -= set(releases.codes)
    assert set(held.release_all().codes) == down
    assert held.is_empty
