"""What a plan grants."""

from datetime import UTC, datetime

import pytest

from orchestrator.tenants.plans import end_of_month, granted


@pytest.mark.parametrize(("monthly", "walk_ins"), [(1_000, 500), (1, 1), (0, 0), (None, 500)])
def test_pages_without_a_session_have_half_of_the_months_sessions(monthly: int | None, walk_ins: int) -> None:
    assert granted("starter", monthly, None, None).monthly_walk_ins == walk_ins


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (datetime(2026, 1, 31, 23, 59, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
        (datetime(2026, 11, 30, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
        (datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_month_ends_where_the_next_begins(now: datetime, end: datetime) -> None:
    assert end_of_month(now) == end


def test_what_is_unlimited_has_no_half() -> None:
    assert granted("enterprise", None, None, None).monthly_walk_ins is None
