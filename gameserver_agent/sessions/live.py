"""What is known of one session while it lives. `playing` brings it up and watches it, `ending` takes it down; both work
on this one state, and `session_task` shows it to others. Nothing is decided here.
"""

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from datetime import datetime

import structlog

from agent_protocol import (
    DesiredSession,
    EndReport,
    ObservedSession,
    ObservedState,
    Progress,
    RunResult,
    Statistics,
)
from gameserver_agent.errors import AgentError, ContainerNotFoundError, EngineError, SeatError
from gameserver_agent.observing import LAUNCH_PHASE_SECONDS, SESSION_ENDS, begun_with, phases_of
from gameserver_agent.seats.places import SeatPlace
from gameserver_agent.seats.seat import Seat
from gameserver_agent.sessions.container import HOST_LABEL, session_labels, title_labels
from gameserver_agent.sessions.launch_trace import LaunchTrace
from gameserver_agent.sessions.record import SessionFolder, SessionRecord
from gameserver_agent.sessions.saves import SessionSaves
from gameserver_agent.sessions.services import SessionServices
from gameserver_agent.sessions.state import moved
from gameserver_agent.statistics import Meter
from gameserver_agent.tasks import finished_despite_cancellation
from metering import OTHER
from streaming.protocol import SeatConfig

_LOG_LINES = 30
_ABSENT = "A part of the session is gone."


