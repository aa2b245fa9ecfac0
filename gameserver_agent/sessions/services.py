"""What a session's task works with. The composition root fills it in; tests fill it with the in-memory twins."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Protocol

from agent_protocol import BuildSpec, RestoreSource
from gameserver_agent.evicting import Evicting
from gameserver_agent.images import Images
from gameserver_agent.runtime.port import Runtime
from gameserver_agent.saves.outbox import Outbox
from gameserver_agent.seats.seat import Seats
from gameserver_agent.seats.warm import WarmSeats
from gameserver_agent.seats.warm_plan import size_of
from gameserver_agent.sessions.kept import KeptSaves
from gameserver_agent.sessions.state import BOOTING_WITHIN_S
from gameserver_agent.titles.title import TitleParts
from gameserver_agent.titles.waiting import WaitingTitles
from metering import UNMETERED, Meter
from streaming.protocol import SeatConfig
from tracing import UNTRACED, Tracer


class Downloads(Protocol):
    """The part of the orchestrator's client that restoring needs."""

    async def download_save(self, source: RestoreSource, target: Path) -> None: ...


class PictureUploads(Protocol):
    """The part of the orchestrator's client that takes pictures of saves."""

    async def upload_picture(self, version_id: str, jpeg: bytes) -> None: ...


class NoPictures:
    """Keeps none."""

    async def upload_picture(self, version_id: str, jpeg: bytes) -> None:
        """Nothing to do."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def boot_id_of_machine() -> str:
    """Another one after each start of the kernel."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@dataclass(frozen=True)
class SessionServices:
    """`data` is the agent's folder, `interpreter` a Python that a seat's uid can run, `ours` the labels of this host.
    `changed` is called whenever there is something new to report. `now` is the clock that deadlines are told by.
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
    udp_ports: tuple[int, int] | None = None
    public_address: str | None = None
    bitrate_bps: int = 8_000_000
    pictures: PictureUploads = field(default_factory=NoPictures)
    now: Callable[[], datetime] = utc_now
    boot_id: str = field(default_factory=boot_id_of_machine)
    booting_within_s: float = BOOTING_WITHIN_S
    evicting: Evicting | None = None
    meter: Meter = UNMETERED
    tracer: Tracer = UNTRACED
    restores: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))

    @cached_property
    def kept(self) -> KeptSaves:
        """Homes that wait for another try of their capture."""
        return KeptSaves(self.data, self.outbox, self.interpreter)

    @cached_property
    def warm(self) -> WarmSeats:
        """Seats that wait for a session."""
        return WarmSeats(self.seats, self.changed)

    @cached_property
    def titles(self) -> WaitingTitles:
        """Games that wait at their title for a session."""
        parts = TitleParts(self.runtime, self.seats, self.data, self.ours, self.seat_config)
        return WaitingTitles(parts, self.changed)

    def seat_config(self, build: BuildSpec) -> SeatConfig:
        """The seat that a game of this build plays on."""
        size = size_of(build.display.width, build.display.height)
        return SeatConfig(
            width=size.width,
            height=size.height,
            fps=build.display.fps,
            ice_addresses=self.ice_addresses,
            udp_ports=self.udp_ports,
            public_address=self.public_address,
            bitrate_bps=self.bitrate_bps,
            gamepad=build.gamepad,
        )

    def session_folder(self, session_id: str) -> Path:
        return self.data / "sessions" / session_id
