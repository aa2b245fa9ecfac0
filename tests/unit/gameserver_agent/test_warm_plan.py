"""Which waiting seats to start and which to end."""

from hypothesis import given
from hypothesis import strategies as st

from gameserver_agent.seats.warm_plan import MOST, Size, missing, size_of, surplus, wanted_of
from scheduler.values import seat_pixels, seat_size

SMALL, LARGE = Size(640, 360), Size(1280, 720)
sizes = st.sampled_from([SMALL, LARGE, Size(1920, 1080)])
orders = st.lists(st.tuples(sizes, st.integers(-1, 20)), max_size=5)


def test_what_is_named_first_goes_before() -> None:
    assert wanted_of([(LARGE, 6), (SMALL, 4), (Size(8, 8), 1)]) == {LARGE: 6, SMALL: MOST - 6}
    assert wanted_of([(SMALL, 0), (LARGE, -3)]) == {}


def test_what_is_missing_is_started_in_the_order_of_the_wishes() -> None:
    wanted = {LARGE: 2, SMALL: 1}
    assert missing([], wanted) == LARGE
    assert missing([LARGE, LARGE], wanted) == SMALL
    assert missing([LARGE, SMALL, LARGE], wanted) is None


def test_the_youngest_of_too_many_go() -> None:
    assert surplus([LARGE, SMALL, LARGE, LARGE], {LARGE: 2}) == (1, 3)
    assert surplus([LARGE, SMALL], {LARGE: 1, SMALL: 1}) == ()


@given(st.integers(2, 8000), st.integers(2, 8000))
def test_a_host_raises_the_seat_that_the_orchestrator_looks_for(width: int, height: int) -> None:
    size = size_of(width, height)
    assert (size.width, size.height) == seat_pixels(width, height)
    assert seat_size(width, height) == f"{size.width}x{size.height}"


def test_a_display_has_even_sides() -> None:
    assert size_of(1367, 768) == Size(1366, 768)


@given(st.lists(sizes, max_size=12), orders)
def test_one_step_after_the_other_leads_to_what_is_wanted(here: list[Size], asked: list[tuple[Size, int]]) -> None:
    wanted = wanted_of(asked)
    assert sum(wanted.values()) <= MOST
    too_many = surplus(here, wanted)
    left = [size for place, size in enumerate(here) if place not in too_many]
    for _ in range(MOST):
        if (size := missing(left, wanted)) is not None:
            left.append(size)
    assert missing(left, wanted) is None
    assert surplus(left, wanted) == ()
