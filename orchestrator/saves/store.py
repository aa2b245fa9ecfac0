"""Where archives and pictures lie. Writing is create-only and whole or not at all; who may see what is decided in SQL.

`ArchiveStore` is the port, `FolderStore` a folder, `saves.s3_store` one in S3. Their twin in memory is
`saves.memory_store`; one contract test holds all three. A store that fails, for whatever reason, is `StoreUnavailable`,
never a lost archive.
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from orchestrator.errors import InvalidRequest, StoreUnavailable

PARTIALS = ".partial"
_READ_BYTES = 256 * 1024
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
Result = TypeVar("Result")


class ArchiveGone(Exception):
    """The store has nothing under this key."""


class StoreRefused(StoreUnavailable):
    """The store answers and does not let us in: wrong keys, or no such bucket. An operator must mend it."""


@dataclass(frozen=True, slots=True)
class UploadWay:
    """How a game host stores one archive by itself: a PUT of `url` with just these headers. The address is a secret,
    good for these bytes under this key, once and for two minutes.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str]


class ArchiveStore(Protocol):
    """Immutable bytes under relative keys that the orchestrator makes itself. Every method: `StoreUnavailable`."""

    async def put(self, key: str, digest: str, size_bytes: int, body: AsyncIterator[bytes]) -> None:
        """Store `body` under `key`, or leave what is there: the same key always means the same bytes.

        Raises `InvalidRequest` when the body is not `size_bytes` long or has another SHA-256. Nothing is kept then, and
        nothing when the body fails or the caller is cancelled.
        """
        ...

    def read(self, key: str) -> AsyncIterator[bytes]:
        """What was stored, in pieces. Raises `ArchiveGone` before the first when there is nothing."""
        ...

    async def delete(self, key: str) -> None:
        """Remove it; what is gone already is fine."""
        ...

    def stored_before(self, moment_s: float) -> AsyncIterator[str]:
        """The keys of what was stored before this POSIX time, in any order."""
        ...

    async def clear_abandoned(self, moment_s: float) -> None:
        """Remove what was begun before this POSIX time and left half-written. No reader ever sees such a half."""
        ...

    async def check(self) -> None:
        """Whether it would answer now; soon. `StoreRefused` when it does and lets us do nothing."""
        ...

    async def upload_way(self, key: str, digest: str, size_bytes: int) -> UploadWay | None:
        """How somebody else may store exactly this, create-only; None where everything goes through `put`."""
        ...

    async def download_way(self, key: str) -> str | None:
        """An address from which somebody else may read it for two minutes; None where everything goes through `read`.
        It says nothing of whether something lies there.
        """
        ...

    async def prove(self, key: str, digest: str, size_bytes: int) -> None:
        """That what lies under `key` has this size and SHA-256; else `InvalidRequest`, or `ArchiveGone`."""
        ...


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
        return [path for path in _inside(self.root) if path.name != PARTIALS and path.is_dir()]

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


def store_unavailable() -> StoreUnavailable:
    return StoreUnavailable("The store of saves does not answer. Nothing is lost; please try again.")


def does_not_match() -> InvalidRequest:
    return InvalidRequest("the archive does not match its size and digest")


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
