"""The store of saves in a folder: what one machine keeps, or several that share a file system."""

import asyncio
import contextlib
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import BinaryIO, TypeVar

from orchestrator.saves.store import ArchiveGone, UploadWay, does_not_match, store_unavailable

PARTIALS = ".partial"
_READ_BYTES = 256 * 1024
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
Result = TypeVar("Result")


class FolderStore:
    """Files below `root`. A file is written in `root/.partial`, forced to the disk and linked to its name at once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    async def put(self, key: str, digest: str, size_bytes: int, body: AsyncIterator[bytes]) -> None:
        partial = _Partial(self.root / PARTIALS / secrets.token_hex(8))
        sha256, received = hashlib.sha256(), 0
        try:
            await _on_disk(partial.open)
            async for piece in body:
                received += len(piece)
                if received > size_bytes:
                    break
                sha256.update(piece)
                await _on_disk(lambda piece=piece: partial.write(piece))
            if received != size_bytes or sha256.hexdigest() != digest:
                raise does_not_match()
            await _on_disk(lambda: partial.publish(self.root / key))
        finally:
            await _on_disk(partial.discard)

    async def read(self, key: str) -> AsyncIterator[bytes]:
        file = await _on_disk(lambda: self._open(key))
        with file:
            while piece := await _on_disk(lambda: file.read(_READ_BYTES)):
                yield piece

    async def delete(self, key: str) -> None:
        await _on_disk(lambda: self._delete(key))

    async def stored_before(self, moment_s: float) -> AsyncIterator[str]:
        for folder in await _on_disk(self._folders):
            for key in await _on_disk(lambda folder=folder: list(self._old_files(folder, moment_s))):
                yield key

    async def clear_abandoned(self, moment_s: float) -> None:
        await _on_disk(lambda: _remove_old(self.root / PARTIALS, moment_s))

    async def check(self) -> None:
        """A folder that is not yet there will be made; one that cannot be looked at is away."""
        await _on_disk(lambda: _inside(self.root))

    async def upload_way(self, key: str, digest: str, size_bytes: int) -> UploadWay | None:
        return None

    async def download_way(self, key: str) -> str | None:
        return None

    async def prove(self, key: str, digest: str, size_bytes: int) -> None:
        sha256, received = hashlib.sha256(), 0
        async for piece in self.read(key):
            sha256.update(piece)
            received += len(piece)
        if received != size_bytes or sha256.hexdigest() != digest:
            raise does_not_match()

    def _open(self, key: str) -> BinaryIO:
        try:
            return (self.root / key).open("rb")
        except FileNotFoundError as error:
            self._require_root()
            raise ArchiveGone(key) from error

    def _delete(self, key: str) -> None:
        self._require_root()
        (self.root / key).unlink(missing_ok=True)

    def _require_root(self) -> None:
        """Without its folder the store is away, which says nothing of what lies in it."""
        self.root.stat()

    def _folders(self) -> list[Path]:
        # Names with a dot are not of keys: half-written files, and what a backup holds.
        return [path for path in _inside(self.root) if not path.name.startswith(".") and path.is_dir()]

    def _old_files(self, folder: Path, moment_s: float) -> Iterable[str]:
        for path in folder.rglob("*"):
            if path.is_file() and path.stat().st_mtime < moment_s:
                yield path.relative_to(self.root).as_posix()


class _Partial:
    """A file that nobody sees until it is published."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def open(self) -> None:
        _make_folder(self._path.parent)
        self._file = os.fdopen(os.open(self._path, _NEW, 0o600), "wb")

    def write(self, piece: bytes) -> None:
        assert self._file is not None
        self._file.write(piece)

    def publish(self, target: Path) -> None:
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        _make_folder(target.parent)
        try:
            os.link(self._path, target)
        except FileExistsError:
            return
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def discard(self) -> None:
        """Never fails: what cannot be removed now is found again as abandoned."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


async def _on_disk(work: Callable[[], Result]) -> Result:
    """`work` in a thread, waited for even when the caller is cancelled: what a thread does cannot be half undone."""
    thread = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        await asyncio.gather(thread, return_exceptions=True)
        raise
    except OSError as error:
        raise store_unavailable() from error


def _make_folder(folder: Path) -> None:
    """In the store's folder, which may have to be made as well: what people play is for nobody else's eyes."""
    for each in (folder.parent, folder):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)


def _remove_old(folder: Path, moment_s: float) -> None:
    for path in _inside(folder):
        if path.stat().st_mtime < moment_s:
            path.unlink(missing_ok=True)


def _inside(folder: Path) -> list[Path]:
    """What lies in a folder; nothing before it is made."""
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []
