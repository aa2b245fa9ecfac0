"""Titles that wait on this host, as many of each build as the orchestrator says, and only of images that are here.

Each is taken once, by the first session of its very build, and never comes back. Raising one takes what a launch takes,
so none is begun while a session begins. Those that an earlier agent left are ended, not adopted.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable, Iterable

import structlog

from agent_protocol import BuildSpec, WarmSeats, WarmTitles
from gameserver_agent.backoff import delay_s
from gameserver_agent.errors import AgentError, EngineError
from gameserver_agent.seats.warm_plan import AFTER_TAKE_S, SURPLUS_FOR_S, size_of
from gameserver_agent.tasks import cancelled
from gameserver_agent.titles.title import Title, TitleParts, clear, new_title_id, raised, removed, require_still

log = structlog.get_logger()
MOST = 4
"""More are never kept, whatever is asked."""

_LOOK_EVERY_S = 1.0
_ASK_EVERY_S = 5.0


class WaitingTitles:
    """The waiting titles of this host. `changed` is called whenever there are more or fewer."""

    def __init__(self, parts: TitleParts, changed: Callable[[], None]) -> None:
        self._parts = parts
        self._changed = changed
        self._waiting: list[Title] = []
        self._left: list[Title] = []
        self._rising: str | None = None
        self._wanted: tuple[WarmTitles, ...] = ()
        self._rests_until_s = 0.0
        self._surplus_since_s: float | None = None
        self._failures = 0
        self._has_news = asyncio.Event()
        self._is_closed = False

    def want(self, orders: Iterable[WarmTitles]) -> None:
        """From now on so many; who is named first goes before where not all can be."""
        wanted = () if self._is_closed else tuple(orders)
        if wanted != self._wanted:
            self._wanted = wanted
            self._has_news.set()

    def known(self) -> frozenset[str]:
        """Ids of all whose containers are this agent's own."""
        here = {title.title_id for title in (*self._waiting, *self._left)}
        return frozenset(here if self._rising is None else {*here, self._rising})

    def report(self) -> tuple[WarmSeats, ...]:
        """Those that wait now, for the orchestrator."""
        builds = Counter(title.build.build_id for title in self._waiting)
        one_of_each = {title.build.build_id: title.build for title in self._waiting}.values()
        return tuple(_reported(build, builds[build.build_id], self._bytes_of(build)) for build in one_of_each)

    def image_ids(self) -> frozenset[str]:
        return frozenset(title.build.image_id for title in (*self._waiting, *self._left))

    def taken(self, build: BuildSpec) -> Title | None:
        """One of this very build is the caller's from now on; None when none waits. Either way a session begins."""
        self._rests_until_s = asyncio.get_running_loop().time() + AFTER_TAKE_S
        title = next((title for title in self._waiting if title.build == build), None)
        if title is not None:
            self._waiting.remove(title)
        return title

    async def discard(self, title: Title) -> None:
        """End what was taken and is of no use: nothing of it is left, at the latest some time later."""
        await self._end(title)

    async def clear(self, known: frozenset[str]) -> None:
        """End what an earlier agent left waiting; titles that are `known` have been taken by sessions."""
        try:
            await clear(self._parts, known)
        except (AgentError, OSError) as error:
            log.warning("title.left", reason=str(error))

    async def keep(self) -> None:
        """For ever: as many as are wanted, of those that are well."""
        loop = asyncio.get_running_loop()
        ask_at_s = loop.time() + _ASK_EVERY_S
        while True:
            self._has_news.clear()
            if loop.time() >= ask_at_s:
                await self._end_lost()
                ask_at_s = loop.time() + _ASK_EVERY_S
            await self._end_surplus(loop.time())
            build = self._missing()
            if build is not None and loop.time() >= self._rests_until_s:
                await self._raise(build)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._has_news.wait()

    async def end(self) -> None:
        """All of them, for good."""
        self._is_closed, self._wanted = True, ()
        waiting, self._waiting = self._waiting, []
        await asyncio.gather(*(self._end(title) for title in waiting))

    def _missing(self) -> BuildSpec | None:
        """The build to raise next; None when there are enough."""
        if len(self._waiting) + len(self._left) >= MOST:
            return None
        counts = Counter(title.build.build_id for title in self._waiting if not self._is_surplus(title))
        return next((order.build for order in self._wanted if counts[order.build.build_id] < order.count), None)

    def _surplus(self) -> list[Title]:
        """The youngest of each build, and all of those that nobody wants."""
        left = {order.build.build_id: order.count for order in self._wanted}
        found: list[Title] = []
        for title in self._waiting:
            if left.get(title.build.build_id, 0) > 0 and not self._is_surplus(title):
                left[title.build.build_id] -= 1
            else:
                found.append(title)
        return found

    def _is_surplus(self, title: Title) -> bool:
        """Of a build that is not wanted, or not as it is described now."""
        return all(order.build != title.build for order in self._wanted)

    async def _raise(self, build: BuildSpec) -> None:
        self._rising = title_id = new_title_id()
        rising = asyncio.ensure_future(self._raised(title_id, build))
        try:
            title = await asyncio.shield(rising)
        except asyncio.CancelledError:
            await cancelled(rising)
            if not rising.cancelled() and rising.exception() is None:
                self._waiting.append(rising.result())
            raise
        except (AgentError, OSError, TimeoutError) as error:
            self._failures += 1
            self._rests_until_s = asyncio.get_running_loop().time() + delay_s(self._failures, random.random, most_s=60)
            if self._failures == 1:
                log.warning("title.not_raised", build=build.build_id, reason=str(error) or "it took too long")
            return
        finally:
            self._rising = None
        self._failures = 0
        if self._is_closed:
            await self._end(title)
            return
        self._waiting.append(title)
        log.info("title.waits", title=title_id, build=build.build_id, count=len(self._waiting))
        self._changed()

    async def _raised(self, title_id: str, build: BuildSpec) -> Title:
        if await self._parts.runtime.find_image(build.image_id) is None:
            raise EngineError("its image is not on this host")
        return await raised(title_id, build, self._parts)

    async def _end_lost(self) -> None:
        left, self._left = self._left, []
        for title in left:
            await self._end(title)
        for title in tuple(self._waiting):
            try:
                await require_still(title.container_id, self._parts.runtime)
                await title.seat.status()
            except AgentError as error:
                if title in self._waiting:  # else it was taken meanwhile, and who took it finds out
                    self._waiting.remove(title)
                    log.warning("title.lost", title=title.title_id, reason=str(error))
                    await self._end(title)

    async def _end_surplus(self, now_s: float) -> None:
        if not self._surplus():
            self._surplus_since_s = None
            return
        if self._surplus_since_s is None:
            self._surplus_since_s = now_s
        if now_s - self._surplus_since_s < SURPLUS_FOR_S:
            return
        given_up = self._surplus()
        for title in given_up:  # before anything is waited for: from now on no session takes one of them
            self._waiting.remove(title)
            log.info("title.given_up", title=title.title_id, build=title.build.build_id)
        await asyncio.gather(*(self._end(title) for title in given_up))

    async def _end(self, title: Title) -> None:
        if not await removed(title.title_id, title.place, title.seat, self._parts):
            self._left.append(title)
        self._changed()

    def _bytes_of(self, build: BuildSpec) -> int:
        """As the orchestrator counts it; of one that is not wanted any more, what its build asks for."""
        asked_bytes = build.request.memory_bytes
        return next((order.memory_bytes for order in self._wanted if order.build == build), asked_bytes)


def _reported(build: BuildSpec, count: int, memory_bytes: int) -> WarmSeats:
    size = size_of(build.display.width, build.display.height)
    return WarmSeats(
        width=size.width,
        height=size.height,
        count=count,
        build_id=build.build_id,
        image_id=build.image_id,
        memory_bytes=memory_bytes,
    )
