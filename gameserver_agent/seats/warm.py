"""Seats that wait started for a session: display, sound and worker are up, and nobody has used them.

How many of which size the orchestrator says; `warm_plan` decides which to start and which to end. A seat is taken once,
bound to its session on the disk before anything else happens to it, and never comes back. Those that an earlier agent
left are ended, not adopted: they hold nothing, and a fresh one is a second's work.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from gameserver_agent.backoff import delay_s
from gameserver_agent.errors import SeatError
from gameserver_agent.seats.places import SeatPlace
from gameserver_agent.seats.seat import Seat, Seats
from gameserver_agent.seats.warm_plan import AFTER_TAKE_S, SURPLUS_FOR_S, Size, missing, surplus, wanted_of
from gameserver_agent.tasks import cancelled, finished_despite_cancellation
from streaming.protocol import SeatConfig

log = structlog.get_logger()
_LOOK_EVERY_S = 1.0
_ASK_EVERY_S = 5.0
_STARTS_WITHIN_S = 20.0


@dataclass(frozen=True)
class WarmSeat:
    """One that waits, or has just been taken."""

    size: Size
    place: SeatPlace
    seat: Seat


class WarmSeats:
    """The waiting seats of this host. `changed` is called whenever there are more or fewer."""

    def __init__(self, seats: Seats, changed: Callable[[], None]) -> None:
        self._seats = seats
        self._changed = changed
        self._waiting: list[WarmSeat] = []
        self._wanted: dict[Size, int] = {}
        self._rests_until_s = 0.0
        self._surplus_since_s: float | None = None
        self._failures = 0
        self._has_news = asyncio.Event()
        self._is_closed = False

    def want(self, orders: Iterable[tuple[Size, int]]) -> None:
        """From now on so many; who is named first goes before where not all can be."""
        wanted = {} if self._is_closed else wanted_of(orders)
        if wanted != self._wanted:
            self._wanted = wanted
            self._has_news.set()

    def sizes(self) -> tuple[Size, ...]:
        """Of those that wait now."""
        return tuple(warm.size for warm in self._waiting)

    async def take(self, session_id: str, config: SeatConfig) -> tuple[SeatPlace, Seat] | None:
        """The session's own from now on, or None when none of this size waits. Whatever fails costs that seat alone."""
        size = Size(config.width, config.height)
        while (warm := self._popped(size)) is not None:
            try:
                await self._seats.bind(warm.place, session_id)
                await warm.seat.take(config)
            except SeatError as error:
                log.warning("warm_seat.not_taken", session=session_id, reason=str(error))
                await self._end(warm)
            except asyncio.CancelledError:
                await self._end(warm)
                raise
            else:
                return warm.place, warm.seat
        return None

    async def clear(self) -> None:
        """End what an earlier agent left waiting."""
        try:
            left = await self._seats.waiting()
        except OSError as error:  # the next agent tries again
            log.warning("warm_seat.unseen", reason=str(error))
            return
        for place in left:
            await self._release(place)

    async def keep(self) -> None:
        """For ever: as many as are wanted, of those that answer."""
        loop = asyncio.get_running_loop()
        ask_at_s = loop.time() + _ASK_EVERY_S
        while True:
            self._has_news.clear()
            if loop.time() >= ask_at_s:
                await self._end_silent()
                ask_at_s = loop.time() + _ASK_EVERY_S
            await self._end_surplus(loop.time())
            size = missing(self.sizes(), self._wanted)
            if size is not None and loop.time() >= self._rests_until_s:
                await self._start(size)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._has_news.wait()

    async def end(self) -> None:
        """All of them, for good."""
        self._is_closed, self._wanted = True, {}
        waiting, self._waiting = self._waiting, []
        await asyncio.gather(*(self._end(warm) for warm in waiting))

    def _popped(self, size: Size) -> WarmSeat | None:
        warm = next((warm for warm in self._waiting if warm.size == size), None)
        if warm is not None:
            self._waiting.remove(warm)
            self._rests_until_s = asyncio.get_running_loop().time() + AFTER_TAKE_S
        return warm

    async def _start(self, size: Size) -> None:
        starting = asyncio.ensure_future(self._started(size))
        try:
            warm = await asyncio.shield(starting)
        except asyncio.CancelledError:
            await cancelled(starting)
            raise
        except (SeatError, OSError, TimeoutError) as error:
            self._failures += 1
            self._rests_until_s = asyncio.get_running_loop().time() + delay_s(self._failures, random.random, most_s=60)
            if self._failures == 1:
                log.warning("warm_seat.not_started", reason=str(error) or "it took too long")
            return
        self._failures = 0
        if self._is_closed:
            await self._end(warm)
            return
        self._waiting.append(warm)
        log.info("warm_seat.waits", width=size.width, height=size.height, count=len(self._waiting))
        self._changed()

    async def _started(self, size: Size) -> WarmSeat:
        """All or nothing."""
        place = await finished_despite_cancellation(asyncio.ensure_future(self._seats.claim_waiting()))
        try:
            async with asyncio.timeout(_STARTS_WITHIN_S):
                seat = await self._seats.open(place, SeatConfig(width=size.width, height=size.height, waits=True))
        except BaseException:
            await self._release(place)
            raise
        return WarmSeat(size, place, seat)

    async def _end_silent(self) -> None:
        for warm in tuple(self._waiting):
            try:
                await warm.seat.status()
            except SeatError as error:
                if warm in self._waiting:  # else it was taken meanwhile, and who took it finds out
                    self._waiting.remove(warm)
                    log.warning("warm_seat.lost", reason=str(error))
                    await self._end(warm)

    async def _end_surplus(self, now_s: float) -> None:
        if not surplus(self.sizes(), self._wanted):
            self._surplus_since_s = None
            return
        if self._surplus_since_s is None:
            self._surplus_since_s = now_s
        if now_s - self._surplus_since_s < SURPLUS_FOR_S:
            return
        given_up = [self._waiting[place] for place in surplus(self.sizes(), self._wanted)]
        for warm in given_up:  # before anything is waited for: from now on no session takes one of them
            self._waiting.remove(warm)
            log.info("warm_seat.given_up", width=warm.size.width, height=warm.size.height)
        await asyncio.gather(*(self._end(warm) for warm in given_up))

    async def _end(self, warm: WarmSeat) -> None:
        await warm.seat.leave()
        await self._release(warm.place)
        self._changed()

    async def _release(self, place: SeatPlace) -> None:
        try:
            releasing = asyncio.ensure_future(self._seats.release(place))
            await finished_despite_cancellation(releasing)
        except (SeatError, OSError) as error:  # the next agent tries again
            log.warning("warm_seat.left", folder=place.folder.name, reason=str(error))
