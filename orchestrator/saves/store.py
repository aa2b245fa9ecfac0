"""Where archives lie: a folder. Writing is create-only and whole or not at all; the name carries the digest.

It knows nothing of slots' heads or owners: `saves.service` decides those in SQL.
"""

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from orchestrator.errors import InvalidRequest

MAX_ARCHIVE_BYTES = 512 * 1024**2
_READ_BYTES = 256 * 1024


class FolderStore:
    """Archives below `root`. Keys are relative paths that the orchestrator makes itself."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, key: str, digest: str, size_bytes: int, body: AsyncIterator[bytes]) -> None:
        """Store `body` under `key`, or leave what is there: the same key always means the same bytes.

        Raises `InvalidRequest` when the body is not `size_bytes` long or has another SHA-256; then nothing is kept.
        """
        if not 0 <= size_bytes <= MAX_ARCHIVE_BYTES:
            raise InvalidRequest(f"a save archive has at most {MAX_ARCHIVE_BYTES} bytes")
        target = self._root / key
        await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
        partial = target.with_name(f".{secrets.token_hex(8)}.partial")
        sha256, received = hashlib.sha256(), 0
        try:
            with await asyncio.to_thread(partial.open, "xb") as file:
                async for chunk in body:
                    received += len(chunk)
                    if received > size_bytes:
                        break
                    sha256.update(chunk)
                    await asyncio.to_thread(file.write, chunk)
                await asyncio.to_thread(_flush, file)
            if received != size_bytes or sha256.hexdigest() != digest:
                raise InvalidRequest("the archive does not match its size and digest")
            await asyncio.to_thread(_publish, partial, target)
        finally:
            await asyncio.to_thread(partial.unlink, missing_ok=True)

    async def read(self, key: str) -> AsyncIterator[bytes]:
        """The archive in pieces. Raises `FileNotFoundError` before the first when it is gone."""
        file = await asyncio.to_thread((self._root / key).open, "rb")
        with file:
            while chunk := await asyncio.to_thread(file.read, _READ_BYTES):
                yield chunk

    async def delete(self, key: str) -> None:
        """Remove an archive; one that is gone already is fine."""
        await asyncio.to_thread((self._root / key).unlink, missing_ok=True)


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _publish(partial: Path, target: Path) -> None:
    try:
        os.link(partial, target)
    except FileExistsError:
        return
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
