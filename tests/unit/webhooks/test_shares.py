"""Who may send how much at once: a slow target holds up nobody but itself."""

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.webhooks.shares import MOST_AT_AN_ENDPOINT, Waiting, shares_of


def working(endpoint_id: str, under_way: int = 0) -> Waiting:
    return Waiting(endpoint_id, is_failing=False, under_way=under_way)


def failing(endpoint_id: str, under_way: int = 0) -> Waiting:
    return Waiting(endpoint_id, is_failing=True, under_way=under_way)


def test_an_endpoint_has_at_most_four_deliveries_under_way() -> None:
    assert shares_of([working("a"), working("b", 3), working("c", 4), working("d", 9)], 64) == {"a": 4, "b": 1}


def test_everybody_has_one_place_before_anybody_has_two() -> None:
    assert shares_of([working("a"), working("b"), working("c")], 4) == {"a": 2, "b": 1, "c": 1}
    assert shares_of([working("a"), working("b", 1)], 1) == {"a": 1}
    assert shares_of([working("b", 1), working("a")], 1) == {"a": 1}


def test_whoever_fails_has_one_and_all_that_fail_have_half_of_what_is_left() -> None:
    assert shares_of([failing("x"), failing("y", 1), working("a")], 64) == {"a": 4, "x": 1}
    assert shares_of([*(failing(str(number)) for number in range(10)), working("a", 3)], 7) == {
        "a": 1,
        "0": 1,
        "1": 1,
        "2": 1,
    }


def test_without_a_place_nobody_gets_one() -> None:
    assert shares_of([working("a"), failing("x")], 0) == {}


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 6)), max_size=20),
    st.integers(0, 100),
)
def test_no_bound_is_ever_passed(endpoints: list[tuple[bool, int]], free: int) -> None:
    waiting = [Waiting(str(number), *each) for number, each in enumerate(endpoints)]
    shares = shares_of(waiting, free)
    assert sum(shares.values()) <= free
    for each in waiting:
        share = shares.get(each.endpoint_id, 0)
        assert share == 0 or each.under_way + share <= (1 if each.is_failing else MOST_AT_AN_ENDPOINT)
