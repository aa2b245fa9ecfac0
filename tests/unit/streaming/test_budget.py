"""What somebody may say: a little at once, and no more than so much a second."""

from hypothesis import given
from hypothesis import strategies as st

from streaming.budget import Budget

FULL = Budget.full(10, 20, 100.0)


def test_a_burst_is_free_and_the_next_one_has_to_wait() -> None:
    budget = FULL
    for _ in range(20):
        budget = budget.spent(100.0)
        assert not budget.is_overdrawn
    assert budget.spent(100.0).is_overdrawn
    assert not budget.spent(100.2).is_overdrawn


@given(st.lists(st.floats(min_value=0, max_value=5), min_size=1, max_size=300))
def test_never_more_than_what_is_due_gets_through(pauses_s: list[float]) -> None:
    budget, now_s, through = FULL, 100.0, 0
    for pause_s in pauses_s:
        now_s += pause_s
        budget = budget.spent(now_s)
        through += not budget.is_overdrawn
    assert through <= 20 + 10 * (now_s - 100.0) + 1


@given(st.lists(st.floats(min_value=0.11, max_value=100), max_size=300))
def test_who_keeps_to_it_is_always_heard(pauses_s: list[float]) -> None:
    budget, now_s = FULL, 100.0
    for pause_s in pauses_s:
        now_s += pause_s
        budget = budget.spent(now_s)
        assert not budget.is_overdrawn
