"""The host's cache of images between sessions: what is fetched unasked, and what goes when the disk fills.

What to fetch is the orchestrator's decision, what goes is decided by `eviction`. One pre-pull at a time, never beside a
session's pull; one that fails is told and tried again after a while, and one that is no longer wanted is given up.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass

import structlog

from agent_protocol import BuildSpec, Capacity, HostPull
from gameserver_agent.backoff import delay_s
from gameserver_agent.engine_watch import EngineWatch
from gameserver_agent.errors import EngineError, SessionEndedError
from gameserver_agent.evicting import Evicting
from gameserver_agent.eviction import evictable_bytes
from gameserver_agent.image_list import cached
from gameserver_agent.images import Images
from gameserver_agent.tasks import cancelled

log = structlog.get_logger()
_LOOK_EVERY_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 600.0
_TOLD_FOR_S = 600.0
_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class _Failed:
    """`times` in a row, the last of them at `at_s` of the event loop's clock."""

    image_id: str
    times: int
    at_s: float
    reason: str


class ImageCare:
    """`wanted` names the images that are needed here now or soon; `changed` is called when there is news to report."""

    def __init__(
        self,
        images: Images,
        evicting: Evicting | None,
        engine: EngineWatch,
        *,
        wanted: Callable[[], Collection[str]],
        changed: Callable[[], None],
    ) -> None:
        self.images = images
        self._evicting = evicting
        self._engine = engine
        self._wanted = wanted
        self._changed = changed
        self._prepulls: tuple[BuildSpec, ...] = ()
        self._fetching: tuple[str, asyncio.Task[None]] | None = None
        self._failed: dict[str, _Failed] = {}
        self._not_before_s: dict[str, float] = {}
        self._has_news = asyncio.Event()

    def want(self, prepulls: tuple[BuildSpec, ...]) -> None:
        """All that is to be fetched unasked, in the order of its worth."""
        if [build.build_id for build in prepulls] != [build.build_id for build in self._prepulls]:
            self._prepulls = prepulls
            self._has_news.set()

    def pulls(self) -> tuple[HostPull, ...]:
        """What is on its way now, and what of the pre-pulls failed lately: so the orchestrator orders something else
        here for a while.
        """
        now_s = asyncio.get_running_loop().time()
        here = {image.image_id for image in self._engine.found}
        coming = self.images.pulls()
        left_out = here | {pull.image_id for pull in coming}
        failed = (
            HostPull(image_id=one.image_id, unasked=True, failure=one.reason[:_LONGEST_REASON])
            for one in self._failed.values()
            if now_s - one.at_s < _TOLD_FOR_S and one.image_id not in left_out
        )
        return (*coming, *failed)

    def offered(self, capacity: Capacity) -> Capacity:
        """With what cached images would give up for others."""
        if self._evicting is None:
            return capacity
        images = [cached(image, self.images.uses) for image in self._engine.found]
        evictable = evictable_bytes(images, self._wanted())
        return capacity.model_copy(update={"disk_evictable_bytes": evictable})

    async def keep(self) -> None:
        """For ever."""
        try:
            while True:
                self._has_news.clear()
                await self._look()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_EVERY_S):
                        await self._has_news.wait()
        finally:
            if self._fetching is not None:
                await cancelled(self._fetching[1])

    async def _look(self) -> None:
        await self._fetch_next()
        if not self._engine.is_well:
            return
        if self._evicting is not None and await self._evicting.relieve() and await self._engine.look():
            self._changed()
        if self._engine.found:
            here = {image.image_id for image in self._engine.found}
            self.images.uses.keep_only(here | set(self._wanted()))
        await self.images.uses.write()

    async def _fetch_next(self) -> None:
        wanted = {build.build_id for build in self._prepulls}
        if self._fetching is not None:
            build_id, task = self._fetching
            if build_id in wanted and not task.done():
                return
            self._fetching = None
            await cancelled(task)
        now_s = asyncio.get_running_loop().time()
        here = {image.image_id for image in self._engine.found}
        for build in self._prepulls:
            is_due = now_s >= self._not_before_s.get(build.build_id, 0.0)
            if build.image_id not in here and is_due and not self.images.is_busy:
                self._fetching = build.build_id, asyncio.create_task(self._fetch(build))
                return

    async def _fetch(self, build: BuildSpec) -> None:
        self._changed()
        pause_s = _LOOK_EVERY_S
        try:
            if await self.images.prefetch(build):
                self._failed.pop(build.build_id, None)
                await self._engine.look()
        except (SessionEndedError, EngineError) as error:
            before, now_s = self._failed.get(build.build_id), asyncio.get_running_loop().time()
            failed = _Failed(build.image_id, before.times + 1 if before else 1, now_s, str(error))
            self._failed[build.build_id] = failed
            pause_s = delay_s(failed.times, random.random, first_s=_FIRST_PAUSE_S, most_s=_LONGEST_PAUSE_S)
            log.warning("image.prepull_failed", build=build.build_id, reason=str(error), again_in_s=round(pause_s))
        finally:
            self._not_before_s[build.build_id] = asyncio.get_running_loop().time() + pause_s
            self._changed()
            self._has_news.set()
