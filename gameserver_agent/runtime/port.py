"""What the agent asks of a container engine. `DockerRuntime` and `FakeRuntime` both keep this contract
(tests/contract/test_runtime.py runs on both).

Every call has a deadline of its own and raises an `EngineError`; none waits for ever.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gameserver_agent.statistics import Sample

ReportBytes = Callable[[int, int | None, int, bool], None]
"""Called from the event loop with bytes done, when known bytes in all, how many of those done are unpacked, and whether
what is still to come waits until the engine has fetched others.
"""


@dataclass(frozen=True)
class Mount:
    """A file, socket or folder of the host, seen inside the container."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class ContainerSpec:
    """All that differs between two game containers. What never differs (no network, no capability, read-only root, …)
    is not here and cannot be left out.
    """

    name: str
    image_id: str
    command: tuple[str, ...]
    user: str
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    mounts: tuple[Mount, ...]
    cpu_cores: float
    memory_bytes: int
    pids: int
    stop_signal: str
    temporary_bytes: int = 256 * 1024**2


@dataclass(frozen=True)
class Container:
    """A container as the engine's list shows it."""

    container_id: str
    name: str
    image_id: str
    is_running: bool
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class ContainerStatus:
    """How a container is. `exit_code` means something only once `has_ended`; a paused one is running, too."""

    is_running: bool
    has_ended: bool
    exit_code: int
    out_of_memory: bool
    started_at: datetime | None
    ended_at: datetime | None
    is_paused: bool = False


@dataclass(frozen=True)
class Image:
    """An image in the engine. `names` are its tags and `labels` the labels' names, as the engine's list shows them."""

    image_id: str
    manifest_digests: tuple[str, ...]
    size_bytes: int
    names: tuple[str, ...] = ()
    labels: frozenset[str] = frozenset()


@dataclass(frozen=True)
class EngineInfo:
    """What the engine says of itself. `storage_folder` is where images and containers lie."""

    version: str
    storage_folder: str


class Runtime(Protocol):
    """The engine. Container ids are the engine's own."""

    async def info(self) -> EngineInfo: ...

    async def find_image(self, image_id: str) -> Image | None:
        """None when the engine does not hold it."""
        ...

    async def list_images(self) -> tuple[Image, ...]: ...

    async def pull(self, reference: str, report: ReportBytes, layers: Mapping[str, int] | None = None) -> None:
        """Fetch `name@sha256:…`. Cancelling the call cancels the pull. With `layers` (digest to bytes) the bytes in all
        are known from the beginning. Raises `ImageNotFoundError` when no registry has it.
        """
        ...

    async def remove_image(self, image_id: str, names: Collection[str] = ()) -> bool:
        """Drop it with `names`, which are all its tags. False when a container has it, or it has another tag: that one
        stays, and the image with it. What is not there is dropped already.
        """
        ...

    async def create(self, spec: ContainerSpec) -> str:
        """Make, not start. A container of the same name that carries the same labels is returned instead (a lost
        answer repeated); one with other labels is never touched and raises `EngineError`.
        """
        ...

    async def start(self, container_id: str) -> None:
        """Starting a started container does nothing."""
        ...

    async def list_containers(self, labels: Mapping[str, str]) -> tuple[Container, ...]:
        """Running and ended containers that carry all of `labels`."""
        ...

    async def status(self, container_id: str) -> ContainerStatus: ...

    async def wait_ended(self, container_id: str) -> ContainerStatus:
        """Returns soon after the container has ended; survives the engine's restart."""
        ...

    async def sample(self, container_id: str) -> Sample | None:
        """None when the container does not run."""
        ...

    async def log_tail(self, container_id: str, lines: int) -> tuple[str, ...]:
        """The last lines that the game wrote, oldest first, each at most 500 characters, without control codes."""
        ...

    async def pause(self, container_id: str) -> None:
        """All its processes stand still. Pausing a paused or an ended container does nothing."""
        ...

    async def unpause(self, container_id: str) -> None:
        """Unpausing what is not paused does nothing."""
        ...

    async def signal(self, container_id: str, signal: str) -> None:
        """Signalling an ended container does nothing. `SIGKILL` ends a paused one; others it may hear once thawed."""
        ...

    async def remove(self, container_id: str) -> None:
        """Kill if need be, and remove. Removing what is not there does nothing."""
        ...

    async def close(self) -> None: ...
