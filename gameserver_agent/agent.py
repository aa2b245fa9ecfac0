"""The agent: it holds the sessions of this host and keeps three loops going.

    sync       tells the orchestrator what is here, on every change and at the interval, and takes what is wanted
    news       is held by the orchestrator and makes a launch order arrive at once
    tick       every second: what has to be done by this host's own clock, with or without an orchestrator

Every loop handles its own errors; none can end another. What to do is decided by `reconcile.plan` alone.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from agent_protocol import (
    DesiredSession,
    EndReport,
    HostImage,
    ObservedSession,
    ObservedState,
    SavedVersion,
    SyncRequest,
    SyncResponse,
)
from gameserver_agent.backoff import delay_s
from gameserver_agent.errors import ControlPlaneError, ControlPlaneRefusedError, EngineError
from gameserver_agent.host_usage import HostFigures, HostMeter
from gameserver_agent.http.app import PlayableSession
from gameserver_agent.identity import DataFolder, Membership
from gameserver_agent.images import reported
from gameserver_agent.leftovers import end_leftovers
from gameserver_agent.orchestrator_client import OrchestratorClient
from gameserver_agent.reconcile import Action, Forget, NoteEnded, Renew, Start, Stop, plan
from gameserver_agent.runtime.port import Runtime
from gameserver_agent.saves.outbox import Letter, Outbox
from gameserver_agent.sessions.record import SessionFolder, SessionRecord
from gameserver_agent.sessions.services import SessionServices
from gameserver_agent.sessions.session_task import SessionTask
from gameserver_agent.tasks import cancelled

log = structlog.get_logger()
_COALESCE_S = 0.03
_IMAGES_EVERY_S = 15.0


@dataclass
class Contact:
    """What was last heard of the orchestrator."""

    revision: int = 0
    next_sync_s: float = 2.0
    desired: tuple[DesiredSession, ...] | None = None


@dataclass(frozen=True)
class Stranger:
    """Does the orchestrator no longer know this host, because its database was replaced? Only when it says 401 three
    times in a row, over at least five seconds. Pure.
    """

    times: int = 0
    first_s: float = 0.0
    last_s: float = 0.0

    @property
    def is_certain(self) -> bool:
        return self.times >= 3 and self.last_s - self.first_s >= 5

    def refused(self, status: int, now_s: float) -> "Stranger":
        if status != 401:
            return Stranger()
        return Stranger(self.times + 1, self.first_s if self.times else now_s, now_s)


class Agent:
    """One host. `adopt` before `run`; `leave` or `stop_sessions` at the end."""

    def __init__(
        self,
        *,
        data: DataFolder,
        membership: Membership,
        client: OrchestratorClient,
        runtime: Runtime,
        meter: HostMeter,
        public_url: str,
    ) -> None:
        self._data = data
        self._membership = membership
        self._client = client
        self._runtime = runtime
        self._meter = meter
        self._public_url = public_url
        self._incarnation = data.next_incarnation()
        self._seq = 0
        self._contact = Contact()
        self._sessions: dict[str, SessionTask] = {}
        self._changed = asyncio.Event()
        self._synced = asyncio.Event()
        self._answered = asyncio.Event()
        self._deciding = asyncio.Lock()
        self._services: SessionServices | None = None
        self._images: tuple[HostImage, ...] = ()
        self._figures = meter.read()
        self._engine_is_well = False
        self._is_leaving = False
        self._has_leftovers = False

    # What the HTTP server sees.

    def figures(self) -> HostFigures:
        return self._figures

    def is_engine_well(self) -> bool:
        return self._engine_is_well

    def is_ready(self) -> bool:
        return self._engine_is_well and self._synced.is_set()

    def observed(self) -> tuple[ObservedSession, ...]:
        return tuple(task.observed() for task in self._sessions.values())

    def session(self, session_id: str) -> PlayableSession | None:
        task = self._sessions.get(session_id)
        return None if task is None or task.has_ended else task

    def keys(self) -> dict[str, object]:
        return self._membership.keys

    def names(self) -> tuple[str, str]:
        return self._membership.host_id, self._membership.installation

    # Told from outside.

    def changed(self) -> None:
        """There is news for the orchestrator."""
        self._changed.set()

    def is_active(self, session_id: str) -> bool:
        task = self._sessions.get(session_id)
        return task is not None and not task.has_ended

    def save_was_sent(self, letter: Letter, saved: SavedVersion) -> None:
        task = self._sessions.get(letter.session_id)
        if task is not None and task.desired.generation == letter.generation:
            task.note_saved(saved)
            self.changed()

    async def adopt(self, services: SessionServices) -> None:
        """Take up what an earlier agent left. Waits for the engine; nothing is decided before."""
        self._services = services
        failures = 0
        while True:
            try:
                await self._runtime.info()
                break
            except EngineError as error:
                if failures == 0:
                    log.warning("engine.away", reason=str(error))
                failures += 1
                await asyncio.sleep(delay_s(failures, random.random, most_s=5))
        self._engine_is_well = True
        for record in await asyncio.to_thread(_records, services):
            task = SessionTask(record.desired, services, record)
            self._sessions[record.desired.session_id] = task
            task.begin()
        await self._end_leftovers(services)

    async def _end_leftovers(self, services: SessionServices) -> None:
        known = {session_id: task.desired.generation for session_id, task in self._sessions.items()}
        self._has_leftovers = not await end_leftovers(services, known)

    async def run(self, outbox: Outbox) -> None:
        """Until cancelled. Raises `ControlPlaneRefusedError` when the orchestrator no longer knows this host."""
        loops = [
            asyncio.ensure_future(work)
            for work in (self._sync_loop(), self._news_loop(), self._tick_loop(), outbox.keep_sending(self.is_active))
        ]
        if self._services is not None:
            loops.append(asyncio.ensure_future(self._services.kept.keep_trying()))
        try:
            done, _ = await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
            for loop in done:
                loop.result()
        finally:
            await cancelled(*loops)

    async def leave(self) -> None:
        """The agent goes; games and seats live on."""
        await asyncio.gather(*(task.leave() for task in self._sessions.values()))

    async def stop_sessions(self, within_s: float) -> bool:
        """End every session and tell the orchestrator. Where the time is not enough for an orderly end, container and
        seat are killed and the next agent captures the save: False then.
        """
        self._is_leaving = True
        tasks = tuple(self._sessions.values())
        for task in tasks:
            task.stop("stopped", "The host was shut down.")
            task.hasten()
        try:
            async with asyncio.timeout(within_s):
                await asyncio.gather(*(task.finished() for task in tasks))
        except TimeoutError:
            await asyncio.gather(*(task.abandon() for task in tasks))
        if self._sessions:
            try:
                async with asyncio.timeout(2):
                    await self._sync_once()
            except (ControlPlaneError, TimeoutError) as error:
                log.warning("sync.last_failed", reason=str(error) or "it took too long")
        return all(task.has_ended for task in tasks)

    # The loops.

    async def _sync_loop(self) -> None:
        failures = 0
        stranger = Stranger()
        while True:
            self._changed.clear()
            try:
                await self._sync_once()
                failures = 0
                stranger = Stranger()
                pause_s = self._contact.next_sync_s
            except ControlPlaneRefusedError as error:
                failures += 1
                stranger = stranger.refused(error.status, asyncio.get_running_loop().time())
                if stranger.is_certain:
                    raise
                if error.code == "stale_sync" and failures > 2:
                    self._incarnation, self._seq = self._data.next_incarnation(), 0
                log.warning("sync.refused", status=error.status, code=error.code, message=error.message)
                pause_s = delay_s(failures, random.random)
            except ControlPlaneError:
                failures += 1
                pause_s = delay_s(failures, random.random)
            try:
                async with asyncio.timeout(pause_s):
                    if failures:
                        await asyncio.sleep(pause_s)
                    await self._changed.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(_COALESCE_S)

    async def _sync_once(self) -> None:
        self._seq += 1
        reported = [task for task in self._sessions.values() if task.has_ended]
        self._figures = self._meter.read()
        response = await self._client.sync(
            SyncRequest(
                incarnation=self._incarnation,
                seq=self._seq,
                public_url=self._public_url,
                sessions=self.observed(),
                images=self._images,
                capacity=self._figures.capacity,
                usage=self._figures.usage,
                pull_bytes_per_s=None if self._services is None else self._services.images.pull_bytes_per_s,
            )
        )
        for task in reported:
            task.was_reported = True
        await self._take(response)

    async def _take(self, response: SyncResponse) -> None:
        self._contact.revision = response.revision
        self._answered.set()
        self._contact.next_sync_s = response.next_sync_ms / 1000
        self._contact.desired = response.sessions
        if response.keys != self._membership.keys and response.keys:
            self._membership = Membership(self._membership.host_id, self._membership.installation, response.keys)
            await asyncio.to_thread(self._data.remember, self._membership)
        if not self._synced.is_set():
            log.info("agent.synced", revision=response.revision, sessions=len(response.sessions))
            self._synced.set()
        await self._reconcile()

    async def _news_loop(self) -> None:
        await self._synced.wait()
        failures = 0
        while True:
            known = self._contact.revision
            try:
                if await self._client.wait(known) != known:
                    self._answered.clear()
                    self._changed.set()
                    async with asyncio.timeout(5):
                        await self._answered.wait()
                failures = 0
            except (ControlPlaneError, TimeoutError):
                failures += 1
                await asyncio.sleep(delay_s(failures, random.random))

    async def _tick_loop(self) -> None:
        loop = asyncio.get_running_loop()
        images_at_s = 0.0
        while True:
            await self._reconcile()
            if loop.time() >= images_at_s:
                images_at_s = loop.time() + _IMAGES_EVERY_S
                await self._look_at_engine()
                if self._has_leftovers and self._engine_is_well and self._services is not None:
                    async with self._deciding:
                        await self._end_leftovers(self._services)
            await asyncio.sleep(1)

    async def _look_at_engine(self) -> None:
        try:
            found = await self._runtime.list_images()
        except EngineError as error:
            if self._engine_is_well:
                log.warning("engine.away", reason=str(error))
            self._engine_is_well = False
            return
        if not self._engine_is_well:
            log.info("engine.back")
        self._engine_is_well = True
        images = reported(found)
        if images != self._images:
            self._images = images
            self.changed()

    # Acting.

    async def _reconcile(self) -> None:
        if self._services is None or self._is_leaving:
            return
        async with self._deciding:  # between a look and its actions nobody else acts
            now: datetime = self._services.now()
            seen = [task.seen() for task in self._sessions.values()]
            for action in plan(seen, self._contact.desired, now):
                await self._do(action, self._services)

    async def _do(self, action: Action, services: SessionServices) -> None:
        match action:
            case Start(desired):
                task = SessionTask(desired, services)
                self._sessions[desired.session_id] = task
                task.begin()
            case Renew(desired):
                self._sessions[desired.session_id].renew(desired)
            case Stop(session_id, code, message):
                self._sessions[session_id].stop(code, message)
            case NoteEnded(desired, code, message):
                record = SessionRecord(
                    desired=desired, state=ObservedState.ENDED, end=EndReport(code=code, message=message)
                )
                self._sessions[desired.session_id] = SessionTask(desired, services, record)
                self.changed()
            case Forget(session_id):
                task = self._sessions.pop(session_id)
                await task.forget()


def _records(services: SessionServices) -> Sequence[SessionRecord]:
    folder = services.data / "sessions"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = (SessionFolder(path).read() for path in sorted(folder.iterdir()))
    return [record for record in found if record is not None]
