"""What the fleet needs to know of sessions. `play.ledger` implements it; the fleet never reads session rows itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession

from agent_protocol import DesiredSession, ObservedSession
from scheduler.values import Resources


@dataclass(frozen=True, slots=True)
class SessionOnHost:
    """A session that has its place on a host. `peers` are the connected players and watchers."""

    session_id: str
    game_slug: str
    position: str
    created_at: datetime
    is_paused: bool
    peers: int
    last_input_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claim:
    """What a session takes of a host, the labels that it asks for, and the disk that must be free on a host that does
    not hold its image.
    """

    resources: Resources
    image_id: str
    disk_bytes: int = 0
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


class SessionLedger(Protocol):
    """Each method works in the caller's transaction."""

    async def on_host(self, session: AsyncSession, host_id: str) -> tuple[SessionOnHost, ...]:
        """What has its place on this host, the oldest first."""
        ...

    async def on_hosts(self, session: AsyncSession) -> Mapping[str, tuple[SessionOnHost, ...]]:
        """The same of every host, in one look."""
        ...

    async def unplaced(self, session: AsyncSession) -> int:
        """How many sessions wait for a host."""
        ...

    async def count_by_host(self, session: AsyncSession) -> Mapping[str, int]:
        """How many sessions have their place on each host."""
        ...

    async def reserved(self, session: AsyncSession, host_id: str | None = None) -> Mapping[str, Resources]:
        """What live sessions take of each host, or of that one alone, summed from their rows."""
        ...

    async def launches(self, session: AsyncSession, since: datetime) -> Mapping[str, int]:
        """How many sessions of each build have been launched since then."""
        ...

    async def reserve(self, session: AsyncSession, session_id: str, host_id: str, claim: Claim, now: datetime) -> bool:
        """Place a waiting session on a host that can take it now; False when it cannot. The host's row may be locked
        then: roll back to a savepoint.
        """
        ...

    async def launches_by_age(self, session: AsyncSession, since: Sequence[datetime]) -> Mapping[str, tuple[int, ...]]:
        """By game, how many sessions were begun since each of these moments and before the one ahead of it. Moments go
        back in time; the first span ends now.
        """
        ...

    def has_any(self) -> ColumnElement[bool]:
        """Within a query of hosts: whether a session is about that one, which it has or had when it was lost."""
        ...

    async def unchanged(
        self, session: AsyncSession, host_id: str, observed: tuple[ObservedSession, ...], now: datetime
    ) -> tuple[DesiredSession, ...] | None:
        """What `desired` would say, when `observe` would move or change nothing; else None. Locks nothing."""
        ...

    async def observe(
        self, session: AsyncSession, host_id: str, observed: tuple[ObservedSession, ...], now: datetime
    ) -> tuple[str, ...]:
        """Move sessions by what their host reports; the ids of those that changed."""
        ...

    async def desired(
        self, session: AsyncSession, host_id: str, observed: tuple[ObservedSession, ...], now: datetime
    ) -> tuple[DesiredSession, ...]:
        """The complete list for this host; what it should not run but still does is listed with `want="stop"`."""
        ...
