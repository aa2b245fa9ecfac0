"""How a session is taken down: the game is stopped, its save captured and sent, and nothing is left behind.

`ENDED` is told as soon as the game is dead and its save on its way; container, seat and home go after that. The whole
fits into the 60 s that the orchestrator waits: a build's grace of at most 25 s, a capture of at most 20 s, and 10 s for
sending. Two promises come before that:

- A game that may still run is neither captured nor taken its home. While the engine is away, the clean-up waits for it,
  and what people are told does not: the session is `ENDED` with its save kept here.
- A home is removed only when its save lies in the outbox or was taken, or when nothing was played. Otherwise it is kept
  (`kept`), and captured later.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator

from agent_protocol import EndReport, ObservedState
from gameserver_agent.backoff import delay_s
from gameserver_agent.errors import (
    ContainerNotFoundError,
    ControlPlaneError,
    EngineError,
    SaveError,
    SaveRefusedError,
)
from gameserver_agent.runtime.port import ContainerStatus
from gameserver_agent.saves.outbox import Letter
from gameserver_agent.sessions.clearing import Clearing
from gameserver_agent.sessions.live import LiveSession
from gameserver_agent.sessions.pictures import Pictures
from gameserver_agent.sessions.run_result import read_result
from gameserver_agent.statistics import Meter
from gameserver_agent.tasks import cancelled

SEND_WITHIN_S = 10.0
HURRIED_GRACE_S = 5.0
TOLD_AFTER_S = 5.0
_HURRIED_SEND_S = 2.0
_KILLED_WITHIN_S = 5.0
_ENGINE_SLACK_S = 20.0
_SAMPLE_WITHIN_S = 1.0
_READ_WITHIN_S = 2.0


class Ending:
    """The end of one session. `hasten` may be called at any time; every step is tried even when another has failed."""

    def __init__(self, live: LiveSession) -> None:
        self._live = live
        self.pictures = Pictures(live)
        self.clearing = Clearing(live)
        self._is_hurried = False
        self._waiting: asyncio.Timeout | None = None
        self._hurried_s = 0.0
        self._last_noted_s: float | None = None

    async def wind_down(self, end: EndReport) -> None:
        """From whatever was reached to `ENDED`, and on until nothing is left. May be called again after a crash."""
        live = self._live
        if live.was_adopted:
            self._last_noted_s = live.last_noted_s()
        if live.state is not ObservedState.ENDED:
            live.become(ObservedState.STOPPING, force=True)
            await live.note()
        if live.place is None:
            await live.attempt("seat.find", self.clearing.find_place(), 5)
        await self._stop_or_tell(end)
        await self._tell(await self._save(end))
        await asyncio.gather(self.pictures.send(), self.clearing.everything())
        live.is_cleared = True
        await live.note()
        live.log.info("session.cleared")

    def hasten(self) -> None:
        """The agent is about to go: whatever is waited for now or later, it is waited for less."""
        self._is_hurried = True
        waiting = self._waiting
        if waiting is not None and not waiting.expired():
            until_s = asyncio.get_running_loop().time() + self._hurried_s
            before_s = waiting.when()
            waiting.reschedule(until_s if before_s is None else min(before_s, until_s))

    @contextlib.asynccontextmanager
    async def _patience(self, most_s: float, hurried_s: float) -> AsyncGenerator[None]:
        self._hurried_s = hurried_s
        async with asyncio.timeout(min(most_s, hurried_s) if self._is_hurried else most_s) as waiting:
            self._waiting = waiting
            try:
                yield
            finally:
                self._waiting = None

    # The steps.

    async def _stop_or_tell(self, end: EndReport) -> None:
        """Returns only when no container of this session runs, but keeps nobody waiting for an engine that is away."""
        within_s = self._live.desired.build.stop_grace_s + _KILLED_WITHIN_S
        stopping = asyncio.ensure_future(self._keep_stopping(within_s + _ENGINE_SLACK_S))
        try:
            done, _ = await asyncio.wait({stopping}, timeout=within_s + TOLD_AFTER_S)
            if not done:
                await self._tell(await self._end_of_what_may_run(end))
            await stopping
        finally:
            await cancelled(stopping)

    async def _end_of_what_may_run(self, end: EndReport) -> EndReport:
        """The end to report while the engine is away: of a run with what its game told until now."""
        if self._live.desired.for_result:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_READ_WITHIN_S):
                    await self._read_result()
            return end
        reason = "the host's container engine does not answer. It is kept on the host and sent later."
        return end if self._live.meter is None else self._unsaved(end, reason)

    async def _keep_stopping(self, within_s: float) -> None:
        failures = 0
        while not await self._live.attempt("container.stop", self._stop_container(), within_s, is_said=failures == 0):
            failures += 1
            await asyncio.sleep(delay_s(failures, random.random, first_s=0.25, most_s=5))

    async def _tell(self, end: EndReport) -> None:
        live = self._live
        if live.state is not ObservedState.ENDED:
            live.end = end
            live.become(ObservedState.ENDED)
            live.log.info("session.ended", code=end.code)
        await live.note()

    async def _stop_container(self) -> None:
        """Returns only when no container of this session runs. Raises `EngineError` or `TimeoutError` otherwise."""
        live = self._live
        if live.creating is not None:
            with contextlib.suppress(EngineError):
                live.container_id = await live.creating
        if live.container_id is None and (live.creating is not None or live.was_adopted):
            live.container_id = await live.find_container()
        if live.container_id is None:
            return
        try:
            status = await self._ended_container(live.container_id)
        except ContainerNotFoundError:
            ended_s = live.now_s() if self._last_noted_s is None else self._last_noted_s
        else:
            ended_s = live.told_by_engine_s(status.ended_at)
            if live.meter is None and status.started_at is not None:  # the answer to the start was lost
                live.meter = Meter(started_s=live.told_by_engine_s(status.started_at))
        if live.meter is not None:
            live.meter = live.meter.ended(ended_s)

    async def _ended_container(self, container_id: str) -> ContainerStatus:
        runtime, build = self._live.services.runtime, self._live.desired.build
        status = await runtime.status(container_id)
        if not status.is_running:
            return status
        if status.is_paused:
            await runtime.unpause(container_id)
            self._live.note_thawed()
        await asyncio.gather(self.pictures.take(), self._last_sample())
        if self._live.meter is not None:
            self._live.meter = self._live.meter.stopping(self._live.now_s())
        await runtime.signal(container_id, build.stop_signal)
        try:
            async with self._patience(build.stop_grace_s, HURRIED_GRACE_S):
                return await runtime.wait_ended(container_id)
        except TimeoutError:
            self._live.log.info("container.killed", grace_s=build.stop_grace_s)
        await runtime.signal(container_id, "SIGKILL")
        async with asyncio.timeout(_KILLED_WITHIN_S):
            return await runtime.wait_ended(container_id)

    async def _last_sample(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SAMPLE_WITHIN_S):
                await self._live.take_sample()

    async def _save(self, end: EndReport) -> EndReport:
        """The end to report. Afterwards `is_saved` says whether the home is the only place where the save is."""
        live = self._live
        was_taken_care_of = live.state is ObservedState.ENDED and not live.saves.home.exists()
        if live.desired.for_result:
            await self._read_result()
        if live.desired.for_result or live.is_saved or live.meter is None or was_taken_care_of:
            live.is_saved = True
            return end
        try:
            letter = await live.saves.capture_last()
        except SaveRefusedError as error:
            return self._unsaved(end, f"{error} What was saved before is safe, and this one is kept on the host.")
        except (SaveError, OSError) as error:
            return self._unsaved(end, f"it is kept on the host and tried again ({error})")
        except Exception:
            live.log.exception("session.mistake", step="save.capture")
            return self._unsaved(end, "it is kept on the host.")
        live.is_saved = True
        return end if letter is None else await self._send(letter, end)

    async def _read_result(self) -> None:
        """What the game told of its run, as far as its home can be looked into."""
        live = self._live
        if live.result is None and live.meter is not None and live.saves.home.exists():
            with contextlib.suppress(SaveError, OSError):
                await asyncio.to_thread(live.saves.home.found_again)
            live.result = await asyncio.to_thread(read_result, live.saves.home.path, live.session_id)

    async def _send(self, letter: Letter, end: EndReport) -> EndReport:
        try:
            async with self._patience(SEND_WITHIN_S, _HURRIED_SEND_S):
                await self._live.saves.send_last(letter)
        except (ControlPlaneError, OSError, TimeoutError) as error:
            why = str(error) or self._live.saves.trouble or "no answer in time"
            return self._unsaved(end, f"it is kept on the host and sent later ({why})")
        return end

    def _unsaved(self, end: EndReport, reason: str) -> EndReport:
        self._live.log.error("save.failed", reason=reason)
        message = f"{end.message} The last save did not reach the server: {reason}"
        code = end.code if end.code == "save_full" else "save_failed"
        return EndReport(code=code, message=message, log_tail=end.log_tail)
