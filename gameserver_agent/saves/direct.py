"""Archives between this host and the store of saves, by addresses that a replica has signed for them.

It decides only whether a replica is to carry an archive instead: where the store says no the replica can say why, and
where this host has no way to the store the replica has one. An address is a secret: nothing here shows or logs it.
"""

import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import structlog

from agent_protocol import DirectUpload, RestoreSource
from gameserver_agent.errors import SaveError, StoreAwayError
from gameserver_agent.saves.patience import PIECE_BYTES, Patience

log = structlog.get_logger()
NO_WAY_FOR_S = 60.0
NO_CONNECTION = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)


class DirectStore:
    """`now_s` is a steady clock. Both ways answer False where a replica is to carry the archive, and raise
    `StoreAwayError` where a later try may be better.
    """

    def __init__(self, session: aiohttp.ClientSession, now_s: Callable[[], float]) -> None:
        self._session = session
        self._now_s = now_s
        self._again_s = 0.0
        self._has_no_way = False

    @property
    def is_reachable(self) -> bool:
        """Whether an address is worth asking for: the store was not out of this host's reach within the last minute."""
        return self._now_s() >= self._again_s

    async def put(self, way: DirectUpload, archive: Path, *, total_s: float) -> bool:
        """Store it; what is there already is fine. The address means these bytes and no others."""
        patience = Patience(total_s)
        with archive.open("rb") as file:
            size = str(os.fstat(file.fileno()).st_size)
            headers = {**way.headers, "Content-Type": "application/octet-stream", "Content-Length": size}
            async with self._answer("PUT", way.url, patience, headers, patience.sending(file)) as answer:
                return answer is not None and answer.status in {200, 412}

    async def get(self, url: str, source: RestoreSource, target: Path, *, total_s: float) -> bool:
        """Write the archive to `target`, proven as by `write_proven`."""
        patience = Patience(total_s)
        async with self._answer("GET", url, patience) as answer:
            if answer is None or answer.status != 200:
                return False
            await write_proven(patience.receiving(answer.content.iter_chunked(PIECE_BYTES)), source, target)
            return True

    @asynccontextmanager
    async def _answer(
        self, method: str, url: str, patience: Patience, headers: dict[str, str] | None = None, body: object = None
    ) -> AsyncGenerator[aiohttp.ClientResponse | None]:
        """None when this host cannot reach the store."""
        try:
            async with patience.limit:
                try:
                    asking = self._session.request(method, url, headers=headers, data=body, allow_redirects=False)
                    response = await asking
                except NO_CONNECTION as error:
                    self._note_no_way(type(error).__name__)
                    yield None
                    return
                async with response:
                    self._note_reached()
                    if response.status >= 500 or response.status == 429:
                        raise StoreAwayError(f"The store of saves answers with status {response.status}.")
                    yield response
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            # Without its cause, whose text may name the address.
            log.info("store.no_answer", reason=type(error).__name__)
            raise StoreAwayError("The store of saves does not answer.") from None

    def _note_no_way(self, reason: str) -> None:
        self._again_s = self._now_s() + NO_WAY_FOR_S
        if not self._has_no_way:
            log.warning("store.out_of_reach", reason=reason, instead="through the orchestrator")
        self._has_no_way = True

    def _note_reached(self) -> None:
        if self._has_no_way:
            log.info("store.in_reach")
        self._has_no_way = False


async def write_proven(pieces: AsyncIterator[bytes], source: RestoreSource, target: Path) -> None:
    """Write what arrives to `target`. Raises `SaveError` when it has not the promised size and SHA-256."""
    digest, size_bytes = hashlib.sha256(), 0
    with target.open("wb") as handle:
        async for piece in pieces:
            size_bytes += len(piece)
            if size_bytes > source.size_bytes:
                break
            digest.update(piece)
            handle.write(piece)
    if size_bytes != source.size_bytes or digest.hexdigest() != source.digest:
        raise SaveError("The save that arrived is not the one that was promised.")
