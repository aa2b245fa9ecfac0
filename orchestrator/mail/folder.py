"""Letters as files in a folder, for an installation without a mail server: whoever runs it reads them there."""

import asyncio
import os
import secrets
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from orchestrator.mail.letter import Letter, MailAway, message_of

LETTERS_KEPT = 200
KEPT_FOR = timedelta(days=3)  # no link is good for longer

_log = structlog.get_logger()


class FolderMailer:
    """Each letter is one `.eml` that only the owner of the folder can read; the newest 200 stay, for three days."""

    def __init__(self, folder: Path, sender: str) -> None:
        self.folder = folder
        self._sender = sender

    async def send(self, letter: Letter) -> None:
        message = message_of(letter, self._sender)
        try:
            path = await asyncio.to_thread(self._write, bytes(message))
        except OSError as error:
            raise MailAway(f"the folder {self.folder} cannot be written to: {error.strerror}") from error
        _log.info("mail.written", file=str(path))

    async def tidy(self) -> None:
        try:
            await asyncio.to_thread(self._forget_old)
        except OSError as error:
            _log.warning("mail.not_tidied", folder=str(self.folder), error=error.strerror)

    def _forget_old(self) -> None:
        oldest = time.time() - KEPT_FOR.total_seconds()
        for letter in self.folder.glob("*.eml*"):  # also what was being written when a replica died
            if letter.stat().st_mtime < oldest:
                letter.unlink(missing_ok=True)

    def _write(self, content: bytes) -> Path:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{secrets.token_hex(4)}.eml"
        partial = self.folder / f"{name}.partial"
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        path = partial.rename(self.folder / name)
        for old in sorted(self.folder.glob("*.eml"))[:-LETTERS_KEPT]:
            old.unlink(missing_ok=True)
        return path
