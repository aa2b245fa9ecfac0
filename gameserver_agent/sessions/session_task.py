"""The task that carries one session through its phases on this host, from pulling to ended.

    pulling → restoring → booting → running → stopping → ended

`stop` is heard at any point. Cancelling the task (`leave`) ends nothing: game and seat live on and the next agent takes
them up from the record. Each phase has its deadline; whatever happens, the way ends in `_wind_down`, whose every step
is tried even when the one before has failed.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from datetime import datetime, timedelta

import structlog

from agent_protocol import DesiredSession, EndReport, ObservedSession, ObservedState, Progress, SavedVersion
from gameserver_agent.errors import (
    AgentError,
    ContainerNotFoundError,
    ControlPlaneError,
    EngineError,
    SaveError,
    SeatError,
    SessionEndedError,
)
from gameserver_agent.reconcile import Seen
from gameserver_agent.runtime.port import ContainerStatus
from gameserver_agent.seats.places import SeatPlace
from gameserver_agent.seats.seat import Seat
from gameserver_agent.sessions.container import game_container, left_by_itself, session_labels
from gameserver_agent.sessions.record import SessionFolder, SessionRecord
from gameserver_agent.sessions.saves import SessionSaves
from gameserver_agent.sessions.services import SessionServices
from gameserver_agent.sessions.state import DEADLINE_S, moved
from gameserver_agent.statistics import Meter
from gameserver_agent.tasks import all_or_first_error, cancelled, finished_despite_cancellation
from streaming.protocol import SeatConfig, SessionDescription

_SAMPLE_EVERY_S = 2.0
_RECORD_EVERY_SAMPLES = 5
_SEAT_START_S = 20.0
_LOG_LINES = 30
_SEND_LAST_SAVE_S = 12.0
_ABSENT = "A part of the session is gone."


class SessionTask:
    """One generation of one session."""

    def __init__(self, desired: DesiredSession, services: SessionServices, record: SessionRecord | None = None) -> None:
        self._desired = desired
        self._services = services
        self._was_adopted = record is not None
        self._record = record or SessionRecord(desired=desired, state=ObservedState.PULLING)
        self._state = self._record.state
        self._folder = SessionFolder(services.session_folder(desired.session_id))
        self._saves = SessionSaves(desired, services, self._record.save)
        self._log = structlog.get_logger().bind(session=desired.session_id, generation=desired.generation)
        self._meter = self._record.meter
        self._place: SeatPlace | None = None
        self._seat: Seat | None = None
        self._container_id = self._record.container_id
        self._creating: asyncio.Future[str] | None = None
        self._progress: Progress | None = None
        self._peers = 0
        self._last_input_at: datetime | None = None
        self._first_frame = asyncio.Event()
        self._end = self._record.end
        self._stop_ordered: asyncio.Future[EndReport] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self.was_reported = False

    # What others see and order.

    @property
    def desired(self) -> DesiredSession:
        return self._desired

    @property
    def has_ended(self) -> bool:
        return self._state is ObservedState.ENDED

    @property
    def lowest_epoch(self) -> int:
        """Stream tokens of an older epoch are refused."""
        return self._desired.epoch

    def note_saved(self, saved: SavedVersion) -> None:
        """An archive that had waited in the outbox was taken after all."""
        self._saves.last = saved

    def seen(self) -> Seen:
        is_stopping = self._stop_ordered.done() or self._end is not None
        return Seen(self._desired, is_stopping, self.has_ended, self.was_reported)

    def observed(self) -> ObservedSession:
        statistics = self._record.statistics
        if self._meter is not None:
            statistics = self._meter.statistics(self._services.now().timestamp())
        return ObservedSession(
            session_id=self._desired.session_id,
            generation=self._desired.generation,
            state=self._state,
            seat_ready=self._seat is not None and not self.has_ended,
            progress=self._progress if self._state is ObservedState.PULLING else None,
            peers=self._peers,
            last_input_at=self._last_input_at,
            statistics=statistics,
            save=self._saves.last,
            end=self._end if self.has_ended else None,
        )

    def begin(self) -> None:
        """Start, or go on with what an earlier agent began."""
        if not self.has_ended:
            self._task = asyncio.create_task(self._run(), name=f"session {self._desired.session_id}")

    def renew(self, desired: DesiredSession) -> None:
        """Newer deadlines or epoch of the same generation."""
        self._desired = desired

    def stop(self, code: str, message: str) -> None:
        """Order the end. Only the first order counts."""
        if not self._stop_ordered.done():
            self._stop_ordered.set_result(EndReport(code=code, message=message))

    async def connect(self, offer: SessionDescription) -> SessionDescription:
        """Signalling for the player's page. Raises `SeatError` when the seat is not ready."""
        if self._seat is None or self.has_ended:
            raise SeatError("the seat is not ready yet")
        return await self._seat.connect(offer)

    async def finished(self) -> None:
        """Wait until the session has ended."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def leave(self) -> None:
        """The agent goes, the game stays."""
        if self._task is not None:
            await cancelled(self._task)
        if self._seat is not None:
            await self._seat.leave()
        await self._write_record()

    async def forget(self) -> None:
        """The orchestrator no longer asks for it: the last trace goes."""
        await asyncio.to_thread(self._folder.forget)

    # The way through the phases.

    async def _run(self) -> None:
        try:
            if self._end is None:
                self._end = await self._until_end()
            self._log.info("session.ending", code=self._end.code, message=self._end.message)
            await self._wind_down(self._end)
        except asyncio.CancelledError:
            raise
        except Exception:
            self._log.exception("session.broken")
            self._end = self._end or EndReport(code="engine_failed", message="The host made a mistake.")
            self._become(ObservedState.ENDED, force=True)

    async def _until_end(self) -> EndReport:
        playing = asyncio.ensure_future(self._play())
        try:
            await asyncio.wait({playing, self._stop_ordered}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancelled(playing)
        if self._stop_ordered.done():
            return self._stop_ordered.result()
        return await self._report_of(playing.exception())

    async def _report_of(self, error: BaseException | None) -> EndReport:
        if isinstance(error, SessionEndedError):
            tail = await self._log_tail() if error.code in {"boot_timeout", "seat_failed"} else ()
            return EndReport(code=error.code, message=error.message, log_tail=tail)
        if isinstance(error, _GameLeftError):
            return error.report
        if isinstance(error, SeatError):
            return EndReport(code="seat_failed", message=f"The display of this session failed: {error}")
        if isinstance(error, EngineError):
            return EndReport(code="engine_failed", message=f"The host's container engine failed: {error}")
        self._log.error("session.mistake", exc_info=error)
        return EndReport(code="engine_failed", message="The host made a mistake.")

    async def _play(self) -> None:
        """Never returns: ends with the error that says why the session is over."""
        if self._was_adopted and await self._take_up():
            self._log.info("session.adopted", state=self._state)
        else:
            await self._prepare()
            await self._boot()
        await all_or_first_error(
            self._watch_container(),
            self._watch_seat(),
            self._ask_seat(),
            self._sample(),
            self._until_first_frame(),
            self._saves.keep_checkpointing(self._require_place().owner),
        )

    async def _prepare(self) -> None:
        self._become(ObservedState.PULLING, force=True)
        await self._write_record()
        claiming = asyncio.ensure_future(self._services.seats.claim(self._desired.session_id))
        self._place = await finished_despite_cancellation(claiming)
        await all_or_first_error(self._image(), self._restore(), self._raise_seat())

    async def _image(self) -> None:
        await self._services.images.ensure(self._desired.build, self._learn_progress)
        self._become(ObservedState.RESTORING)

    async def _restore(self) -> None:
        try:
            async with asyncio.timeout(DEADLINE_S[ObservedState.RESTORING]):
                await self._saves.prepare(self._require_place().owner)
        except TimeoutError as error:
            raise SessionEndedError("restore_failed", "Restoring the save took too long.") from error

    async def _raise_seat(self) -> None:
        display = self._desired.build.display
        config = SeatConfig(
            width=display.width // 2 * 2,
            height=display.height // 2 * 2,
            fps=display.fps,
            ice_addresses=self._services.ice_addresses,
            bitrate_bps=self._services.bitrate_bps,
        )
        try:
            async with asyncio.timeout(_SEAT_START_S):
                self._seat = await self._services.seats.open(self._require_place(), config)
        except TimeoutError as error:
            raise SeatError("the display did not come up in time") from error
        self._log.info("seat.ready", display=self._seat.hello.display)
        self._services.changed()

    async def _boot(self) -> None:
        assert self._seat is not None
        self._become(ObservedState.BOOTING)
        await self._write_record()
        spec = game_container(
            self._desired, self._services.ours, self._require_place(), self._seat.hello, str(self._saves.home.path)
        )
        self._creating = asyncio.ensure_future(self._services.runtime.create(spec))
        self._container_id = await finished_despite_cancellation(self._creating)
        await self._services.runtime.start(self._container_id)
        self._meter = Meter(started_s=self._services.now().timestamp())
        self._log.info("container.started", container=self._container_id[:12])
        self._services.changed()
        await self._write_record()

    async def _take_up(self) -> bool:
        """Go on with a living (or meanwhile ended) container; False when the session has to begin from the start."""
        session_id = self._desired.session_id
        self._place = await self._services.seats.existing(session_id)
        self._container_id = await self._find_container()
        if self._container_id is None:
            if self._state is ObservedState.RUNNING:
                raise SessionEndedError("crashed", "The game was gone when the host came back.")
            await self._clear()
            return False
        status = await self._services.runtime.status(self._container_id)
        if not status.is_running and not status.has_ended:
            await self._clear()
            return False
        if self._meter is None:
            started_at = status.started_at or self._services.now()
            self._meter = Meter(started_s=started_at.timestamp())
        if status.has_ended:
            raise await self._game_left(status)
        if self._place is None:
            raise SessionEndedError("seat_failed", "The display of this session was gone when the host came back.")
        try:
            async with asyncio.timeout(_SEAT_START_S):
                self._seat = await self._services.seats.adopt(self._place)
        except TimeoutError as error:
            raise SeatError("the display does not answer") from error
        if self._state is not ObservedState.RUNNING:
            self._become(ObservedState.BOOTING, force=True)
        self._services.changed()
        return True

    # While the game runs.

    async def _watch_container(self) -> None:
        try:
            status = await self._services.runtime.wait_ended(self._require_container())
        except ContainerNotFoundError as error:
            raise SessionEndedError("crashed", "The game's container was removed from outside.") from error
        raise await self._game_left(status)

    async def _game_left(self, status: ContainerStatus) -> "_GameLeftError":
        ended_at = status.ended_at or self._services.now()
        if self._meter is not None:
            self._meter = self._meter.ended(ended_at.timestamp())
        memory_bytes = self._desired.build.limits.memory_bytes
        return _GameLeftError(left_by_itself(status, await self._log_tail(), memory_bytes))

    async def _watch_seat(self) -> None:
        assert self._seat is not None
        async for event in self._seat.events():
            if event.event == "first_frame":
                self._first_frame.set()
            elif event.event == "peers":
                self._peers = event.count or 0
                self._services.changed()
            elif event.event == "failed":
                raise SeatError(event.message or "no reason given")
        raise SeatError("the seat worker is gone")

    async def _ask_seat(self) -> None:
        assert self._seat is not None
        while True:
            status = await self._seat.status()
            if status.first_frame:
                self._first_frame.set()
            if status.peers != self._peers:
                self._peers = status.peers
                self._services.changed()
            if status.idle_s is not None:
                self._last_input_at = self._services.now() - timedelta(seconds=status.idle_s)
            await asyncio.sleep(_SAMPLE_EVERY_S)

    async def _sample(self) -> None:
        taken = 0
        while True:
            await self._take_sample()
            taken += 1
            if taken % _RECORD_EVERY_SAMPLES == 0:
                await self._write_record()
            await asyncio.sleep(_SAMPLE_EVERY_S)

    async def _take_sample(self) -> None:
        with contextlib.suppress(EngineError):  # one missing sample is no loss; the end of the game is seen elsewhere
            sample = await self._services.runtime.sample(self._require_container())
            if sample is not None and self._meter is not None:
                self._meter = self._meter.sampled(sample)

    async def _until_first_frame(self) -> None:
        if self._state is ObservedState.BOOTING:
            try:
                async with asyncio.timeout(DEADLINE_S[ObservedState.BOOTING]):
                    await self._first_frame.wait()
            except TimeoutError as error:
                raise SessionEndedError("boot_timeout", "The game showed no picture within a minute.") from error
            first_frame_s = self._services.now().timestamp()
            await self._take_sample()
            if self._meter is not None:
                self._meter = self._meter.first_frame(first_frame_s)
            self._become(ObservedState.RUNNING)
            await self._write_record()

    # The end.

    async def _wind_down(self, end: EndReport) -> None:
        self._become(ObservedState.STOPPING, force=True)
        await self._write_record()
        if self._place is None:
            self._place = await self._services.seats.existing(self._desired.session_id)
        await self._attempt("container.stop", self._stop_container(), 40)
        if self._meter is not None:  # the game has run
            self._end = end = await self._save_at_end(end)
        await self._attempt("container.remove", self._remove_container(), 30)
        await self._attempt("seat.end", self._end_seat(), 15)
        await self._attempt("save_folder.remove", self._saves.remove(), 20)
        self._become(ObservedState.ENDED)
        await self._write_record()
        self._log.info("session.ended", code=end.code)

    async def _stop_container(self) -> None:
        if self._creating is not None:
            with contextlib.suppress(EngineError):
                self._container_id = await self._creating
        if self._container_id is None:
            self._container_id = await self._find_container()
        if self._container_id is None:
            return
        await self._take_sample()
        if self._meter is not None:
            self._meter = self._meter.stopping(self._services.now().timestamp())
        runtime, build = self._services.runtime, self._desired.build
        status = await runtime.status(self._container_id)
        if status.is_running:
            await runtime.signal(self._container_id, build.stop_signal)
            try:
                async with asyncio.timeout(build.stop_grace_s):
                    status = await runtime.wait_ended(self._container_id)
            except TimeoutError:
                self._log.info("container.killed", grace_s=build.stop_grace_s)
                await runtime.signal(self._container_id, "SIGKILL")
                async with asyncio.timeout(10):
                    status = await runtime.wait_ended(self._container_id)
        if self._meter is not None:
            ended_at = status.ended_at or self._services.now()
            self._meter = self._meter.ended(ended_at.timestamp())

    async def _save_at_end(self, end: EndReport) -> EndReport:
        try:
            await self._saves.capture_last(within_s=_SEND_LAST_SAVE_S)
        except ControlPlaneError as error:
            return self._unsaved(end, f"it is kept on the host and sent later ({error})")
        except (SaveError, OSError) as error:
            return self._unsaved(end, str(error))
        return end

    def _unsaved(self, end: EndReport, reason: str) -> EndReport:
        self._log.error("save.failed", reason=reason)
        message = f"{end.message} The last save did not reach the server: {reason}"
        return EndReport(code="save_failed", message=message, log_tail=end.log_tail)

    async def _remove_container(self) -> None:
        labels = session_labels(self._desired, self._services.ours)
        for container in await self._services.runtime.list_containers(labels):
            await self._services.runtime.remove(container.container_id)

    async def _end_seat(self) -> None:
        if self._place is None:
            return
        seat, self._seat = self._seat, None
        self._peers = 0
        try:
            if seat is None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(2):
                        seat = await self._services.seats.adopt(self._place)
            if seat is not None:
                await seat.shutdown()
        except SeatError as error:
            self._log.info("seat.gone", reason=str(error))
        finally:
            await self._services.seats.release(self._place)

    async def _clear(self) -> None:
        """Nothing was played yet: remove what an interrupted start left behind."""
        await self._attempt("container.remove", self._remove_container(), 30)
        await self._attempt("seat.end", self._end_seat(), 15)
        await self._attempt("save_folder.remove", self._saves.remove(), 20)
        self._place, self._container_id = None, None

    async def _attempt(self, step: str, work: Coroutine[object, object, None], deadline_s: float) -> None:
        """One step of the clean-up. Its failure is logged and does not keep the next from being tried."""
        try:
            async with asyncio.timeout(deadline_s):
                await work
        except (AgentError, OSError, TimeoutError) as error:
            self._log.warning("session.step_failed", step=step, error=str(error) or type(error).__name__)

    # Small things.

    async def _find_container(self) -> str | None:
        found = await self._services.runtime.list_containers(session_labels(self._desired, self._services.ours))
        return found[0].container_id if found else None

    async def _log_tail(self) -> tuple[str, ...]:
        if self._container_id is None:
            return ()
        try:
            return await self._services.runtime.log_tail(self._container_id, _LOG_LINES)
        except EngineError:
            return ()

    def _learn_progress(self, progress: Progress) -> None:
        self._progress = progress
        self._services.changed()

    def _become(self, state: ObservedState, *, force: bool = False) -> None:
        before = self._state
        self._state = state if force else moved(before, state)
        if before is not state:
            self._log.info("session.moved", before=before, to=state)
            self._services.changed()

    async def _write_record(self) -> None:
        statistics = None if self._meter is None else self._meter.statistics(self._services.now().timestamp())
        self._record = SessionRecord(
            desired=self._desired,
            state=self._state,
            container_id=self._container_id,
            meter=self._meter,
            statistics=statistics,
            save=self._saves.last,
            end=self._end,
        )
        await asyncio.to_thread(self._folder.write, self._record)

    def _require_place(self) -> SeatPlace:
        if self._place is None:
            raise SeatError(_ABSENT)
        return self._place

    def _require_container(self) -> str:
        if self._container_id is None:
            raise ContainerNotFoundError(_ABSENT)
        return self._container_id


class _GameLeftError(AgentError):
    """The game ended and nobody had ordered it."""

    def __init__(self, report: EndReport) -> None:
        super().__init__(report.message)
        self.report = report
