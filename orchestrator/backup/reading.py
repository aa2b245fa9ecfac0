"""Unpacks a backup into a folder where nobody looks yet, and verifies every byte of it before anything is made of it.

Its names say nothing of where a file comes to lie, and what it holds is not compressed: it takes the room that it has.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.archives.errors import ArchiveRefused
from orchestrator.archives.paths import Bounds, checked
from orchestrator.archives.tar_stream import Kind, TarStream
from orchestrator.backup.errors import BackupRefused
from orchestrator.backup.manifest import MANIFEST, MOST_MANIFEST_BYTES, Manifest, Member, is_a_place, parse, verify

_BOUNDS = Bounds(entries=20_000_000, depth=2, path_bytes=100)
_LEFT_FREE_BYTES = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A whole backup: `file` gives where a member lies."""

    folder: Path
    manifest: Manifest

    def file(self, name: str) -> Path:
        return _place(self.folder, name)


def unpack(pieces: Iterable[bytes], folder: Path) -> Unpacked:
    """Raises `BackupRefused`, and OSError as the disk does."""
    found: dict[str, Member] = {}
    tar = TarStream(pieces)
    try:
        for entry in checked(tar, _BOUNDS):
            if entry.kind is not Kind.FILE or not is_a_place(entry.path):
                raise BackupRefused(f"This is no backup of a Playhouse: it holds {entry.path!r}.")
            if entry.path == MANIFEST and entry.size_bytes > MOST_MANIFEST_BYTES:
                raise BackupRefused("The manifest of this backup is too long.")
            _require_room(folder, entry.size_bytes)
            found[entry.path] = _written(_place(folder, entry.path), tar.content(), entry.size_bytes)
    except ArchiveRefused as error:
        raise BackupRefused(f"The backup cannot be read: {error.message}") from error
    if found.pop(MANIFEST, None) is None:
        raise BackupRefused("This is no whole backup: it has no manifest, which comes last.")
    manifest = parse(_place(folder, MANIFEST).read_bytes())
    verify(manifest, found)
    return Unpacked(folder, manifest)


def _place(folder: Path, name: str) -> Path:
    """Flat: names were checked, and have no other slash."""
    return folder / name.replace("/", "-")


def _require_room(folder: Path, size_bytes: int) -> None:
    free_bytes = shutil.disk_usage(folder).free - _LEFT_FREE_BYTES
    if size_bytes > free_bytes:
        raise BackupRefused(f"The disk of {folder.parent} has no room for {size_bytes} bytes more of this backup.")


def _written(path: Path, pieces: Iterable[bytes], size_bytes: int) -> Member:
    sha256 = hashlib.sha256()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for piece in pieces:
            sha256.update(piece)
            file.write(piece)
    return Member(size_bytes=size_bytes, sha256=sha256.hexdigest())
