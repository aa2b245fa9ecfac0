"""One session's save on this host: restored once, checkpointed while the game runs, captured at the end.

Never decides what the head of a slot is; it sends archives and remembers which one the orchestrator took last.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from pathlib import Path

import structlog

from agent_protocol import DesiredSession, RestoreSource, SavedVersion
from gameserver_agent.backoff import delay_s
from gameserver_agent.errors import (
    AgentError,
    ControlPlaneError,
    ControlPlaneRefusedError,
    ControlPlaneUnreachableError,
    SaveError,
    SessionEndedError,
)
from gameserver_agent.saves import archive
from gameserver_agent.saves.archive import Owner, SaveRules
from gameserver_agent.saves.changes import signature
from gameserver_agent.saves.checkpoint_clock import CheckpointClock
from gameserver_agent.saves.home import HomeFolder, is_out_of_room, whole_size
from gameserver_agent.saves.outbox import Letter
from gameserver_agent.sessions.container import DISK_FULL
from gameserver_agent.sessions.record import RESTORING, is_known
from gameserver_agent.sessions.services import SessionServices
from gameserver_agent.tasks import finished_despite_cancellation

log = structlog.get_logger()
_LOOK_EVERY_S = 0.25
_LOOK_SHARE = 4  # looking at a huge folder takes at most a fifth of the time
_MEASURE_EVERY_S = 3.0
_AGAIN_MOST_S = 15.0
FETCH_AGAIN_FOR_S = 20.0
_FETCH_MOST_S = 3.0


class SessionSaves:
    """`last` is the newest version that the orchestrator has taken over in this session; `taken` is set with each.
    `trouble` is why an archive was not taken when it was last tried.
    `used_bytes` is how much of the build's limit the home takes, as last seen.
    """

    def __init__(self, desired: DesiredSession, services: SessionServices, last: SavedVersion | None) -> None:
        build = desired.build
        self._desired = desired
        self._services = services
        self._rules = SaveRules(build.save_paths, build.save_excludes, build.limits.save_bytes)
        self.home = HomeFolder(services.session_folder(desired.session_id))
        self.last = last
        self.taken = asyncio.Event()
        self.trouble: str | None = None
        self.used_bytes: int | None = None
        self._capturing = asyncio.Lock()
        self._looked_at_start = b""

    @property
    def restored_bytes(self) -> int:
        """Of the archive that the session begins with; 0 without one."""
        return 0 if self._desired.restore is None else self._desired.restore.size_bytes

    async def prepare(self, owner: Owner) -> None:
        """A fresh home with the restored save in it. Raises `SessionEndedError` `restore_failed` or `disk_full`."""
        await self._prepare(owner, lambda: self.home.make(self._rules.most_bytes, owner))

    async def prepare_taken(self, owner: Owner) -> None:
        """The same for a home that a game which stands still has begun to use: a restored save takes the place of all
        that is in it. Raises `SaveError` where that home is of no use, and a fresh one may be.
        """
        if self._desired.restore is not None:
            await finished_despite_cancellation(asyncio.ensure_future(asyncio.to_thread(self.home.empty)))
        await self._prepare(owner, lambda: None)

    async def _prepare(self, owner: Owner, make: Callable[[], None]) -> None:
        source = self._desired.restore
        download = self.home.folder / RESTORING
        try:
            making = asyncio.ensure_future(asyncio.to_thread(make))
            await finished_despite_cancellation(making)
            if source is not None:
                await self._fetch(source, download)
                async with self._services.restores:
                    await archive.restore(download, self.home.path, self._rules, owner, self._services.interpreter)
            self._looked_at_start = await self._signature()
        except (AgentError, OSError) as error:
            if is_out_of_room(error):
                raise SessionEndedError("disk_full", DISK_FULL) from error
            raise SessionEndedError("restore_failed", f"The save could not be restored: {error}") from error
        finally:
            archive.discard(download)

    async def _fetch(self, source: RestoreSource, target: Path) -> None:
        """What is away for a moment is asked again, for `FETCH_AGAIN_FOR_S`; then it may be nearer to another host."""
        loop = asyncio.get_running_loop()
        ends_s, failures = loop.time() + FETCH_AGAIN_FOR_S, 0
        while True:
            try:
                async with self._services.restores:
                    await self._services.downloads.download_save(source, target)
            except ControlPlaneUnreachableError as error:
                failures += 1
                pause_s = delay_s(failures, random.random, most_s=_FETCH_MOST_S)
                if loop.time() + pause_s > ends_s:
                    raise
                if failures == 1:
                    log.warning("save.fetch_failed", session=self._desired.session_id, reason=str(error))
                await asyncio.sleep(pause_s)
            else:
                return

    async def keep_measuring(self) -> None:
        """For ever, also while an archive is under way on a slow line. Raises `SessionEndedError` `save_full` when a
        home that has no limit of its own outgrows the build's.
        """
        while True:
            await self._measure()
            await asyncio.sleep(_MEASURE_EVERY_S)

    async def keep_checkpointing(self, owner: Owner) -> None:
        """For ever. A checkpoint that fails is tried again, with backoff; the game is never disturbed."""
        loop = asyncio.get_running_loop()
        clock = CheckpointClock(self._looked_at_start)
        failures = 0
        while True:
            began_s = loop.time()
            clock = clock.looked(await self._signature(), loop.time())
            looking_s = loop.time() - began_s
            if clock.is_due(loop.time()):
                clock = clock.taken()
                if await self._is_checkpointed(owner, is_said=failures == 0):
                    failures = 0
                else:
                    failures += 1
                    clock = clock.failed(loop.time() + delay_s(failures, random.random, most_s=_AGAIN_MOST_S))
            await asyncio.sleep(max(_LOOK_EVERY_S, looking_s * _LOOK_SHARE))

    async def checkpoint(self, owner: Owner) -> None:
        """Capture and send once, unless nothing has changed. Raises `SaveError` or `ControlPlaneError`; in the second
        case the archive waits in the outbox.
        """
        async with self._capturing:
            letter = await self._capture(owner)
            if letter is not None:
                await self._send(letter)

    async def capture_last(self) -> Letter | None:
        """The capture after the game's end, posted in the outbox; None when there is nothing new. Raises `SaveError` or
        `OSError`: the home is then the only place where the save is.
        """
        return await self._capture(await asyncio.to_thread(self.home.found_again))

    async def send_last(self, letter: Letter) -> None:
        """Tries for as long as the caller waits. Whatever is raised, the archive stays on the host."""
        failures = 0
        while True:
            try:
                await self._send(letter)
            except ControlPlaneUnreachableError:
                failures += 1
                await asyncio.sleep(delay_s(failures, random.random, first_s=0.2, most_s=3))
            else:
                return

    async def remove(self) -> None:
        await asyncio.to_thread(self.home.remove)

    async def _capture(self, owner: Owner) -> Letter | None:
        session_id, outbox = self._desired.session_id, self._services.outbox
        workplace = outbox.workplace(session_id)
        captured = await archive.capture(self.home.path, workplace, self._rules, owner, self._services.interpreter)
        if is_known(captured, self._desired, self.last):
            archive.discard(captured.file)
            return None
        if captured.skipped:
            log.info("save.entries_skipped", session=session_id, count=captured.skipped)
        return outbox.post(session_id, self._desired.generation, captured)

    async def _is_checkpointed(self, owner: Owner, *, is_said: bool) -> bool:
        """False when it is to be tried again. An outage is said once."""
        session_id = self._desired.session_id
        try:
            await self.checkpoint(owner)
        except (SaveError, ControlPlaneError, OSError) as error:
            if is_said:
                log.warning("save.checkpoint_failed", session=session_id, error=str(error))
            # Of what is refused another try gets the same answer, unless the host is what was refused.
            return isinstance(error, ControlPlaneRefusedError) and not error.is_about_host
        if not is_said:
            log.info("save.checkpointed_again", session=session_id)
        return True

    async def _send(self, letter: Letter) -> None:
        try:
            self.last = await self._services.outbox.send(letter)
        except ControlPlaneError as error:
            self.trouble = str(error)
            raise
        self.trouble = None
        self.taken.set()
        self._services.changed()

    async def _measure(self) -> None:
        most_bytes = whole_size(self._rules.most_bytes)
        with contextlib.suppress(OSError):
            self.used_bytes = await asyncio.to_thread(self.home.used_bytes, most_bytes)
        if self.used_bytes is not None and self.used_bytes > most_bytes:
            megabytes = most_bytes // 1024**2
            raise SessionEndedError("save_full", f"The game's save folder outgrew the {megabytes} MB that it may have.")

    async def _signature(self) -> bytes:
        with contextlib.suppress(OSError):
            return await asyncio.to_thread(signature, self.home.path, self._rules.paths, self._rules.excludes)
        return b""
