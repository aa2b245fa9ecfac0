"""Archives on their way to the orchestrator. What is in the outbox survives the agent and is sent until it is taken.

One file an archive, named by session, generation, number and digest. The number grows with each archive of this host,
over its agents' lives too, so that the orchestrator knows the newer of two whose ways crossed. A newer archive of the
same generation replaces an older unsent one, and none is sent after a newer one was taken. What the orchestrator
refuses for good is set aside in `refused/`: the newest hundred, and the log names each older one that goes.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol

import structlog

from agent_protocol import SavedVersion
from gameserver_agent.backoff import delay_s
from gameserver_agent.errors import ControlPlaneAwayError, ControlPlaneRefusedError, ControlPlaneUnreachableError
from gameserver_agent.saves.archive import Archive

log = structlog.get_logger()
_REFUSED_KEPT = 100
_NUMBERS_BITS = 32


class Uploads(Protocol):
    """The part of the orchestrator's client that is needed here."""

    async def upload_save(
        self, session_id: str, generation: int, archive: Path, digest: str, *, number: int
    ) -> SavedVersion: ...


@dataclass(frozen=True)
class Letter:
    """One archive in the outbox."""

    file: Path
    session_id: str
    generation: int
    number: int
    digest: str


class Outbox:
    """`data/unsent`. `incarnation` is greater than that of every earlier agent here. `on_sent` is told of every archive
    that the background sender got through.
    """

    def __init__(
        self, folder: Path, uploads: Uploads, incarnation: int, on_sent: Callable[[Letter, SavedVersion], None]
    ) -> None:
        self._folder = folder
        self._numbers = count(incarnation << _NUMBERS_BITS)
        self._uploads = uploads
        self._on_sent = on_sent
        self._sending: set[Path] = set()
        for path in (folder, folder / "refused"):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.glob("*.partial"):
            left.unlink()

    def workplace(self, session_id: str) -> Path:
        """Where an archive of this session is written before it is posted."""
        return self._folder / f"{session_id}.partial"

    def post(self, session_id: str, generation: int, archive: Archive) -> Letter:
        """Move a finished archive into the outbox."""
        number = next(self._numbers)
        file = self._folder / f"{session_id}~{generation}~{number}~{archive.digest}.tar.zst"
        archive.file.replace(file)
        for older in self._folder.glob(f"{session_id}~{generation}~*.tar.zst"):
            if older != file:  # also one that is being sent: should that fail, it is not sent again
                older.unlink(missing_ok=True)
        return Letter(file, session_id, generation, number, archive.digest)

    async def send(self, letter: Letter) -> SavedVersion:
        """One attempt. Raises `ControlPlaneError`; the letter then stays, or is set aside when it was refused. A 401 or
        403 is about this host and not about the letter.
        """
        self._sending.add(letter.file)
        try:
            saved = await self._uploads.upload_save(
                letter.session_id, letter.generation, letter.file, letter.digest, number=letter.number
            )
        except ControlPlaneRefusedError as error:
            if not error.is_about_host:
                self._set_aside(letter, error)
            raise
        finally:
            self._sending.discard(letter.file)
        letter.file.unlink(missing_ok=True)
        log.info("save.sent", session=letter.session_id, version=saved.version_id, bytes=saved.size_bytes)
        return saved

    def letters(self) -> tuple[Letter, ...]:
        """What waits, the smallest first."""
        found: list[tuple[int, int, Letter]] = []
        for file in self._folder.glob("*~*~*.tar.zst"):
            session_id, generation, *numbers, digest = file.name.removesuffix(".tar.zst").split("~")
            number = numbers[0] if numbers else "0"  # an earlier version of the agent did not count
            if generation.isdigit() and number.isdigit():
                letter = Letter(file, session_id, int(generation), int(number), digest)
                stat = file.stat()
                found.append((stat.st_size, stat.st_mtime_ns, letter))
        return tuple(letter for *_, letter in sorted(found, key=lambda each: each[:2]))

    async def keep_sending(self, is_active: Callable[[str], bool]) -> None:
        """For ever: retry what was left, with backoff. A session that is still here sends its own."""
        failures = 0
        while True:
            failures = 0 if await self.send_waiting(is_active) else failures + 1
            await asyncio.sleep(delay_s(failures, random.random, first_s=5, most_s=60))

    async def send_waiting(self, is_active: Callable[[str], bool]) -> bool:
        """One round, the smallest first, also of what comes meanwhile. What is wrong with one letter, were it that it
        is too large for the line, holds up no other; where nobody can be reached only one is tried. True when nothing
        failed.
        """
        all_sent, tried = True, set[Path]()
        while True:
            left = [
                letter
                for letter in self.letters()
                if not (letter.file in tried or letter.file in self._sending or is_active(letter.session_id))
            ]
            if not left:
                return all_sent
            letter = left[0]
            tried.add(letter.file)
            try:
                self._on_sent(letter, await self.send(letter))
            except ControlPlaneAwayError:
                return False
            except ControlPlaneUnreachableError as error:
                log.info("save.not_sent", session=letter.session_id, reason=str(error))
                all_sent = False
            except ControlPlaneRefusedError as error:
                log.warning("save.refused", session=letter.session_id, status=error.status, code=error.code)
                all_sent = False
            except OSError as error:
                log.warning("save.unreadable", session=letter.session_id, error=str(error))
                all_sent = False

    def _set_aside(self, letter: Letter, error: ControlPlaneRefusedError) -> None:
        aside = self._folder / "refused"
        if not letter.file.exists():  # a newer one has taken its place meanwhile
            return
        letter.file.replace(aside / letter.file.name)
        log.warning("save.set_aside", session=letter.session_id, status=error.status, code=error.code)
        kept = sorted(aside.iterdir(), key=lambda file: file.stat().st_mtime_ns)
        for file in kept[:-_REFUSED_KEPT]:
            log.error("save.refused_and_dropped", file=file.name)
            file.unlink()
