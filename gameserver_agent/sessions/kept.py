"""Homes whose save could not be captured when their session ended. They are never deleted before their archive lies in
the outbox.

A kept home is the session's own folder, renamed to `data/kept/<session>~<generation>`: that needs no room on a full
disk. It is captured again at the agent's start and at growing intervals, for as long as it takes. One that is refused
(too large, too many files) is left alone until the next start of the agent; of those the newest `REFUSED_KEPT` stay.
"""

import asyncio
import random
from pathlib import Path

import structlog

from agent_protocol import BuildSpec
from gameserver_agent.backoff import delay_s
from gameserver_agent.errors import SaveError, SaveRefusedError
from gameserver_agent.saves import archive
from gameserver_agent.saves.archive import SaveRules
from gameserver_agent.saves.home import HomeFolder
from gameserver_agent.saves.outbox import Outbox
from gameserver_agent.sessions.record import SessionFolder, is_known

log = structlog.get_logger()
REFUSED_KEPT = 20
_UNKNOWN_GENERATION = 1  # every session has had it: a side version, or the head where there is nothing newer
_AGAIN_FIRST_S, _AGAIN_MOST_S = 15.0, 900.0


class KeptSaves:
    """All kept homes of one agent."""

    def __init__(self, data: Path, outbox: Outbox, interpreter: str) -> None:
        self._sessions = data / "sessions"
        self._kept = data / "kept"
        self._outbox = outbox
        self._interpreter = interpreter
        self._named: set[str] = set()
        self._refused: set[str] = set()
        self._kept.mkdir(mode=0o700, parents=True, exist_ok=True)  # while there is room for it

    def keep(self, session_id: str, generation: int | None = None) -> None:
        """Set the session's folder aside when a home is in it. The game must have ended. Without a `generation` it is
        that of the record. Blocks; raises `OSError`.
        """
        folder = SessionFolder(self._sessions / session_id)
        home = HomeFolder(folder.path)
        if not home.exists():
            return
        if generation is None:
            record = folder.read()
            generation = _UNKNOWN_GENERATION if record is None else record.desired.generation
        try:
            home.unmount()
        except SaveError as error:
            log.warning("save.kept_mounted", session=session_id, reason=str(error))
        name, number = f"{session_id}~{generation}", 1
        while (self._kept / name).exists():
            number += 1
            name = f"{session_id}~{generation}~{number}"
        folder.path.rename(self._kept / name)
        log.warning("save.kept", session=session_id, generation=generation)

    def clear_for_start(self, session_id: str) -> None:
        """What lies where a session wants to start: a home that was played in is kept, any other removed. Blocks."""
        folder = SessionFolder(self._sessions / session_id)
        home = HomeFolder(folder.path)
        if home.exists():
            record = folder.read()
            if record is not None and record.meter is None:
                home.remove()
            else:
                self.keep(session_id)

    async def keep_trying(self) -> None:
        """For ever."""
        failures = 0
        while True:
            failures = 0 if await self.try_again() else failures + 1
            await asyncio.sleep(delay_s(failures, random.random, first_s=_AGAIN_FIRST_S, most_s=_AGAIN_MOST_S))

    def folders(self) -> list[Path]:
        """Blocks."""
        return sorted(self._kept.iterdir())

    async def try_again(self) -> bool:
        """Capture each kept home once into the outbox. True when none is left that another try may take."""
        folders = [folder for folder in self.folders() if folder.name not in self._refused]
        taken = [await self._tried(folder) for folder in folders]
        try:
            await asyncio.to_thread(self._drop_oldest_refused)
        except (SaveError, OSError) as error:
            log.warning("save.not_dropped", reason=str(error))
        return all(taken)

    async def _tried(self, folder: Path) -> bool:
        """An outage is said once for each folder."""
        is_said = folder.name not in self._named
        self._named.add(folder.name)
        try:
            await self._take(folder)
        except SaveRefusedError as error:
            log.warning("save.refused_and_kept", folder=folder.name, reason=str(error))
            self._refused.add(folder.name)
            return True
        except (SaveError, OSError) as error:
            if is_said:
                log.warning("save.still_kept", folder=folder.name, reason=str(error))
            return False
        except Exception:  # a folder that is not as we left it holds up no other
            if is_said:
                log.exception("save.still_kept", folder=folder.name)
            return False
        self._named.discard(folder.name)
        return True

    def _drop_oldest_refused(self) -> None:
        folders = [folder for folder in self.folders() if folder.name in self._refused]
        for folder in sorted(folders, key=lambda path: path.stat().st_mtime_ns)[:-REFUSED_KEPT]:
            log.error("save.refused_and_dropped", folder=folder.name)
            HomeFolder(folder).remove()
            SessionFolder(folder).forget()
            self._refused.discard(folder.name)

    async def _take(self, folder: Path) -> None:
        session_id, generation = folder.name.split("~")[:2]
        record = await asyncio.to_thread(SessionFolder(folder).read)
        home = HomeFolder(folder)
        if home.exists():
            build = BuildSpec(build_id="", image="", image_id="") if record is None else record.desired.build
            rules = SaveRules(build.save_paths, build.save_excludes, build.limits.save_bytes)
            owner = await asyncio.to_thread(home.found_again)
            workplace = self._outbox.workplace(folder.name)
            try:
                captured = await archive.capture(home.path, workplace, rules, owner, self._interpreter)
            finally:
                await asyncio.to_thread(home.unmount)
            desired, last = (None, None) if record is None else (record.desired, record.save)
            if is_known(captured, desired, last):
                archive.discard(captured.file)
            else:
                self._outbox.post(session_id, max(int(generation), _UNKNOWN_GENERATION), captured)
                log.info("save.captured_later", session=session_id, generation=generation)
            await asyncio.to_thread(home.remove)
        await asyncio.to_thread(SessionFolder(folder).forget)
