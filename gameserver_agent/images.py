"""Getting a build's image into the engine, once however many sessions ask for it, and saying which ones are there.

`image_id` alone decides: an image that is there is used whatever it is called, and a pull that brings another one is a
failure. A pull whose last asker has gone is cancelled, and so is one that brings no byte for 30 s.
"""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from agent_protocol import BuildSpec, HostImage, Progress
from gameserver_agent.errors import EngineError, ImageNotFoundError, SessionEndedError
from gameserver_agent.runtime.port import Image, Runtime
from gameserver_agent.tasks import cancelled

log = structlog.get_logger()
_QUIET_S = 30.0
_FOLD = 0.3
MOST_REPORTED = 200


class Images:
    """The image cache of one engine."""

    def __init__(self, runtime: Runtime, *, quiet_s: float = _QUIET_S) -> None:
        self._runtime = runtime
        self._quiet_s = quiet_s
        self._pulls: dict[str, _Pull] = {}
        self.pull_bytes_per_s: float | None = None

    async def ensure(self, build: BuildSpec, report: Callable[[Progress], None]) -> None:
        """Return once the engine holds the image. Raises `SessionEndedError` `image_missing` or `pull_failed`."""
        if await self._runtime.find_image(build.image_id) is not None:
            return
        if build.manifest_digest is None:
            raise SessionEndedError(
                "image_missing", f"The image of this game ({build.image}) is not on the host, and no registry has it."
            )
        reference = f"{repository_of(build.image)}@{build.manifest_digest}"
        pull = self._pulls.get(reference)
        if pull is None:
            pull = self._pulls[reference] = _Pull(asyncio.ensure_future(self._pull(reference)))
        pull.reports.append(report)
        try:
            await asyncio.shield(pull.task)
        except ImageNotFoundError as error:
            raise SessionEndedError("image_missing", f"The registry has no image {reference}.") from error
        except EngineError as error:
            raise SessionEndedError("pull_failed", f"The game could not be fetched: {error}") from error
        finally:
            pull.reports.remove(report)
            if not pull.reports:
                self._pulls.pop(reference, None)
                await cancelled(pull.task)
        if await self._runtime.find_image(build.image_id) is None:
            raise SessionEndedError("pull_failed", "The registry holds another image than this game's build names.")

    async def _pull(self, reference: str) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        done_bytes = 0
        moved = asyncio.Event()

        def report(done: int, total: int | None) -> None:
            nonlocal done_bytes
            done_bytes = done
            moved.set()
            for tell in tuple(self._pulls[reference].reports) if reference in self._pulls else ():
                tell(Progress(done=done, total=total))

        pulling = asyncio.ensure_future(self._runtime.pull(reference, report))
        try:
            while not pulling.done():
                moved.clear()
                waiting = asyncio.ensure_future(moved.wait())
                done, _ = await asyncio.wait(
                    {pulling, waiting}, timeout=self._quiet_s, return_when=asyncio.FIRST_COMPLETED
                )
                await cancelled(waiting)
                if not done:
                    raise EngineError(f"no byte arrived for {self._quiet_s:g} seconds")
            await pulling
        finally:
            await cancelled(pulling)
        took_s = loop.time() - began_s
        self._learn_speed(done_bytes, took_s)
        log.info("image.pulled", reference=reference, bytes=done_bytes, took_s=round(took_s, 1))

    def _learn_speed(self, done_bytes: int, took_s: float) -> None:
        if done_bytes < 1024**2 or took_s <= 0:
            return
        now = done_bytes / took_s
        before = self.pull_bytes_per_s
        self.pull_bytes_per_s = now if before is None else before + _FOLD * (now - before)


class _Pull:
    def __init__(self, task: "asyncio.Future[None]") -> None:
        self.task = task
        self.reports: list[Callable[[Progress], None]] = []


def reported(images: Iterable[Image]) -> tuple[HostImage, ...]:
    """What the orchestrator is told of the engine's images: all of ours, then others up to `MOST_REPORTED`. Ours carry
    a label of ours or are tagged below `playhouse/`.
    """
    ours: list[Image] = []
    others: list[Image] = []
    for image in images:
        (ours if _is_ours(image) else others).append(image)
    return tuple(
        HostImage(
            image_id=image.image_id,
            manifest_digest=image.manifest_digests[0] if image.manifest_digests else None,
            size_bytes=image.size_bytes,
        )
        for image in (*ours, *others[: max(0, MOST_REPORTED - len(ours))])
    )


def _is_ours(image: Image) -> bool:
    is_tagged = any("playhouse" in repository_of(name).split("/")[:-1] for name in image.names)
    return is_tagged or any(label.startswith("playhouse.") for label in image.labels)


def repository_of(image: str) -> str:
    """`registry:5000/name:tag@sha256:…` without tag and digest."""
    name = image.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(":")[0]
