"""A line between two programs that can be cut: while it is, bytes go nowhere and nobody is told of it."""

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from pathlib import Path

CONNECT_WITHIN_S = 2.0
_PIECE_BYTES = 2**16

Target = int | Path
"""A port of 127.0.0.1, or a Unix socket."""


class Link:
    """Listens on a port of 127.0.0.1 and passes each connection on to the next target that takes it."""

    def __init__(self, name: str, targets: Sequence[Target]) -> None:
        self.name = name
        self._targets = tuple(targets)
        self._turn = itertools.count()
        self._is_whole = asyncio.Event()
        self._is_whole.set()
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()

    async def start(self, port: int = 0) -> int:
        """The port that it listens on."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self._is_whole.set()
        self._drop()
        await asyncio.sleep(0)

    def cut(self) -> None:
        self._is_whole.clear()

    def mend(self) -> None:
        """New connections pass at once; those that were there when it was cut are gone."""
        if not self._is_whole.is_set():
            self._drop()
            self._is_whole.set()

    def _drop(self) -> None:
        for end in self._ends:
            end.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        try:
            await self._is_whole.wait()
            if writer.transport.is_closing():
                return
            there = await self._connect()
            if there is None:
                return
            far_reader, far_writer = there
            self._ends.add(far_writer)
            try:
                await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
            finally:
                self._ends.discard(far_writer)
                far_writer.transport.abort()
        except OSError:
            pass  # one side has gone, and so has the connection
        finally:
            self._ends.discard(writer)
            writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        first = next(self._turn)
        for step in range(len(self._targets)):
            target = self._targets[(first + step) % len(self._targets)]
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_WITHIN_S):
                    if isinstance(target, Path):
                        return await asyncio.open_unix_connection(target)
                    return await asyncio.open_connection("127.0.0.1", target)
        return None

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while piece := await source.read(_PIECE_BYTES):
                await self._is_whole.wait()
                sink.write(piece)
                await sink.drain()
            if sink.can_write_eof():
                sink.write_eof()
        except OSError:
            sink.transport.abort()