class LiveSession:
    """One generation of one session. `meter` is there once the game has been started, and so is something to save."""

    def __init__(self, desired: DesiredSession, services: SessionServices, record: SessionRecord | None) -> None:
        self.desired = desired
        self.services = services
        self._host_id = services.ours.get(HOST_LABEL, "")
        self.trace = LaunchTrace(services.tracer, desired, self._host_id)
        self.log_fields = {"session": desired.session_id, "generation": desired.generation, **self.trace.log_fields}
        self.log = structlog.get_logger().bind(**self.log_fields)
        is_adopted = record is not None
        record = record or SessionRecord(desired=desired, state=ObservedState.PULLING)
        self.state = record.state
        self.container_id = record.container_id
        self.meter: Meter | None = record.meter
        self.end: EndReport | None = record.end
        self.result: RunResult | None = record.result
        self.is_saved = record.is_saved
        self.is_cleared = record.is_cleared
        self.was_machine_restarted = record.boot_id is not None and record.boot_id != services.boot_id
        self.saves = SessionSaves(desired, services, record.save)
        self.was_adopted = is_adopted
        self.place: SeatPlace | None = None
        self.seat: Seat | None = None
        self.creating: asyncio.Future[str] | None = None
        self.title_id = record.title_id
        self.had_warm_seat = False
        self._moments: dict[ObservedState, float] = {}
        self.progress: Progress | None = None
        self.peers = 0  # all who are connected
        self.players = 0  # those whose input counts
        self.last_input_at: datetime | None = None
        self._statistics: Statistics | None = record.statistics
        self._folder = SessionFolder(services.session_folder(desired.session_id))
        self._is_recorded = True
        self._writing = asyncio.Lock()
        self._is_outdated = False
        self._noting: asyncio.Task[None] | None = None

    @property
    def session_id(self) -> str:
        return self.desired.session_id

    @property
    def is_paused(self) -> bool:
        return self.meter is not None and self.meter.paused_since_s is not None

    def seat_config(self) -> SeatConfig:
        """The seat that this session plays on."""
        told = {"host": self._host_id, **self.log_fields}
        fields = {name: str(value) for name, value in told.items()}
        return self.services.seat_config(self.desired.build).model_copy(update={"log_fields": fields})

    async def tell_moments(self) -> None:
        """What the seat did is told to whoever traces; one that does not say costs nobody anything."""
        if self.services.tracer.is_tracing and self.desired.traceparent is not None and self.seat is not None:
            with contextlib.suppress(SeatError):
                self.trace.told(await self.seat.moments())

    def now_s(self) -> float:
        return self.services.now().timestamp()

    def told_by_engine_s(self, instant: datetime | None) -> float:
        """An instant by the host's own clock, as the engine writes it, by the sessions' clock. None is now."""
        ago_s = 0.0 if instant is None else max(0.0, time.time() - instant.timestamp())
        return self.now_s() - ago_s

    def observed(self) -> ObservedSession:
        has_ended = self.state is ObservedState.ENDED
        return ObservedSession(
            session_id=self.session_id,
            generation=self.desired.generation,
            state=self.state,
            seat_ready=self.seat is not None and not has_ended,
            progress=self.progress if self.state is ObservedState.PULLING else None,
            peers=self.peers,
            paused=self.is_paused and self.state is ObservedState.RUNNING,
            last_input_at=self.last_input_at,
            save_used_bytes=self.saves.used_bytes,
            statistics=self._statistics if self.meter is None else self.meter.statistics(self.now_s()),
            save=self.saves.last,
            result=self.result if has_ended else None,
            end=self.end if has_ended else None,
        )

    def become(self, state: ObservedState, *, force: bool = False) -> None:
        before = self.state
        self.state = state if force else moved(before, state)
        self._measure(before, state)
        if before is not state:
            self.log.info("session.moved", before=before, to=state)
            self.services.changed()

    def _measure(self, before: ObservedState, state: ObservedState) -> None:
        """When each phase began, told when the start has come to its picture; the end, when it is there."""
        meter, moments = self.services.meter, self._moments
        start = begun_with(
            title=self.title_id is not None, fetched=self.progress is not None, warm_seat=self.had_warm_seat
        )
        if state is ObservedState.PULLING:
            moments.clear()
        moments.setdefault(state, time.monotonic())
        if state is ObservedState.RUNNING and ObservedState.PULLING in moments:
            for phase, seconds in phases_of(moments).items():
                meter.observe(LAUNCH_PHASE_SECONDS, seconds, phase=phase, start=start)
        if state is ObservedState.RUNNING:
            self.trace.running(start)
        if state is ObservedState.ENDED and before is not state:
            code = OTHER if self.end is None else self.end.code
            meter.count(SESSION_ENDS, code=code)
            self.trace.ended(code)

    def last_noted_s(self) -> float:
        """Until when the record knows that the game ran."""
        lasted_s = 0.0 if self._statistics is None else self._statistics.duration_s
        return (self.now_s() if self.meter is None else self.meter.started_s) + lasted_s

    def note_paused(self) -> None:
        if self.meter is not None:
            self.meter = self.meter.paused(self.now_s())
            self.services.changed()

    def note_thawed(self) -> None:
        if self.meter is not None and self.is_paused:
            self.meter = self.meter.thawed(self.now_s())
            self.services.changed()

    async def note(self) -> bool:
        """Write the record. One that cannot be written is said once, and ends nothing: the next one is tried. Each is
        written to its end before the next is begun, so that the newest stays. False when it was not written.
        """
        async with self._writing:
            await self._note()
            return self._is_recorded

    def note_soon(self) -> None:
        """See to it that what is known now is written, without waiting for it. One write stands for all that was asked
        for while the one before it was under way, and none follows the last `note` of a session.
        """
        self._is_outdated = True
        if self._noting is None or self._noting.done():
            self._noting = asyncio.create_task(self._keep_noting(), name=f"record {self.session_id}")

    async def _keep_noting(self) -> None:
        while self._is_outdated:
            async with self._writing:
                if self._is_outdated:
                    await self._note()

    async def _note(self) -> None:
        self._is_outdated = False
        if self.meter is not None:
            self._statistics = self.meter.statistics(self.now_s())
        record = SessionRecord(
            desired=self.desired,
            state=self.state,
            container_id=self.container_id,
            meter=self.meter,
            statistics=self._statistics,
            save=self.saves.last,
            end=self.end,
            is_saved=self.is_saved,
            is_cleared=self.is_cleared,
            boot_id=self.services.boot_id,
            title_id=self.title_id,
            result=self.result,
        )
        try:
            writing = asyncio.ensure_future(asyncio.to_thread(self._folder.write, record))
            await finished_despite_cancellation(writing)
        except OSError as error:
            if self._is_recorded:
                self.log.warning("session.not_recorded", reason=str(error))
            self._is_recorded = False
        else:
            self._is_recorded = True

    def forget(self) -> None:
        """Remove the record. Blocks."""
        self._folder.forget()

    async def attempt(
        self, step: str, work: Coroutine[object, object, None], deadline_s: float, *, is_said: bool = True
    ) -> bool:
        """One step of a clean-up. Its failure is logged, if `is_said`, and keeps nothing else from being tried."""
        try:
            async with asyncio.timeout(deadline_s):
                await work
        except (AgentError, OSError, TimeoutError) as error:
            if is_said:
                self.log.warning("session.step_failed", step=step, error=str(error) or type(error).__name__)
            return False
        except Exception:
            self.log.exception("session.mistake", step=step)
            return False
        return True

    async def take_sample(self) -> None:
        with contextlib.suppress(EngineError):  # one missing sample is no loss; the end of the game is seen elsewhere
            sample = await self.services.runtime.sample(self.require_container())
            if sample is not None and self.meter is not None:
                self.meter = self.meter.sampled(sample)

    def labels(self) -> dict[str, str]:
        """Of the session's container, which it has made or taken."""
        if self.title_id is not None:
            return title_labels(self.title_id, self.services.ours)
        return session_labels(self.desired, self.services.ours)

    async def find_container(self) -> str | None:
        found = await self.services.runtime.list_containers(self.labels())
        return found[0].container_id if found else None

    async def log_tail(self) -> tuple[str, ...]:
        if self.container_id is None:
            return ()
        try:
            return await self.services.runtime.log_tail(self.container_id, _LOG_LINES)
        except EngineError:
            return ()

    def require_place(self) -> SeatPlace:
        if self.place is None:
            raise SeatError(_ABSENT)
        return self.place

    def require_seat(self) -> Seat:
        if self.seat is None:
            raise SeatError(_ABSENT)
        return self.seat

    def require_container(self) -> str:
        if self.container_id is None:
            raise ContainerNotFoundError(_ABSENT)
        return self.container_id
