"""A folder of its own for one backup or restore, which nobody else reads, and which goes however that ends."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

UNFINISHED = "restore-unfinished"
"""Lies in the data folder from when a restore puts something there until all is, or until somebody works there: such a
folder counts as empty."""


@contextmanager
def workplace(parent: Path, prefix: str) -> Generator[Path]:
    """A new folder (0700) in `parent`, whose name begins with `prefix`. What killed processes left there goes first."""
    for left in parent.glob(f"{prefix}*"):
        with suppress(OSError), _locked(left):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        with _locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    """Raises OSError when a process that lives has it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
