"""The line of those who wait for a place."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scheduler.line import positions, rivals

COULD = {
    "small": np.array([True, True, False]),
    "large": np.array([False, True, False]),
    "gpu": np.array([False, False, True]),
    "nowhere": np.array([False, False, False]),
}


def test_only_who_could_take_the_same_place_is_before_one() -> None:
    assert positions(["gpu", "small", "large", "gpu", "small"], COULD) == [1, 1, 2, 2, 3]


def test_who_waits_with_the_same_game_is_always_before_one() -> None:
    assert rivals("nowhere", COULD) == {"nowhere"}
    assert positions(["nowhere", "nowhere"], COULD) == [1, 2]


def test_nobody_waits_in_an_empty_line() -> None:
    assert positions([], COULD) == []


@given(line=st.lists(st.sampled_from(sorted(COULD))))
def test_a_position_never_gets_worse_while_one_waits(line: list[str]) -> None:
    for gone in range(len(line)):
        rest = positions(line[:gone] + line[gone + 1 :], COULD)
        before = positions(line, COULD)
        assert all(now <= then for now, then in zip(rest, before[:gone] + before[gone + 1 :], strict=True))
