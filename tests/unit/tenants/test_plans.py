"""What a plan grants."""

import pytest

from orchestrator.tenants.plans import granted


@pytest.mark.parametrize(("monthly", "walk_ins"), [(1_000, 500), (1, 1), (0, 0), (None, 500)])
def test_pages_without_a_session_have_half_of_the_months_sessions(monthly: int | None, walk_ins: int) -> None:
    assert granted("starter", monthly, None, None).monthly_walk_ins == walk_ins


def test_what_is_unlimited_has_no_half() -> None:
    assert granted("enterprise", None, None, None).monthly_walk_ins is None
