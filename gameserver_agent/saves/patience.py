"""How long a transfer is waited for: as long as it moves, but not for ever."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import BinaryIO

from agent_protocol import TRANSFER_QUIET_S

PIECE_BYTES = 256 * 1024


class Patience:
    """`limit` bounds the block that it is entered for: `TimeoutError` after `total_s` in all, or after
    `TRANSFER_QUIET_S` in which nothing has moved. To be made where it is entered.
    """

    def __init__(self, total_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._ends_s = self._loop.time() + total_s
        self.limit = asyncio.timeout_at(self._until_s())

    async def sending(self, file: BinaryIO) -> AsyncGenerator[bytes]:
        """The file in pieces; one has moved when the next is asked for."""
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece
            self._moved()

    async def receiving(self, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        """The pieces as they come."""
        async for piece in pieces:
            self._moved()
            yield piece

    def _until_s(self) -> float:
        return min(self._ends_s, self._loop.time() + TRANSFER_QUIET_S)

    def _moved(self) -> None:
        with contextlib.suppress(RuntimeError):  # the block is over, and the sending of what it began is not quite
            self.limit.reschedule(self._until_s())
