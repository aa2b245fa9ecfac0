"""The way of a session up to its running game, and watching it: pulling → restoring → booting → running.

It never ends anything: it is over when something has gone wrong or the game has left, and says so by its error.
"""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta

from agent_protocol import EndReport, ObservedState, Progress
from gameserver_agent import spans
from gameserver_agent.errors import AgentError, ContainerNotFoundError, SeatError, SessionEndedError
from gameserver_agent.observing import note_stream
from gameserver_agent.sessions.adopting import GameLeftError, game_left, take_up
from gameserver_agent.sessions.container import game_container, report_of_failure
from gameserver_agent.sessions.ending import Ending
from gameserver_agent.sessions.from_title import began_from_title
from gameserver_agent.sessions.live import LiveSession
from gameserver_agent.sessions.pausing import Pausing
from gameserver_agent.sessions.run_result import make_folder
from gameserver_agent.sessions.state import restoring_within_s
from gameserver_agent.statistics import Meter
from gameserver_agent.tasks import all_or_first_error, cancelled, finished_despite_cancellation

_SAMPLE_EVERY_S = 2.0
_RECORD_EVERY_SAMPLES = 5
_SEAT_START_S = 20.0
_SEAT_MISSES = 3
_TOLD_BY_ITS_LOG = frozenset({"boot_timeout", "seat_failed", "save_full", "host_restarted"})


