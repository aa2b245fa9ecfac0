"""How many connections a replica holds, and of whom. Pure counting.

A connection counts for its address until it shows a session's token, or plays in a session that it named, and for
that session's tenant from then on: a flood of strangers keeps nobody out who has a session, and no tenant takes all the
room.
"""

from collections import Counter
from typing import Final

MOST: Final = 10_000
MOST_OF_ADDRESS: Final = 500
MOST_OF_TENANT: Final = 7_500


class Doors:
    def __init__(self) -> None:
        self._owners: dict[str, str] = {}
        self._counts: Counter[str] = Counter()

    @property
    def count(self) -> int:
        return len(self._owners)

    def is_full(self, address: str) -> bool:
        """Whether nobody else may come in from there now."""
        return self.count >= MOST or self._counts[_from(address)] >= MOST_OF_ADDRESS

    def enter(self, connection_id: str, address: str) -> None:
        """A connection that has shown nothing yet."""
        self._count(connection_id, _from(address))

    def prove(self, connection_id: str, tenant_id: str) -> bool:
        """It has shown a token of this tenant's. False, and nothing changes, when the tenant has too many already, or
        when it has ended meanwhile.
        """
        owner = f"tenant {tenant_id}"
        if self._owners.get(connection_id) == owner:
            return True
        if connection_id not in self._owners or self._counts[owner] >= MOST_OF_TENANT:
            return False
        self.leave(connection_id)
        self._count(connection_id, owner)
        return True

    def leave(self, connection_id: str) -> None:
        """It has ended. Again is nothing."""
        owner = self._owners.pop(connection_id, None)
        if owner is None:
            return
        self._counts[owner] -= 1
        if not self._counts[owner]:
            del self._counts[owner]

    def _count(self, connection_id: str, owner: str) -> None:
        self._owners[connection_id] = owner
        self._counts[owner] += 1


def _from(address: str) -> str:
    return f"address {address}"
