"""Has a save changed, and is it time to take a checkpoint? `signature` looks (cheaply, and safely in a folder that a
game writes to); `CheckpointClock` decides, and is pure.
"""

import fnmatch
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from gameserver_agent.saves.archive import MOST_ENTRIES

QUIET_S = 0.5
LATEST_S = 3.0
_BLOCK_BYTES = 4096
_MOST_LOOKED_AT = 10 * MOST_ENTRIES


def signature(home: Path, paths: tuple[str, ...], excludes: tuple[str, ...] = ()) -> bytes:
    """Equal as long as no name, size or time below the save paths has changed. Follows no link. Blocks."""
    digest = hashlib.blake2b(digest_size=16)
    for line in islice(_lines(home, paths, excludes), MOST_ENTRIES):
        digest.update(line.encode(errors="surrogateescape"))
    return digest.digest()


def disk_bytes(home: Path) -> int:
    """What everything in `home` takes on the disk, an entry at least one block. Follows no link. Blocks; the walk is
    bounded.
    """
    total, seen = 0, 0
    with suppress(OSError):
        for _, folders, files, descriptor in os.fwalk(home, follow_symlinks=False):
            for name in (*folders, *files):
                with suppress(OSError):
                    total += max(_BLOCK_BYTES, os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_blocks * 512)
                seen += 1
            if seen > _MOST_LOOKED_AT:
                break
    return total


def _lines(home: Path, paths: tuple[str, ...], excludes: tuple[str, ...]) -> Iterator[str]:
    for path in sorted(paths) or ["."]:
        start = home / path
        with suppress(OSError):  # it is not there (yet), or no longer
            about = start.lstat()
            if not stat.S_ISDIR(about.st_mode):
                yield f"{path} {about.st_size} {about.st_mtime_ns}\n"
                continue
            for folder, _, files, descriptor in os.fwalk(start, follow_symlinks=False):
                inside = os.path.relpath(folder, home)
                for name in sorted(files):
                    inner = name if inside == "." else f"{inside}/{name}"
                    if any(fnmatch.fnmatchcase(inner, pattern) for pattern in excludes):
                        continue
                    with suppress(OSError):
                        about = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                        yield f"{inner} {about.st_size} {about.st_mtime_ns}\n"


@dataclass(frozen=True)
class CheckpointClock:
    """Due after `QUIET_S` without a change, at the latest `LATEST_S` after the first change since a checkpoint."""

    signature: bytes
    first_change_s: float | None = None
    last_change_s: float | None = None

    def looked(self, signature: bytes, now_s: float) -> "CheckpointClock":
        if signature == self.signature:
            return self
        first_s = now_s if self.first_change_s is None else self.first_change_s
        return CheckpointClock(signature, first_s, now_s)

    def is_due(self, now_s: float) -> bool:
        if self.first_change_s is None or self.last_change_s is None:
            return False
        return now_s - self.last_change_s >= QUIET_S or now_s - self.first_change_s >= LATEST_S

    def taken(self) -> "CheckpointClock":
        return CheckpointClock(self.signature)
