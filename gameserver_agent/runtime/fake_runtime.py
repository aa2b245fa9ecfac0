"""An engine in memory that keeps the contract of `Runtime`: for tests, and for fleets larger than a machine.

Games are `FakeProgram`s, found by the container's command; an unknown command sleeps until it is signalled.
"""

import asyncio
import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gameserver_agent.errors import (
    ContainerNotFoundError,
    EngineError,
    EngineUnreachableError,
    ImageNotFoundError,
)
from gameserver_agent.runtime.port import (
    Container,
    ContainerSpec,
    ContainerStatus,
    EngineInfo,
    Image,
    ReportBytes,
)
from gameserver_agent.statistics import Sample

_NUMBERS = {"SIGHUP": 1, "SIGINT": 2, "SIGQUIT": 3, "SIGKILL": 9, "SIGTERM": 15}


@dataclass(frozen=True)
class FakeProgram:
    """What a game does: `exit_code` None means that it runs until a signal that it does not ignore."""

    exit_code: int | None = None
    output: tuple[str, ...] = ()
    ignores: frozenset[str] = frozenset()
    exit_code_on_signal: int | None = None
    out_of_memory: bool = False


@dataclass
class _FakeContainer:
    container_id: str
    spec: ContainerSpec
    program: FakeProgram
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int = 0
    is_paused: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_running(self) -> bool:
        return self.started_at is not None and self.ended_at is None

    def end(self, exit_code: int) -> None:
        self.exit_code = exit_code
        self.is_paused = False
        self.ended_at = datetime.now(UTC)
        self.ended.set()


class FakeRuntime:
    """`registry` maps pullable references to the image that they bring; the next pulls fail with `pull_errors`.
    `is_away` makes every call fail.
    """

    def __init__(self, programs: Mapping[tuple[str, ...], FakeProgram] | None = None) -> None:
        self.programs = dict(programs or {})
        self.images: dict[str, Image] = {}
        self.registry: dict[str, Image] = {}
        self.specs: list[ContainerSpec] = []
        self.pulls = 0
        self.pull_errors: list[str] = []
        self.is_away = False
        self.may_pull = asyncio.Event()
        self.may_pull.set()
        self._containers: dict[str, _FakeContainer] = {}
        self._ids = itertools.count(1)

    async def info(self) -> EngineInfo:
        self._require_engine()
        return EngineInfo("fake", "/")

    async def find_image(self, image_id: str) -> Image | None:
        self._require_engine()
        return self.images.get(image_id)

    async def list_images(self) -> tuple[Image, ...]:
        self._require_engine()
        return tuple(self.images.values())

    async def pull(self, reference: str, report: ReportBytes, layers: Mapping[str, int] | None = None) -> None:
        self._require_engine()
        self.pulls += 1
        if self.pull_errors:
            raise EngineError(self.pull_errors.pop(0))
        image = self.registry.get(reference)
        if image is None:
            raise ImageNotFoundError(f"no registry has {reference}")
        report(0, image.size_bytes, 0, False)
        await self.may_pull.wait()
        report(image.size_bytes, image.size_bytes, image.size_bytes, False)
        self.images[image.image_id] = image

    async def remove_image(self, image_id: str, names: Collection[str] = ()) -> bool:
        self._require_engine()
        if image_id in self.images and not set(self.images[image_id].names) <= set(names):
            return False
        if any(container.spec.image_id == image_id for container in self._containers.values()):
            return False
        self.images.pop(image_id, None)
        return True

    async def create(self, spec: ContainerSpec) -> str:
        self._require_engine()
        for container in self._containers.values():
            if container.spec.name == spec.name:
                if _carries(container, spec.labels):
                    return container.container_id
                raise EngineError(f"the name {spec.name} is taken")
        if spec.image_id not in self.images:
            raise EngineError(f"no such image: {spec.image_id}")
        container_id = f"{next(self._ids):064x}"
        program = self.programs.get(spec.command, FakeProgram())
        self._containers[container_id] = _FakeContainer(container_id, spec, program)
        self.specs.append(spec)
        return container_id

    async def start(self, container_id: str) -> None:
        container = self._find(container_id)
        if container.started_at is not None:
            return
        container.started_at = datetime.now(UTC)
        if container.program.exit_code is not None:
            container.end(container.program.exit_code)

    async def list_containers(self, labels: Mapping[str, str]) -> tuple[Container, ...]:
        self._require_engine()
        return tuple(
            Container(
                container_id=container.container_id,
                name=container.spec.name,
                image_id=container.spec.image_id,
                is_running=container.is_running,
                labels=dict(container.spec.labels),
            )
            for container in self._containers.values()
            if _carries(container, labels)
        )

    async def status(self, container_id: str) -> ContainerStatus:
        container = self._find(container_id)
        return ContainerStatus(
            is_running=container.is_running,
            has_ended=container.ended_at is not None,
            exit_code=container.exit_code,
            out_of_memory=container.program.out_of_memory and container.ended_at is not None,
            started_at=container.started_at,
            ended_at=container.ended_at,
            is_paused=container.is_paused,
        )

    async def wait_ended(self, container_id: str) -> ContainerStatus:
        await self._find(container_id).ended.wait()
        return await self.status(container_id)

    async def sample(self, container_id: str) -> Sample | None:
        container = self._find(container_id)
        if not container.is_running or container.started_at is None:
            return None
        lived_s = (datetime.now(UTC) - container.started_at).total_seconds()
        return Sample(cpu_seconds=lived_s / 4, usage_bytes=64 * 1024**2, inactive_file_bytes=16 * 1024**2)

    async def log_tail(self, container_id: str, lines: int) -> tuple[str, ...]:
        container = self._find(container_id)
        return container.program.output[-lines:] if container.started_at is not None else ()

    async def pause(self, container_id: str) -> None:
        container = self._find(container_id)
        container.is_paused = container.is_running

    async def unpause(self, container_id: str) -> None:
        self._find(container_id).is_paused = False

    async def signal(self, container_id: str, signal: str) -> None:
        container = self._find(container_id)
        program = container.program
        is_deaf = container.is_paused or signal in program.ignores
        if not container.is_running or (is_deaf and signal != "SIGKILL"):
            return
        chosen = program.exit_code_on_signal
        container.end(128 + _NUMBERS[signal] if signal == "SIGKILL" or chosen is None else chosen)

    async def remove(self, container_id: str) -> None:
        self._require_engine()
        container = self._containers.pop(container_id, None)
        if container is not None and container.is_running:
            container.end(137)

    async def close(self) -> None:
        """Nothing is held."""

    def _find(self, container_id: str) -> _FakeContainer:
        self._require_engine()
        container = self._containers.get(container_id)
        if container is None:
            raise ContainerNotFoundError(f"no such container: {container_id}")
        return container

    def _require_engine(self) -> None:
        if self.is_away:
            raise EngineUnreachableError("the Docker Engine does not answer")


def _carries(container: _FakeContainer, labels: Mapping[str, str]) -> bool:
    return all(container.spec.labels.get(name) == value for name, value in labels.items())
