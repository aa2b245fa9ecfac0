"""The worker's end of `control.sock`: JSON lines, many clients, each request answered on its own.

It knows lines, ids and clients, and nothing of what the methods do. Events are dropped for a client that does not read.
Standard library only: it must answer before the heavy imports are done.
"""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from streaming import log
from streaming.errors import SeatError

LINE_LIMIT_BYTES = 1024 * 1024
BACKLOG_LIMIT_BYTES = 64 * 1024
REQUESTS_AT_ONCE = 16
ANSWER_GRACE_S = 1.0

Handler = Callable[[str, Mapping[str, object]], Awaitable[Mapping[str, object]]]


def encode(message: Mapping[str, object]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def an_object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise SeatError("a request and its params are objects", code="invalid_request")
    return value


class ControlServer:
    """Answers requests through `handle`, which raises `SeatError` for what it refuses.

    Whatever else goes wrong with one request is logged and answered as `internal`: its client's connection carries the
    whole session and outlives it.
    """

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._writers: set[asyncio.StreamWriter] = set()
        self._requests: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, path: Path) -> None:
        """Listens at `path`, where no socket may be; once it is there it answers. The umask makes it ours alone."""
        starting = path.with_suffix(".starting")
        starting.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(starting))
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=LINE_LIMIT_BYTES)
        starting.rename(path)

    def broadcast(self, event: Mapping[str, object]) -> None:
        """Tells every client, except one that has stopped reading."""
        line = encode(event)
        for writer in self._writers:
            if not writer.is_closing() and writer.transport.get_write_buffer_size() < BACKLOG_LIMIT_BYTES:
                writer.write(line)

    async def close(self) -> None:
        """Ends all connections after the answers that are under way, in so far as they come soon."""
        if self._server is not None:
            self._server.close()
        if self._requests:
            await asyncio.wait(self._requests, timeout=ANSWER_GRACE_S)
        for writer in list(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        slots = asyncio.Semaphore(REQUESTS_AT_ONCE)
        try:
            async with asyncio.TaskGroup() as requests:
                while line := await read_line(reader):
                    await slots.acquire()
                    request = requests.create_task(self._answer(line, writer))
                    self._requests.add(request)
                    request.add_done_callback(self._requests.discard)
                    request.add_done_callback(lambda _: slots.release())
        except* ConnectionError:
            pass  # a client that left
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        answer = await self._answer_to(line)
        if not writer.is_closing():
            writer.write(answer)
            await writer.drain()

    async def _answer_to(self, line: bytes) -> bytes:
        identity: object = None
        try:
            request = an_object(json.loads(line))
            identity, method = request.get("id"), request.get("method")
            parameters = an_object(request.get("params", {}))
            return encode({"id": identity, "result": await self._handle(str(method), parameters)})
        except SeatError as error:
            code, message = error.code, error.message
        except ValueError as error:
            code, message = "invalid_request", str(error)
        except Exception as error:
            log.exception("request.failed")
            code, message = "internal", f"{type(error).__name__}: {error}"
        return encode({"id": identity, "error": {"code": code, "message": message}})


async def read_line(reader: asyncio.StreamReader) -> bytes:
    """The next line, nothing at the end. One that is too long comes as an empty line, which no request is."""
    try:
        return await reader.readline()
    except ValueError:
        return b"\n"
