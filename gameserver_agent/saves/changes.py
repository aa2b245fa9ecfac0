"""Has a save changed, and what does it take? It looks cheaply, and safely in a folder that a game writes to."""

import fnmatch
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from gameserver_agent.saves.archive import MOST_ENTRIES

_BLOCK_BYTES = 4096
_MOST_LOOKED_AT = 10 * MOST_ENTRIES
_SAVED_DEPTH, _MEASURED_DEPTH = 33, 200  # a level below what is captured; levels cost a descriptor each
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def signature(home: Path, paths: tuple[str, ...], excludes: tuple[str, ...] = ()) -> bytes:
    """Equal as long as no name, size or time below the save paths has changed. Follows no link. Blocks."""
    digest = hashlib.blake2b(digest_size=16)
    for path, about in islice(_saved(home, paths, excludes), MOST_ENTRIES):
        is_folder = stat.S_ISDIR(about.st_mode)
        line = f"{path}/\n" if is_folder else f"{path} {about.st_size} {about.st_mtime_ns}\n"
        digest.update(line.encode(errors="surrogateescape"))
    return digest.digest()


def disk_bytes(home: Path) -> int:
    """What everything in `home` takes on the disk, an entry at least one block. Follows no link. Blocks; the walk is
    bounded.
    """
    with suppress(OSError):
        root = os.open(home, _FOLDER)
        try:
            found = islice(_below(root, "", (), _MEASURED_DEPTH), _MOST_LOOKED_AT)
            return sum(max(_BLOCK_BYTES, about.st_blocks * 512) for _, about in found)
        finally:
            os.close(root)
    return 0


def _saved(home: Path, paths: tuple[str, ...], excludes: tuple[str, ...]) -> Iterator[tuple[str, os.stat_result]]:
    root = os.open(home, _FOLDER)
    try:
        if not paths:
            yield from _below(root, "", excludes, _SAVED_DEPTH)
        for path in sorted(paths):
            yield from _along(root, [part for part in path.split("/") if part not in ("", ".")], "", excludes)
    finally:
        os.close(root)


def _along(
    folder: int, parts: list[str], prefix: str, excludes: tuple[str, ...]
) -> Iterator[tuple[str, os.stat_result]]:
    """What is at the end of `parts`, and below. Nothing when it is not there (yet), or only over a link."""
    if not parts:
        yield from _below(folder, prefix, excludes, _SAVED_DEPTH)
        return
    with suppress(OSError):
        about = os.stat(parts[0], dir_fd=folder, follow_symlinks=False)
        if stat.S_ISDIR(about.st_mode):
            inner = os.open(parts[0], _FOLDER, dir_fd=folder)
            try:
                yield from _along(inner, parts[1:], f"{prefix}{parts[0]}/", excludes)
            finally:
                os.close(inner)
        elif len(parts) == 1:
            yield prefix + parts[0], about


def _below(folder: int, prefix: str, excludes: tuple[str, ...], depth: int) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as found:
        names = sorted(entry.name for entry in islice(found, _MOST_LOOKED_AT))
    for name in names:
        path = prefix + name
        if any(fnmatch.fnmatchcase(path, pattern) for pattern in excludes):
            continue
        with suppress(OSError):  # it is gone again
            about = os.stat(name, dir_fd=folder, follow_symlinks=False)
            yield path, about
            if stat.S_ISDIR(about.st_mode) and depth > 0:
                inner = os.open(name, _FOLDER, dir_fd=folder)
                try:
                    yield from _below(inner, path + "/", excludes, depth - 1)
                finally:
                    os.close(inner)
