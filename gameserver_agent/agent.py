"""The agent: it holds the sessions of this host.

What is wanted comes from `contact`; once a second it looks by itself as well, so that deadlines hold with or without an
orchestrator. What to do is decided by `reconcile.plan` alone. No loop's trouble ends another.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import structlog

from agent_protocol import BuildSpec, DesiredSession, EndReport, ObservedSession, ObservedState, SavedVersion
from gameserver_agent import observing
from gameserver_agent.clock import OrchestratorClock
from gameserver_agent.contact import Contact, Report, counted, fitting
from gameserver_agent.engine_watch import EngineWatch
from gameserver_agent.errors import ControlPlaneError, HostRemovedError
from gameserver_agent.host_usage import HostFigures, HostMeter
from gameserver_agent.http.app import PlayableSession
from gameserver_agent.identity import DataFolder, Membership
from gameserver_agent.image_care import ImageCare
from gameserver_agent.leftovers import Leftovers
from gameserver_agent.orchestrator_client import OrchestratorClient
from gameserver_agent.reconcile import Action, Forget, NoteEnded, Renew, Start, Stop, plan
from gameserver_agent.runtime.port import Runtime
from gameserver_agent.saves.outbox import Letter, Outbox
from gameserver_agent.seats.warm_plan import size_of
from gameserver_agent.sessions.record import SessionFolder, SessionRecord
from gameserver_agent.sessions.services import SessionServices
from gameserver_agent.sessions.session_task import SessionTask
from gameserver_agent.tasks import all_or_first_error, cancelled, kept_alive
from metering import UNMETERED, Meter

log = structlog.get_logger()
_LOOK_EVERY_S = 1.0
_LOOK_AT_ENGINE_EVERY_S = 15.0
_ABANDONED_WITHIN_S = 2.5
_LAST_SYNC_WITHIN_S = 1.0
AFTER_STOP_S = _ABANDONED_WITHIN_S + _LAST_SYNC_WITHIN_S


class Agent:
    """One host. `adopt` before `run`; `leave` or `stop_sessions` at the end."""

    def __init__(
        self,
        *,
        data: DataFolder,
        membership: Membership,
        client: OrchestratorClient,
        clock: OrchestratorClock,
        runtime: Runtime,
        meter: HostMeter,
        public_url: str,
        metrics: Meter = UNMETERED,
    ) -> None:
        self._metrics = metrics
        self._contact = Contact(
            self,
            data=data,
            membership=membership,
            client=client,
            clock=clock,
            public_url=public_url,
            meter=metrics,
        )
        self._engine = EngineWatch(runtime)
        self._meter = meter
        self._figures = meter.read()
        self._sessions: dict[str, SessionTask] = {}
        self._deciding = asyncio.Lock()
        self._has_news = asyncio.Event()
        self._services: SessionServices | None = None
        self._care: ImageCare | None = None
        self._engine_at_s = 0.0
        self._is_leaving = False
        self._is_clear = asyncio.Event()
        self._leftovers = Leftovers(time.monotonic)
        self._looks_at_leftovers = False
        self._forgetting: dict[str, asyncio.Task[None]] = {}

    # What the HTTP server sees.

    def figures(self) -> HostFigures:
        return self._figures

    def is_engine_well(self) -> bool:
        return self._engine.is_well

    def is_ready(self) -> bool:
        return self._engine.is_well and self._contact.has_synced

    def observed(self) -> tuple[ObservedSession, ...]:
        return tuple(task.observed() for task in self._sessions.values())

    def session(self, session_id: str) -> PlayableSession | None:
        task = self._sessions.get(session_id)
        return None if task is None or task.has_ended else task

    def keys(self) -> dict[str, object]:
        return self._contact.membership.keys

    def names(self) -> tuple[str, str]:
        return self._contact.membership.host_id, self._contact.membership.installation

    async def metrics(self) -> bytes:
        """Everything in Prometheus' text format, with the gauges as they are now."""
        letters = () if self._services is None else await asyncio.to_thread(self._services.outbox.letters)
        self._metrics.set(observing.UNSENT_SAVES, len(letters))
        self._metrics.set(observing.ENGINE_UP, float(self._engine.is_well))
        self._metrics.set(observing.SYNC_AGE, self._contact.silent_s)
        sessions = self.observed()
        for state in ObservedState:
            if state is not ObservedState.ENDED:
                count = sum(session.state is state for session in sessions)
                self._metrics.set(observing.SESSIONS, count, state=state)
        self._metrics.set(observing.SESSIONS_PAUSED, sum(session.paused for session in sessions))
        self._metrics.set(observing.PEERS, sum(session.peers for session in sessions))
        figures = self._figures
        percents = {"cpu": figures.cpu_percent, "memory": figures.memory_percent, "disk": figures.disk_percent}
        for resource, percent in percents.items():
            self._metrics.set(observing.HOST_USED, percent / 100, resource=resource)
        waiting = () if self._services is None else self._services.warm.sizes()
        titles = () if self._services is None else self._services.titles.report()
        seats = {
            observing.TAKEN: sum(session.seat_ready for session in sessions),
            observing.WAITING: len(waiting),
            observing.TITLES: sum(title.count for title in titles),
        }
        for use, count in seats.items():
            self._metrics.set(observing.SEATS, count, use=use)
        return await asyncio.to_thread(self._metrics.text)

    # What the orchestrator is told, and its answer.

    def report(self) -> Report:
        self._figures = self._meter.read()
        if self._services is None or self._care is None:
            return Report(fitting(self.observed()), self._engine.images, self._figures, None)
        care, waiting = self._care, counted(self._services.warm.sizes()) + self._services.titles.report()
        figures = replace(self._figures, capacity=care.offered(self._figures.capacity))
        return Report(
            fitting(self.observed()), self._engine.images, figures, care.images.pull_bytes_per_s, waiting, care.pulls()
        )

    def wanted_images(self) -> frozenset[str]:
        """Ids of images that are needed here now or soon."""
        desired = (session.build for session in self._contact.desired or ())
        here = (task.desired.build for task in self._sessions.values() if not task.has_ended)
        arriving = () if self._services is None else self._services.images.pulls()
        waiting = frozenset[str]() if self._services is None else self._services.titles.image_ids()
        return waiting | frozenset(
            [build.image_id for build in (*desired, *here, *self._contact.prepulls)]
            + [pull.image_id for pull in arriving]
        )

    def spare_images(self) -> frozenset[str]:
        """Ids of images that other hosts hold enough of, as the orchestrator said last."""
        return self._contact.spare_images

    async def answered(self, report: Report) -> None:
        if self._care is not None:
            self._care.want(self._contact.prepulls)
        for seen in report.sessions:
            task = self._sessions.get(seen.session_id)
            if seen.state is ObservedState.ENDED and task is not None and task.desired.generation == seen.generation:
                task.was_reported = True
        if self._services is not None:
            self._services.warm.want((size_of(one.width, one.height), one.count) for one in self._contact.warm_seats)
            self._services.titles.want(self._contact.warm_titles, self._beginning())
        await self.ordered()

    async def ordered(self) -> None:
        if self._deciding.locked():  # contact waits for nothing: the next look follows at once
            self._has_news.set()
        else:
            await self._reconcile()

    def look_at_engine(self) -> None:
        self._engine_at_s = 0.0
        self._has_news.set()

    def _beginning(self) -> list[BuildSpec]:
        """Of each session that may take a title yet."""
        states = {session_id: task.observed().state for session_id, task in self._sessions.items()}
        return [
            session.build
            for session in self._contact.desired or ()
            if session.want == "run" and states.get(session.session_id, ObservedState.PULLING) is ObservedState.PULLING
        ]

    # Told from outside.

    def changed(self) -> None:
        """There is news for the orchestrator."""
        self._contact.changed()

    @property
    def incarnation(self) -> int:
        """Greater than that of every earlier agent of this host."""
        return self._contact.incarnation

    def is_active(self, session_id: str) -> bool:
        task = self._sessions.get(session_id)
        return task is not None and task.sends_its_save

    def save_was_sent(self, letter: Letter, saved: SavedVersion) -> None:
        task = self._sessions.get(letter.session_id)
        if task is not None and task.desired.generation == letter.generation:
            task.note_saved(saved)
            self.changed()

    async def adopt(self, services: SessionServices) -> None:
        """Take up the sessions that an earlier agent left. Waits for the engine; nothing is decided before. What else
        was left goes once the agent runs: the orchestrator hears of the sessions at once.
        """
        self._services = services
        self._engine.uses = services.images.uses
        self._care = ImageCare(
            services.images, services.evicting, self._engine, wanted=self.wanted_images, changed=self.changed
        )
        await self._engine.until_it_answers()
        records = await asyncio.to_thread(_records, services)
        for record in records:
            task = SessionTask(record.desired, services, record)
            self._sessions[record.desired.session_id] = task
            task.begin()

    async def run(self, outbox: Outbox) -> None:
        """Until cancelled. Raises `HostRemovedError`."""
        loops = [self._contact.keep, self._keep_looking, partial(outbox.keep_sending, self.is_active)]
        if self._services is not None:
            warm, titles = self._services.warm.keep, self._services.titles.keep
            loops += [
                self._services.kept.keep_trying,
                partial(self._once_clear, warm),
                partial(self._once_clear, titles),
            ]
        if self._care is not None:
            loops.append(self._care.keep)
        try:
            await all_or_first_error(*(kept_alive(loop, until=HostRemovedError) for loop in loops))
        finally:
            await cancelled(*self._forgetting.values())

    async def leave(self) -> None:
        """The agent goes; games and their seats live on."""
        await asyncio.gather(self._end_warm(), *(task.leave() for task in self._sessions.values()))

    async def stop_sessions(self, within_s: float) -> bool:
        """End every session and tell the orchestrator. Where the time is not enough for an orderly end, container and
        seat are killed and the next agent captures the save: False then. Takes `AFTER_STOP_S` longer at most.
        """
        self._is_leaving = True
        tasks = tuple(self._sessions.values())
        for task in tasks:
            task.stop("stopped", "The host was shut down.")
            task.hasten()
        try:
            async with asyncio.timeout(within_s):
                await asyncio.gather(self._end_warm(), *(task.finished() for task in tasks))
        except TimeoutError:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ABANDONED_WITHIN_S):
                    await asyncio.gather(*(task.abandon() for task in tasks))
        if self._sessions:
            try:
                async with asyncio.timeout(_LAST_SYNC_WITHIN_S):
                    await self._contact.sync()
            except (ControlPlaneError, TimeoutError) as error:
                log.warning("sync.last_failed", reason=str(error) or "it took too long")
        return all(task.has_ended for task in tasks)

    async def _end_warm(self) -> None:
        """Who has no time for all of it is not kept: what is left goes with the next agent's start."""
        if self._services is not None:
            await asyncio.shield(asyncio.gather(self._services.warm.end(), self._services.titles.end()))

    # Acting.

    async def _keep_looking(self) -> None:
        loop = asyncio.get_running_loop()
        if self._services is not None and not self._is_clear.is_set():
            async with self._deciding:  # nothing is begun beside what is left of it, or before that was seen
                while not await self._clear(self._services):  # noqa: ASYNC110 - an engine tells nobody that it is well
                    await asyncio.sleep(_LOOK_EVERY_S)
        while True:
            self._has_news.clear()
            await self._reconcile()
            if loop.time() >= self._engine_at_s:
                self._engine_at_s = loop.time() + _LOOK_AT_ENGINE_EVERY_S
                if await self._engine.look():
                    self.changed()
                self._looks_at_leftovers = self._engine.is_well
            if self._looks_at_leftovers and self._services is not None:
                self._looks_at_leftovers = False
                async with self._deciding:
                    await self._look_at_leftovers(self._services)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._has_news.wait()

    async def _reconcile(self) -> None:
        if self._services is None or self._is_leaving:
            return
        async with self._deciding:  # between a look and its actions nobody else acts
            now: datetime = self._services.now()
            seen = [task.seen() for task in self._sessions.values()]
            for action in plan(seen, self._contact.desired, now):
                self._do(action, self._services)

    def _do(self, action: Action, services: SessionServices) -> None:
        self._metrics.count(observing.RECONCILE_ACTIONS, action=_WORDS[type(action)])
        match action:
            case Start(desired) | NoteEnded(desired) if desired.session_id in self._forgetting:
                pass  # what is left of the session before it goes first
            case Start(desired):
                self._begin(desired, services)
            case Renew(desired):
                self._sessions[desired.session_id].renew(desired)
            case Stop(session_id, code, message):
                self._sessions[session_id].stop(code, message)
            case NoteEnded(desired, code, message) if self._leftovers.is_running_already(desired):
                self._take_up(desired, services).stop(code, message)
            case NoteEnded(desired) if self._leftovers.stands_in_the_way(desired):
                self._looks_at_leftovers = True  # as with a start: it goes first, with its save as its own
            case NoteEnded(desired, code, message):
                record = SessionRecord(
                    desired=desired, state=ObservedState.ENDED, end=EndReport(code=code, message=message)
                )
                self._sessions[desired.session_id] = SessionTask(desired, services, record)
                self.changed()
            case Forget(session_id):
                self._forget(session_id)

    async def _clear(self, services: SessionServices) -> bool:
        """Of all that earlier agents left and no session has; False when it could not be seen."""
        if not await services.titles.clear(self._taken_titles()) or not await self._look_at_leftovers(services):
            return False
        await services.warm.clear()
        self._is_clear.set()
        return True

    async def _once_clear(self, keep: Callable[[], Coroutine[object, object, None]]) -> None:
        await self._is_clear.wait()
        await keep()

    def _taken_titles(self) -> frozenset[str]:
        return frozenset(task.title_id for task in self._sessions.values() if task.title_id is not None)

    def _begin(self, desired: DesiredSession, services: SessionServices) -> None:
        """What is in the way has to go before: it is tried again with the next look."""
        if self._leftovers.is_running_already(desired):
            self._take_up(desired, services)
        elif self._leftovers.stands_in_the_way(desired):
            self._looks_at_leftovers = True
        else:
            self._sessions[desired.session_id] = task = SessionTask(desired, services)
            task.begin()

    def _take_up(self, desired: DesiredSession, services: SessionServices) -> SessionTask:
        """A game that lives here though its record is lost."""
        log.warning("orphan.taken_up", session=desired.session_id, generation=desired.generation)
        self._leftovers.taken_up(desired)
        record = SessionRecord(desired=desired, state=ObservedState.BOOTING)
        self._sessions[desired.session_id] = task = SessionTask(desired, services, record)
        task.begin()
        return task

    def _forget(self, session_id: str) -> None:
        """Nobody waits for it: a home that will not go holds up no other session."""
        if session_id in self._sessions and session_id not in self._forgetting:
            forgetting = asyncio.create_task(self._forgotten(session_id), name=f"forget {session_id}")
            self._forgetting[session_id] = forgetting

    async def _forgotten(self, session_id: str) -> None:
        try:
            await self._sessions[session_id].forget()
        except OSError as error:  # tried again with the next look
            log.warning("session.not_forgotten", session=session_id, reason=str(error))
        else:
            del self._sessions[session_id]
            self._has_news.set()
        finally:
            del self._forgetting[session_id]

    async def _look_at_leftovers(self, services: SessionServices) -> bool:
        known = {session_id: task.desired.generation for session_id, task in self._sessions.items()}

        def titles() -> frozenset[str]:
            return services.titles.known() | self._taken_titles()

        return await self._leftovers.look(services, known, self._contact.desired, titles)


_WORDS = {Start: "start", Renew: "renew", Stop: "stop", NoteEnded: "note_ended", Forget: "forget"}


def _records(services: SessionServices) -> Sequence[SessionRecord]:
    folder = services.data / "sessions"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = (SessionFolder(path).read() for path in sorted(folder.iterdir()) if path.is_dir())
    return [record for record in found if record is not None]
