"""Titles that wait on this host, as many of each build as the orchestrator says, and only of images that are here.

Each is taken once, by the first session of its very build, and never comes back. Raising one takes what a launch takes,
so none is begun while a session begins. What is too many goes at once, since a session may need its room: save those
that a session which begins may take yet. Those that an earlier agent left are ended, not adopted.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from agent_protocol import BuildSpec, WarmSeats, WarmTitles
from gameserver_agent.backoff import delay_s
from gameserver_agent.errors import AgentError, EngineError
from gameserver_agent.seats.places import SeatPlace
from gameserver_agent.seats.warm_plan import AFTER_TAKE_S, size_of
from gameserver_agent.tasks import finished_despite_cancellation
from gameserver_agent.titles.title import Title, TitleParts, clear, new_title_id, raised, removed, require_still

log = structlog.get_logger()
MOST = 4
"""More are never kept, whatever is asked."""

_LOOK_EVERY_S = 1.0
_ASK_EVERY_S = 5.0


@dataclass(frozen=True)
class _Remains:
    """Of one that did not rise, or whose end was not whole."""

    title_id: str
    build: BuildSpec
    place: SeatPlace


@dataclass(frozen=True)
class _Rising:
    title_id: str
    build: BuildSpec
    task: asyncio.Task[None]


@dataclass(frozen=True)
class _Trouble:
    """Of a build whose title did not rise `failures` times in a row."""

    failures: int
    rests_until_s: float


class WaitingTitles:
    """The waiting titles of this host. `changed` is called whenever there are more or fewer."""

    def __init__(self, parts: TitleParts, changed: Callable[[], None]) -> None:
        self._parts = parts
        self._changed = changed
        self._waiting: list[Title] = []
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._left: list[_Remains] = []
        self._rising: _Rising | None = None
        self._wanted: tuple[WarmTitles, ...] = ()
        self._rests_until_s = 0.0
        self._troubles: dict[str, _Trouble] = {}
        self._has_news = asyncio.Event()
        self._is_closed = False

    def want(self, orders: Iterable[WarmTitles], beginning: Iterable[BuildSpec] = ()) -> None:
        """From now on so many; who is named first goes before where not all can be. `beginning` are the builds of
        sessions that have not looked for a title yet: one for each is spared.
        """
        self._wanted = () if self._is_closed else tuple(orders)
        wanted_ids = {order.build.build_id for order in self._wanted}
        self._troubles = {build_id: one for build_id, one in self._troubles.items() if build_id in wanted_ids}
        for title in self._surplus(beginning):
            self._waiting.remove(title)
            log.info("title.given_up", title=title.title_id, build=title.build.build_id)
            self._begin_end(title)
        if self._rising is not None and self._rising.build not in self._missing():
            self._stop_rising()
        self._has_news.set()

    def known(self) -> frozenset[str]:
        """Ids of all whose containers are this agent's own."""
        here = {title.title_id for title in (*self._waiting, *self._left)}
        rising = () if self._rising is None else (self._rising.title_id,)
        return frozenset({*here, *self._ending, *rising})

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
        await asyncio.shield(self._begin_end(title))

    async def clear(self, known: frozenset[str]) -> bool:
        """End what an earlier agent left waiting; titles that are `known` have been taken by sessions. False when it
        could not be seen what there is.
        """
        try:
            await clear(self._parts, known)
        except (AgentError, OSError) as error:
            log.warning("titles.unseen", reason=str(error))
            return False
        return True

    async def keep(self) -> None:
        """For ever: as many as are wanted, of those that are well. When it is cancelled, the one that rises goes."""
        loop = asyncio.get_running_loop()
        ask_at_s = loop.time() + _ASK_EVERY_S
        try:
            while True:
                self._has_news.clear()
                if loop.time() >= ask_at_s:
                    await self._end_lost()
                    ask_at_s = loop.time() + _ASK_EVERY_S
                self._raise_next(loop.time())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_EVERY_S):
                        await self._has_news.wait()
        finally:
            self._stop_rising()

    async def end(self) -> None:
        """All of them, for good. Who is cancelled meanwhile is not kept, and what has been begun goes on."""
        self._is_closed = True
        self.want(())
        going = set(self._ending.values())
        if self._rising is not None:
            going.add(self._rising.task)
        if going:
            await asyncio.wait(going)

    def _missing(self) -> list[BuildSpec]:
        """Of which there are fewer than there should be, in their order."""
        here = [title.build for title in self._waiting]
        return [order.build for order in self._wanted if here.count(order.build) < order.count]

    def _surplus(self, beginning: Iterable[BuildSpec]) -> list[Title]:
        """The youngest of each build, and all that nobody wants or that are not as their build is described now."""
        kept = [order.build for order in self._wanted for _ in range(order.count)] + list(beginning)
        found: list[Title] = []
        for title in self._waiting:
            if title.build in kept:
                kept.remove(title.build)
            else:
                found.append(title)
        return found

    def _raise_next(self, now_s: float) -> None:
        """The first that is wanted and does not rest after a failure: one whose game is broken stops no other."""
        held = len(self._waiting) + len(self._left) + len(self._ending)
        if self._rising is not None or now_s < self._rests_until_s or held >= MOST:
            return
        for build in self._missing():
            trouble = self._troubles.get(build.build_id)
            if trouble is None or now_s >= trouble.rests_until_s:
                title_id = new_title_id()
                self._rising = _Rising(title_id, build, asyncio.create_task(self._rise(title_id, build)))
                self._rising.task.add_done_callback(self._rise_ended)
                return

    def _stop_rising(self) -> None:
        """Once: what it does then is to end what it has begun."""
        if self._rising is not None and not self._rising.task.cancelling():
            self._rising.task.cancel()

    async def _rise(self, title_id: str, build: BuildSpec) -> None:
        try:
            title = await self._risen(title_id, build)
        except (AgentError, OSError) as error:
            self._note_trouble(build, str(error) or "it took too long")
        except Exception:
            log.exception("title.mistake", title=title_id)
            self._note_trouble(build, "a mistake")
        else:
            self._troubles.pop(build.build_id, None)
            self._waiting.append(title)
            log.info("title.waits", title=title_id, build=build.build_id, count=len(self._waiting))
            self._changed()

    def _rise_ended(self, _: asyncio.Task[None]) -> None:
        """Also of one that was cancelled before it began."""
        self._rising = None
        self._has_news.set()

    async def _risen(self, title_id: str, build: BuildSpec) -> Title:
        """What is left of one that fails is ended before it raises."""
        if await self._parts.runtime.find_image(build.image_id) is None:
            raise EngineError("its image is not on this host")
        claiming = asyncio.ensure_future(self._parts.seats.claim_waiting())
        try:
            place = await finished_despite_cancellation(claiming)
            return await raised(title_id, build, place, self._parts)
        except BaseException:
            if not claiming.cancelled() and claiming.exception() is None:
                await asyncio.shield(self._begin_end(_Remains(title_id, build, claiming.result())))
            raise

    def _note_trouble(self, build: BuildSpec, reason: str) -> None:
        before = self._troubles.get(build.build_id)
        failures = 1 if before is None else before.failures + 1
        pause_s = delay_s(failures, random.random, most_s=60)
        self._troubles[build.build_id] = _Trouble(failures, asyncio.get_running_loop().time() + pause_s)
        if failures == 1:
            log.warning("title.not_raised", build=build.build_id, reason=reason)

    async def _end_lost(self) -> None:
        left, self._left = self._left, []
        ending = [self._begin_end(remains) for remains in left]
        for title in tuple(self._waiting):
            try:
                await require_still(title.container_id, self._parts.runtime)
                await title.seat.status()
            except AgentError as error:
                if title in self._waiting:  # else it was taken meanwhile, and who took it finds out
                    self._waiting.remove(title)
                    log.warning("title.lost", title=title.title_id, reason=str(error))
                    ending.append(self._begin_end(title))
        if ending:
            await asyncio.wait(ending)

    def _begin_end(self, title: Title | _Remains) -> asyncio.Task[None]:
        ending = self._ending[title.title_id] = asyncio.create_task(self._end(title))
        return ending

    async def _end(self, title: Title | _Remains) -> None:
        seat = title.seat if isinstance(title, Title) else None
        is_gone = await removed(title.title_id, title.place, seat, self._parts)
        self._ending.pop(title.title_id, None)
        if not is_gone:
            self._left.append(_Remains(title.title_id, title.build, title.place))
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
