"""The bytes of an archive, from the network to the spool. No database: who may send what is decided before.

At most `GATHER_BYTES` are in memory. Whatever ends it, the file holds what arrived, and its length says how much.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from orchestrator.errors import InvalidRequest
from orchestrator.publishers.spool import Writing

GATHER_BYTES = 1024**2
_TELL_EVERY_S = 15.0


class Digest(Protocol):
    """As `hashlib` makes them."""

    def update(self, data: bytes, /) -> None: ...


async def receive(
    writing: Writing,
    body: AsyncIterator[bytes],
    *,
    most_bytes: int,
    tell: Callable[[], Awaitable[None]],
    digest: Digest | None = None,
) -> None:
    """Append `body` until its end. `tell` is called now and then while bytes come, `digest` is fed with them.

    Raises `InvalidRequest` when the file would grow beyond `most_bytes`, and what `body` raises.
    """
    loop = asyncio.get_running_loop()
    gathered, told_at_s = bytearray(), loop.time()
    try:
        async for piece in body:
            if writing.size_bytes + len(gathered) + len(piece) > most_bytes:
                raise InvalidRequest("The body is longer than the upload.")
            gathered += piece
            if len(gathered) >= GATHER_BYTES:
                taken, gathered = bytes(gathered), bytearray()
                await asyncio.to_thread(_keep, writing, taken, digest)
            if loop.time() - told_at_s > _TELL_EVERY_S:
                told_at_s = loop.time()
                await tell()
    finally:
        # Also of a sender who went away: what arrived need not be sent again.
        await asyncio.shield(asyncio.to_thread(_finish, writing, bytes(gathered), digest))


def _keep(writing: Writing, piece: bytes, digest: Digest | None) -> None:
    writing.write(piece)
    if digest is not None:
        digest.update(piece)


def _finish(writing: Writing, rest: bytes, digest: Digest | None) -> None:
    _keep(writing, rest, digest)
    writing.flush()
