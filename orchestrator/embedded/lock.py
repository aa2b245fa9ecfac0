"""One `orchestrator up` for each data folder. The kernel lets the lock go when its holder dies, however it dies."""

import contextlib
import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.embedded.errors import DataInUse

_NAME = "up.lock"
_AT = " at "


@contextmanager
def sole_holder(data: Path, port: int, url: str) -> Generator[None]:
    """Holds `DATA/up.lock` until the block ends; raises DataInUse, with the command that works, when another has it."""
    data.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(data / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 1000).decode() or "a process that has not said which"
            raise DataInUse(
                f"DATA={data} is already in use by {holder}.\n"
                f"Open that one, stop it with Ctrl-C, or run a second one beside it:\n\n"
                f"    make play DATA={data}2 PORT={port + 1}"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}{_AT}{url}".encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def url_of_holder(data: Path) -> str:
    """Where the one that holds this folder, or died with it, is reached; empty when there is none, or it is hidden."""
    with contextlib.suppress(OSError):
        return (data / _NAME).read_text().partition(_AT)[2]
    return ""
