"""How many deliveries each endpoint may begin now, so that a slow target holds up nobody but itself. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST_AT_AN_ENDPOINT = 4
MOST_AT_A_FAILING_ENDPOINT = 1


@dataclass(frozen=True, slots=True)
class Waiting:
    """An endpoint for which something is due. `under_way` is what all replicas send to it just now."""

    endpoint_id: str
    is_failing: bool
    under_way: int


def shares_of(waiting: Sequence[Waiting], free: int) -> dict[str, int]:
    """How many each endpoint gets of the `free` places of a replica, each at least one or not in the answer. Those that
    work come first, one place each before any has a second; those that fail share half of what is left, at the most.
    """
    shares: dict[str, int] = {}
    working = [each for each in waiting if not each.is_failing]
    for under_way in range(MOST_AT_AN_ENDPOINT):
        for each in working:
            if free > 0 and each.under_way <= under_way:
                shares[each.endpoint_id] = shares.get(each.endpoint_id, 0) + 1
                free -= 1
    failing = [each for each in waiting if each.is_failing and each.under_way < MOST_AT_A_FAILING_ENDPOINT]
    for each in failing[: (free + 1) // 2]:
        shares[each.endpoint_id] = 1
    return shares
