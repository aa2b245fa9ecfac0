"""Where archives and pictures lie. Writing is create-only and whole or not at all; who may see what is decided in SQL.

`ArchiveStore` is the port: `saves.folder_store` is a folder, `saves.s3_store` one in S3. Their twin in memory is
`saves.memory_store`; one contract test holds all three. A store that fails, for whatever reason, is `StoreUnavailable`,
never a lost archive.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.errors import InvalidRequest, StoreUnavailable


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


def store_unavailable() -> StoreUnavailable:
    return StoreUnavailable("The store of saves does not answer. Nothing is lost; please try again.")


def does_not_match() -> InvalidRequest:
    return InvalidRequest("the archive does not match its size and digest")


async def begun(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same pieces, once the first is there: what cannot be read is known before an answer begins."""
    first = await anext(pieces, b"")

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return whole()
