"""Getting a build's image into the engine, once however many ask for it.

`image_id` alone decides: an image that is there is used whatever it is called, and a pull that brings another one is a
failure. A pull whose last asker has gone is cancelled. A pre-pull waits while a session's pull runs, gives way when one
begins, and is joined by a session that wants the same image.
"""

import asyncio
import time
from collections.abc import Callable

from agent_protocol import BuildSpec, EndCode, HostPull, Progress
from gameserver_agent.errors import EngineError, ImageNotFoundError, SessionEndedError
from gameserver_agent.evicting import Evicting
from gameserver_agent.eviction import room_for
from gameserver_agent.image_list import repository_of
from gameserver_agent.image_uses import ImageUses
from gameserver_agent.pull_failures import PullFailure, failure_of, told
from gameserver_agent.pulls import Pull
from gameserver_agent.runtime.port import Runtime
from gameserver_agent.tasks import cancelled
from metering import UNMETERED, Meter

# The orchestrator gives a silent pull 30 s: a little before, it hears from us what is the matter.
_QUIET_S = 27.0
_FOLD = 0.3


class Images:
    """The image cache of one engine. `evicting` makes room in it; without, nothing is ever dropped."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        quiet_s: float = _QUIET_S,
        uses: ImageUses | None = None,
        evicting: Evicting | None = None,
        now_s: Callable[[], float] = time.time,
        meter: Meter = UNMETERED,
    ) -> None:
        self._meter = meter
        self._runtime = runtime
        self._quiet_s = quiet_s
        self._evicting = evicting
        self._now_s = now_s
        self._pulls: dict[str, Pull] = {}
        self.uses = uses or ImageUses()
        self.pull_bytes_per_s: float | None = None

    def pulls(self) -> tuple[HostPull, ...]:
        """What is on its way now."""
        return tuple(pull.seen() for pull in self._pulls.values())

    @property
    def is_busy(self) -> bool:
        """A session waits for a pull."""
        return any(pull.reports for pull in self._pulls.values())

    async def ensure(self, build: BuildSpec, report: Callable[[Progress], None]) -> None:
        """Return once the engine holds the image. Raises `SessionEndedError` `image_missing`, `pull_failed` or
        `disk_full`.
        """
        self.uses.note(build.image_id, self._now_s())
        if await self._is_here(build):
            return
        reference = _reference(build)
        await self._prepare(build, reference)
        self._give_way(reference)
        pull = self._begun(build, reference)
        pull.reports.append(report)
        try:
            await self._arrival(pull, build)
        finally:
            pull.reports.remove(report)
            await self._let_go(pull)

    async def prefetch(self, build: BuildSpec) -> bool:
        """Fetch it because somebody may want it soon. False when a session's pull goes first. Raises as `ensure`, and
        `disk_full` where the disk would be too full with it.
        """
        self.uses.note_unused(build.image_id)
        is_here = await self._is_here(build) or await self._fetch_unasked(build)
        if is_here:
            self.uses.note_fetched(build.image_id, self._now_s())
        return is_here

    async def _fetch_unasked(self, build: BuildSpec) -> bool:
        reference = _reference(build)
        if not self.is_busy:
            await self._prepare(build, reference, is_unasked=True)
        if self.is_busy and reference not in self._pulls:
            return False
        pull = self._begun(build, reference)
        pull.is_wanted_unasked = True
        try:
            await self._arrival(pull, build)
        except asyncio.CancelledError:
            if not pull.gave_way:
                raise
            return False
        finally:
            pull.is_wanted_unasked = False
            await self._let_go(pull)
        return True

    async def _is_here(self, build: BuildSpec) -> bool:
        if self._evicting is not None:
            await self._evicting.until_settled(build.image_id)
        return await self._runtime.find_image(build.image_id) is not None

    async def _prepare(self, build: BuildSpec, reference: str, *, is_unasked: bool = False) -> None:
        if reference in self._pulls:
            return
        await self.uses.write()  # whatever becomes of us, what we fetched is known to be ours
        if self._evicting is None:
            return
        needed_bytes = room_for(build.size_bytes, sum(build.layers.values()))
        if not is_unasked:
            await self._evicting.make_room(needed_bytes)
        elif not await self._evicting.make_room_unasked(needed_bytes):
            raise SessionEndedError(EndCode.DISK_FULL, "The host's disk would be too full with this game's image.")

    def _begun(self, build: BuildSpec, reference: str) -> Pull:
        pull = self._pulls.get(reference)
        if pull is None:
            pull = self._pulls[reference] = Pull(
                self._runtime, build, reference, self._quiet_s, self._pulls.values, self._meter
            )
        return pull

    async def _arrival(self, pull: Pull, build: BuildSpec) -> None:
        try:
            await asyncio.shield(pull.task)
        except EngineError as error:
            is_unknown = isinstance(error, ImageNotFoundError)
            failure = PullFailure.UNKNOWN if is_unknown else failure_of(str(error))
            code, message = told(failure, pull.reference, str(error))
            raise SessionEndedError(code, message) from error
        if await self._runtime.find_image(build.image_id) is None:
            raise SessionEndedError(
                EndCode.PULL_FAILED,
                f"The registry holds another image under {pull.reference} than this game's build names"
                f" ({build.image_id}).",
            )

    async def _let_go(self, pull: Pull) -> None:
        if pull.reports or pull.is_wanted_unasked:
            return
        if self._pulls.get(pull.reference) is pull:
            del self._pulls[pull.reference]
            if pull.bytes_per_s is not None:
                before = self.pull_bytes_per_s or pull.bytes_per_s
                self.pull_bytes_per_s = before + _FOLD * (pull.bytes_per_s - before)
        await cancelled(pull.task)

    def _give_way(self, reference: str) -> None:
        """A session is about to pull: what nobody waits for stops, and is begun again later."""
        for pull in tuple(self._pulls.values()):
            if pull.reference != reference and not pull.reports:
                del self._pulls[pull.reference]
                pull.gave_way = True
                pull.task.cancel()


def _reference(build: BuildSpec) -> str:
    if build.manifest_digest is None:
        raise SessionEndedError(
            EndCode.IMAGE_MISSING,
            f"The image of this game ({build.image}) is not on the host, and no registry has it.",
        )
    return f"{repository_of(build.image)}@{build.manifest_digest}"
