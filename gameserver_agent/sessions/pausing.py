"""A game that nobody is there to play stands still, and moves again before the first answer to whoever comes back.

When it is time, `PauseClock` says. Here it is done: a checkpoint, then the pause, and none while somebody connects.
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator

from gameserver_agent.errors import AgentError, EngineError, SeatError
from gameserver_agent.sessions.live import LiveSession
from gameserver_agent.sessions.pause_clock import PauseClock
from gameserver_agent.tasks import finished_despite_cancellation

_CHECKPOINT_WITHIN_S = 20.0
_THAWED_WITHIN_S = 5.0
_LOOK_EVERY_S = 0.5
_DOUBT_FOR_S = 30.0


class Pausing:
    """One running session's pauses.

    An engine that did not answer may pause the game later, when nobody waits for that any more. After such a call the
    container is looked at until `_DOUBT_FOR_S` after the engine's next answer.
    """

    def __init__(self, live: LiveSession) -> None:
        self._live = live
        self._clock = PauseClock()
        self._engine = asyncio.Lock()
        self._visitors = 0
        self._doubtful_until_s = 0.0

    async def keep_watching(self) -> None:
        """For ever, from the first frame on."""
        loop = asyncio.get_running_loop()
        while True:
            self._look()
            with contextlib.suppress(EngineError):  # the game runs on; the next look tries again
                if self._live.is_paused and self._is_somebody_there():
                    await self._thaw()
                elif self._is_doubtful():
                    await self._settle()
                elif not self._live.is_paused and self._clock.is_due(loop.time()):
                    await self._pause()
            await asyncio.sleep(_LOOK_EVERY_S)

    @contextlib.asynccontextmanager
    async def awake(self) -> AsyncGenerator[None]:
        """The game runs inside, and for `PAUSE_AFTER_S` from then on. Raises `SeatError` when it cannot be thawed."""
        self._visitors += 1
        self._look()
        try:
            try:
                async with asyncio.timeout(_THAWED_WITHIN_S):
                    await self._thaw()
            except (EngineError, TimeoutError) as error:
                raise SeatError(f"the game cannot be woken: {error or 'no answer in time'}") from error
            yield
        finally:
            self._look()
            self._visitors -= 1

    def doubt(self) -> None:
        """The engine was asked something and has not answered: what it did, or still will do, is to be found out."""
        self._doubtful_until_s = math.inf

    def _look(self) -> None:
        now_s = asyncio.get_running_loop().time()
        self._clock = self._clock.looked(is_somebody_there=self._is_somebody_there(), now_s=now_s)

    def _is_somebody_there(self) -> bool:
        return self._visitors > 0 or self._live.players > 0

    def _is_doubtful(self) -> bool:
        return asyncio.get_running_loop().time() < self._doubtful_until_s

    async def _pause(self) -> None:
        live = self._live
        try:
            async with asyncio.timeout(_CHECKPOINT_WITHIN_S):
                await live.saves.checkpoint(live.require_place().owner)
        except (AgentError, OSError, TimeoutError) as error:  # the home is still there, and so is the archive
            live.log.warning("save.checkpoint_failed", error=str(error) or "it took too long")
        async with self._engine:
            self._look()
            if not self._clock.is_due(asyncio.get_running_loop().time()):  # somebody came, and may have gone again
                return
            live.note_paused()
            await live.note()
            pausing = asyncio.ensure_future(live.services.runtime.pause(live.require_container()))
            try:
                await finished_despite_cancellation(pausing)
            except EngineError:
                self.doubt()
                raise
        live.log.info("session.paused")

    async def _thaw(self) -> None:
        live = self._live
        async with self._engine:
            if not (live.is_paused or self._is_doubtful()):
                return
            try:
                await live.services.runtime.unpause(live.require_container())
            except (EngineError, asyncio.CancelledError):
                self.doubt()
                raise
            live.note_thawed()
        live.log.info("session.thawed")

    async def _settle(self) -> None:
        runtime, container_id = self._live.services.runtime, self._live.require_container()
        async with self._engine:
            if (await runtime.status(container_id)).is_paused:
                await runtime.unpause(container_id)
            self._live.note_thawed()
            self._clock = PauseClock()
            self._doubtful_until_s = min(self._doubtful_until_s, asyncio.get_running_loop().time() + _DOUBT_FOR_S)
