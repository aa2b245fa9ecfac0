"""Which images each host can let go first, as this replica saw it last. `prepulling` decides it, a sync tells it.

It is in no row: every replica decides for itself from the same rows, once a minute, so telling a host costs nothing.
Two replicas may differ for as long as that. What it changes is the order in which a host drops images that it may drop
anyhow.
"""

from collections.abc import Mapping


class SpareImages:
    """One for each replica."""

    def __init__(self) -> None:
        self._by_host: Mapping[str, frozenset[str]] | None = None

    def decided(self, by_host: Mapping[str, frozenset[str]]) -> None:
        self._by_host = by_host

    def of(self, host_id: str) -> frozenset[str] | None:
        """None as long as this replica has decided nothing."""
        return None if self._by_host is None else self._by_host.get(host_id, frozenset())
