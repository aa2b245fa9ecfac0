"""The store's twin in memory, for tests and simulations. Set `is_away`, and it fails until you take that back."""

import hashlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from orchestrator.saves.store import ArchiveGone, UploadWay, does_not_match, store_unavailable


@dataclass(frozen=True, slots=True)
class Stored:
    content: bytes
    at_s: float


class MemoryStore:
    """Implements `ArchiveStore`. `clock` gives POSIX seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.stored: dict[str, Stored] = {}
        self.is_away = False
        self._clock = clock

    async def put(self, key: str, digest: str, size_bytes: int, body: AsyncIterator[bytes]) -> None:
        self._require()
        content = b""
        async for piece in body:
            content += piece
            if len(content) > size_bytes:
                break
        if len(content) != size_bytes or hashlib.sha256(content).hexdigest() != digest:
            raise does_not_match()
        self._require()
        self.stored.setdefault(key, Stored(content, self._clock()))

    async def read(self, key: str) -> AsyncIterator[bytes]:
        self._require()
        if key not in self.stored:
            raise ArchiveGone(key)
        yield self.stored[key].content

    async def delete(self, key: str) -> None:
        self._require()
        self.stored.pop(key, None)

    async def stored_before(self, moment_s: float) -> AsyncIterator[str]:
        self._require()
        for key in [key for key, stored in self.stored.items() if stored.at_s < moment_s]:
            yield key

    async def clear_abandoned(self, moment_s: float) -> None:
        """Nothing is ever half-written here."""
        self._require()

    async def check(self) -> None:
        self._require()

    async def upload_way(self, key: str, digest: str, size_bytes: int) -> UploadWay | None:
        return None

    async def download_way(self, key: str) -> str | None:
        return None

    async def prove(self, key: str, digest: str, size_bytes: int) -> None:
        content = b"".join([piece async for piece in self.read(key)])
        if len(content) != size_bytes or hashlib.sha256(content).hexdigest() != digest:
            raise does_not_match()

    def _require(self) -> None:
        if self.is_away:
            raise store_unavailable()
