"""What a plan grants. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final


class Plan(StrEnum):
    STARTER = "starter"
    GROWTH = "growth"
    PRO = "pro"
    ENTERPRISE = "enterprise"


class KeyMode(StrEnum):
    """The environment of a key."""

    LIVE = "live"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Grants:
    """`monthly_sessions` is None where they are unlimited. `seats` is how many streamed games may go on at once,
    `webhook_retries` come after a delivery's first try.
    """

    monthly_sessions: int | None
    requests_a_minute: int
    seats: int
    webhook_retries: int

    @property
    def monthly_walk_ins(self) -> int | None:
        """Half of the month's sessions: so many may be of pages that have none of their tenant's backend, which only an
        origin vouches for.
        """
        return None if self.monthly_sessions is None else (self.monthly_sessions + 1) // 2


GRANTS: Final[Mapping[Plan, Grants]] = {
    Plan.STARTER: Grants(1_000, 60, 2, 3),
    Plan.GROWTH: Grants(10_000, 300, 10, 3),
    Plan.PRO: Grants(100_000, 600, 50, 5),
    Plan.ENTERPRISE: Grants(None, 6_000, 500, 8),
}


def end_of_month(now: datetime) -> datetime:
    """When the sessions of the month that is, in UTC, count no more."""
    return datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)


def granted(plan: str, monthly_sessions: int | None, requests_a_minute: int | None, seats: int | None) -> Grants:
    """The plan's grants with what was agreed instead."""
    of_plan = GRANTS[Plan(plan)]
    return Grants(
        of_plan.monthly_sessions if monthly_sessions is None else monthly_sessions,
        of_plan.requests_a_minute if requests_a_minute is None else requests_a_minute,
        of_plan.seats if seats is None else seats,
        of_plan.webhook_retries,
    )
