"""Where archives lie while they arrive and are looked at: files in one folder, each of one upload. All calls block.

The folder has an id of its own, so that a replica knows which uploads' bytes are within its reach. A file is written
by whoever holds its lock, which the kernel takes back when a process dies.
"""

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

READ_BYTES = 1024**2
FLOOR_BYTES = 1024**3
"""What archives and layers leave free: the database and people's saves may lie on the same disk."""

_ID = ".id"
_OURS = re.compile(r"upl[0-9a-z]{22}(?:\.[0-9a-f]{8})?")


class BeingWritten(Exception):
    """Somebody writes this very file now."""


class Spool:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def id(self) -> str:
        """Made at the first call."""
        file = self.folder / _ID
        if not file.exists():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside = file.with_suffix(f".{secrets.token_hex(4)}")
            beside.write_text(secrets.token_hex(8), encoding="ascii")
            with contextlib.suppress(FileExistsError):
                os.link(beside, file)
            beside.unlink()
        return file.read_text(encoding="ascii")

    def free_bytes(self) -> int:
        """For archives and layers; below zero where other things have taken what these leave."""
        return shutil.disk_usage(self.folder).free - FLOOR_BYTES

    def require_room(self) -> None:
        """Asked now and then by whoever writes here. Raises OSError as a full disk does."""
        if self.free_bytes() < READ_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def archive(self, upload_id: str) -> Path:
        return self.folder / upload_id

    def new_layer(self, upload_id: str) -> Path:
        """Beside its archive, while it is made; another one for each who makes it."""
        return self.folder / f"{upload_id}.{secrets.token_hex(4)}"

    def begin(self, upload_id: str) -> None:
        self.archive(upload_id).touch(mode=0o600, exist_ok=False)

    def received_bytes(self, upload_id: str) -> int:
        """Raises FileNotFoundError."""
        return self.archive(upload_id).stat().st_size

    def remove(self, upload_id: str) -> None:
        """All of it; what is gone already is fine."""
        for file in (self.archive(upload_id), *self.folder.glob(f"{upload_id}.*")):
            file.unlink(missing_ok=True)

    def left_since(self, moment_s: float) -> Iterator[str]:
        """Uploads whose files were not touched since this POSIX time."""
        for file in self.folder.iterdir():
            if _OURS.fullmatch(file.name) and file.stat().st_mtime < moment_s:
                yield file.name.partition(".")[0]

    def pieces(self, upload_id: str) -> Generator[bytes]:
        with self.archive(upload_id).open("rb") as file:
            while piece := file.read(READ_BYTES):
                yield piece


class Writing:
    """Appends to an upload's file. Raises BeingWritten, FileNotFoundError, and OSError where there is no room."""

    def __init__(self, spool: Spool, upload_id: str) -> None:
        self._spool = spool
        self._file = spool.archive(upload_id).open("r+b", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise BeingWritten(upload_id) from error
        self.size_bytes = self._file.seek(0, os.SEEK_END)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.close()

    def write(self, piece: bytes) -> None:
        left = memoryview(piece)
        if left:
            self._spool.require_room()
        while left:
            written = self._file.write(left)
            self.size_bytes += written
            left = left[written:]

    def flush(self) -> None:
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()
