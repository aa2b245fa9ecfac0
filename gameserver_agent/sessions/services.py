"""What a session's task works with. The composition root fills it in; tests fill it with the in-memory twins."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from agent_protocol import RestoreSource
from gameserver_agent.images import Images
from gameserver_agent.runtime.port import Runtime
from gameserver_agent.saves.outbox import Outbox
from gameserver_agent.seats.seat import Seats
from gameserver_agent.sessions.kept import KeptSaves


class Downloads(Protocol):
    """The part of the orchestrator's client that restoring needs."""

    async def download_save(self, source: RestoreSource, target: Path) -> None: ...


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class SessionServices:
    """`data` is the agent's folder, `interpreter` a Python that a seat's uid can run, `ours` the labels of this host.
    `changed` is called whenever there is something new to report.
    """

    runtime: Runtime
    images: Images
    seats: Seats
    downloads: Downloads
    outbox: Outbox
    data: Path
    interpreter: str
    ours: dict[str, str]
    changed: Callable[[], None]
    ice_addresses: tuple[str, ...] = ()
    bitrate_bps: int = 8_000_000
    now: Callable[[], datetime] = utc_now
    restores: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))

    @property
    def kept(self) -> KeptSaves:
        """Homes that wait for another try of their capture."""
        return KeptSaves(self.data, self.outbox, self.interpreter)

    def session_folder(self, session_id: str) -> Path:
        return self.data / "sessions" / session_id