class Playing:
    """One session on its way up and while it runs."""

    def __init__(self, live: LiveSession, ending: Ending) -> None:
        self._live = live
        self._ending = ending
        self._first_frame = asyncio.Event()
        self._kept_out_epoch = 0
        self._telling: set[asyncio.Task[None]] = set()
        self.pausing = Pausing(live)

    async def run(self) -> None:
        """Never returns: ends with the error that says why the session is over."""
        live = self._live
        was_noted_paused = live.is_paused
        if live.was_adopted and await take_up(live, self._ending.clearing):
            if was_noted_paused and not live.is_paused:
                self.pausing.doubt()
            live.log.info("session.adopted", state=live.state)
        else:
            await self._begin()
            if live.desired.for_result or not await began_from_title(live):
                await self._prepare()
                await self._boot()
        checkpoints = () if live.desired.for_result else (live.saves.keep_checkpointing(live.require_place().owner),)
        await all_or_first_error(
            self._watch_container(),
            self._watch_seat(),
            self._ask_seat(),
            self._sample(),
            self._play(),
            live.saves.keep_measuring(),
            *checkpoints,
        )

    def hear_of_new_epoch(self) -> None:
        """Sees to it that the seat is told at once, without waiting for its answer."""
        self._tell(self.keep_out_revoked(), "revocation")

    def hear_of_answer(self) -> None:
        """Sees to it that the seat is asked what it did, without waiting for it."""
        self._tell(self._live.tell_moments(), "moments")

    def _tell(self, telling: Coroutine[object, object, None], what: str) -> None:
        task = asyncio.create_task(telling, name=f"{what} {self._live.session_id}")
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def forget_telling(self) -> None:
        """Nothing of it is left under way."""
        await cancelled(*self._telling)

    async def keep_out_revoked(self) -> None:
        """Tells the seat of a raised epoch. What it does not hear now it is told with the next look at it."""
        live = self._live
        epoch = live.desired.epoch
        if live.seat is None or epoch <= self._kept_out_epoch:
            return
        try:
            await live.seat.revoke(epoch)
            self._kept_out_epoch = max(epoch, self._kept_out_epoch)
        except SeatError as error:
            live.log.warning("seat.revoke_failed", epoch=epoch, reason=str(error))

    async def report_of(self, error: BaseException | None) -> EndReport:
        """What to tell people of the error that `run` ended with."""
        if isinstance(error, GameLeftError):
            return error.report
        report = report_of_failure(error)
        if report is None:
            self._live.log.error("session.mistake", exc_info=error)
            return EndReport(code="engine_failed", message="The host made a mistake.")
        if report.code in _TOLD_BY_ITS_LOG:
            return report.model_copy(update={"log_tail": await self._live.log_tail()})
        return report

    # Up to the running game.

    async def _begin(self) -> None:
        live = self._live
        live.become(ObservedState.PULLING, force=True)
        live.services.images.uses.note(live.desired.build.image_id, live.now_s())  # also where nothing is to be fetched
        try:
            clearing = asyncio.ensure_future(asyncio.to_thread(live.services.kept.clear_for_start, live.session_id))
            await finished_despite_cancellation(clearing)
        except (AgentError, OSError) as error:
            raise SessionEndedError("restore_failed", f"The last save could not be set aside: {error}") from error
        await live.note()

    async def _prepare(self) -> None:
        await finished_despite_cancellation(asyncio.ensure_future(self._claim_seat()))
        await all_or_first_error(self._image(), self._restore(), self._raise_seat())

    async def _image(self) -> None:
        live = self._live
        with live.trace.span(spans.PULL) as span:
            await live.services.images.ensure(live.desired.build, self._learn_progress)
            came = live.progress
            span.note({spans.IS_IMAGE_THERE: came is None, spans.BYTES: None if came is None else came.done})
        live.become(ObservedState.RESTORING)

    async def _restore(self) -> None:
        saves, place = self._live.saves, self._live.require_place()
        has_save = self._live.desired.restore is not None
        noted = {spans.HAS_SAVE: has_save, spans.BYTES: saves.restored_bytes}
        with self._live.trace.span(spans.RESTORE, noted):
            try:
                async with asyncio.timeout(restoring_within_s(saves.restored_bytes)):
                    await saves.prepare(place.owner)
            except TimeoutError as error:
                raise SessionEndedError("restore_failed", "Restoring the save took too long.") from error
        if self._live.desired.for_result:
            making = asyncio.to_thread(make_folder, saves.home.path, place.session, place.owner)
            await finished_despite_cancellation(asyncio.ensure_future(making))

    async def _claim_seat(self) -> None:
        """A seat that waits already, or a place for one."""
        live = self._live
        with live.trace.span(spans.CLAIM) as span:
            warm = await live.services.warm.take(live.session_id, live.seat_config())
            span.note({spans.IS_WARM: warm is not None})
            if warm is None:
                live.place = await live.services.seats.claim(live.session_id)
                return
        live.place, live.seat = warm
        live.had_warm_seat = True
        live.log.info("seat.taken", display=live.seat.hello.display)
        live.services.changed()

    async def _raise_seat(self) -> None:
        live = self._live
        if live.seat is not None:
            return
        config = live.seat_config()
        with live.trace.span(spans.RAISE) as span:
            live.trace.below(span, spans.DISPLAY, spans.MEDIA)
            try:
                async with asyncio.timeout(_SEAT_START_S):
                    live.seat = await live.services.seats.open(live.require_place(), config)
            except TimeoutError as error:
                raise SeatError("the display did not come up in time") from error
        live.log.info("seat.ready", display=live.seat.hello.display)
        live.services.changed()

    async def _boot(self) -> None:
        live = self._live
        live.become(ObservedState.BOOTING)
        hello, home = live.require_seat().hello, str(live.saves.home.path)
        spec = game_container(live.desired, live.services.ours, live.require_place(), hello, home)
        with live.trace.span(spans.CREATE):
            live.creating = asyncio.ensure_future(live.services.runtime.create(spec))
            await live.note()
            live.container_id = await finished_despite_cancellation(live.creating)
        with live.trace.span(spans.START_GAME):
            await live.services.runtime.start(live.container_id)
        live.trace.game_started()
        live.meter = Meter(started_s=live.now_s())
        live.log.info("container.started", container=live.container_id[:12])
        live.services.changed()
        await live.note()

    def _learn_progress(self, progress: Progress) -> None:
        self._live.progress = progress
        self._live.services.changed()

    # While the game runs.

    async def _watch_container(self) -> None:
        try:
            status = await self._live.services.runtime.wait_ended(self._live.require_container())
        except ContainerNotFoundError as error:
            raise SessionEndedError("crashed", "The game's container was removed from outside.") from error
        raise await game_left(self._live, status)

    async def _watch_seat(self) -> None:
        live = self._live
        async for event in live.require_seat().events():
            match event.event:
                case "first_frame":
                    self._first_frame.set()
                case "peers":
                    self._count(event.count or 0, event.players)
                case "sound_lost":
                    live.log.warning("seat.sound_lost", reason=event.message)
                case "failed":
                    raise SeatError(event.message or "no reason given")
                case _:
                    pass  # a newer worker's news
        raise SeatError("the seat worker is gone")

    async def _ask_seat(self) -> None:
        """A slow answer is forgiven; a worker that is gone is seen by `_watch_seat`."""
        live, seat = self._live, self._live.require_seat()
        misses = 0
        while True:
            await self.keep_out_revoked()
            try:
                status = await seat.status()
            except SeatError:
                misses += 1
                if misses >= _SEAT_MISSES:
                    raise
            else:
                misses = 0
                note_stream(live.services.meter, status)
                if status.first_frame:
                    self._first_frame.set()
                if live.meter is not None:
                    live.meter = live.meter.shown(status.fps)
                if status.peers != live.peers or status.players not in (None, live.players):
                    self._count(status.peers, status.players)
                if status.idle_s is not None:
                    live.last_input_at = live.services.now() - timedelta(seconds=status.idle_s)
            await asyncio.sleep(_SAMPLE_EVERY_S)

    def _count(self, peers: int, players: int | None) -> None:
        """A worker that is older than watchers are has players alone."""
        self._live.peers, self._live.players = peers, peers if players is None else players
        self._live.services.changed()

    async def _sample(self) -> None:
        taken = 0
        while True:
            await self._live.take_sample()
            taken += 1
            if taken % _RECORD_EVERY_SAMPLES == 0:
                await self._live.note()
            await asyncio.sleep(_SAMPLE_EVERY_S)

    async def _play(self) -> None:
        await self._until_first_frame()
        await all_or_first_error(self.pausing.keep_watching(), self._ending.pictures.keep_sending())

    async def _until_first_frame(self) -> None:
        live = self._live
        if live.state is ObservedState.BOOTING:
            within_s = live.services.booting_within_s
            try:
                async with asyncio.timeout(within_s):
                    await self._first_frame.wait()
            except TimeoutError as error:
                message = f"The game showed no picture within {within_s:g} seconds."
                raise SessionEndedError("boot_timeout", message) from error
            if live.meter is not None:
                live.meter = live.meter.first_frame(live.now_s())
            live.become(ObservedState.RUNNING)
            await live.note()
            await live.tell_moments()
            await live.take_sample()  # the engine takes a second for it: the player is told before
            if live.meter is not None:
                live.meter = live.meter.booted()
            await live.note()
