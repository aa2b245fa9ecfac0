"""The agent's side of a seat's control socket.

Light: asyncio and the wire models only. One client may be used by many tasks; each call has its own answer. When the
worker is gone every call raises `SeatUnavailable` and `events` ends.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TypeVar

import pydantic

from streaming import SPOKEN_PROTOCOLS, log
from streaming.audience import Role
from streaming.errors import SeatError, SeatUnavailable
from streaming.moments import MOST
from streaming.protocol import (
    ConnectOrder,
    Hello,
    Introduction,
    Moment,
    RevokeOrder,
    SeatConfig,
    SeatEvent,
    SeatStatus,
    SessionDescription,
    Thumbnail,
)

ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
EVENTS_KEPT = 256
DEFAULT_TIMEOUT_S = 20.0


class SeatClient:
    """Made by `open`; `close` ends the connection and leaves the worker running."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._identities = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Mapping[str, object]]] = {}
        self._events: asyncio.Queue[SeatEvent | None] = asyncio.Queue(EVENTS_KEPT)
        self._has_dropped = False
        self._closed = False
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, path: Path | str) -> "SeatClient":
        """Connects to `control.sock`; raises `SeatUnavailable` when nobody listens there."""
        try:
            reader, writer = await asyncio.open_unix_connection(path, limit=ANSWER_LIMIT_BYTES)
        except OSError as error:
            raise SeatUnavailable(f"no seat at {path}: {error.strerror}") from error
        return cls(reader, writer)

    async def hello(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> Hello:
        """Waits until display and sound are up. Raises `SeatError` `unknown_protocol` when the worker speaks none of
        `SPOKEN_PROTOCOLS`.
        """
        for version in SPOKEN_PROTOCOLS:
            try:
                return _read_as(Hello, await self.call("hello", {"protocol": version}, timeout_s))
            except SeatError as error:
                if error.code != "unknown_protocol":
                    raise
        spoken = ", ".join(map(str, SPOKEN_PROTOCOLS))
        raise SeatError(f"it speaks another protocol than the host's agent ({spoken})", code="unknown_protocol")

    async def connect(
        self,
        offer: SessionDescription,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        *,
        role: Role = Role.PLAYER,
        who: Introduction | None = None,
    ) -> SessionDescription:
        """The answer to a page's offer. The newest player wins: an older connection is told `replaced` and dropped.

        Raises `SeatError` for a watcher: `watchers_full`, `revoked`, or `unknown_method` where the worker is older than
        watchers are (a method of their own keeps it from taking them for the player).
        """
        order = ConnectOrder(offer=offer, who=who or Introduction())
        method = "connect" if role is Role.PLAYER else "watch"
        result = await self.call(method, order.model_dump(), timeout_s)
        return _read_as(SessionDescription, result.get("answer"))

    async def take(self, config: SeatConfig, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        """A waiting seat becomes one of this configuration and its own size. Raises `SeatError` `taken` when it is one
        already.
        """
        await self.call("take", config.model_dump(mode="json"), timeout_s)

    async def is_drawn(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> bool:
        """Whether there is a picture of more than one colour on the display, also of a seat that waits. Raises
        `SeatError` `unknown_method` where the worker is older than this.
        """
        return bool((await self.call("is_drawn", {}, timeout_s)).get("is_drawn"))

    async def revoke(self, epoch: int, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        """Watchers whose right is older than `epoch` are told `revoked` and dropped. Repeating it changes nothing.
        Raises `SeatError` `unknown_method` where the worker is older than this, and has no watchers.
        """
        await self.call("revoke", RevokeOrder(epoch=epoch).model_dump(), timeout_s)

    async def status(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> SeatStatus:
        return _read_as(SeatStatus, await self.call("status", {}, timeout_s))

    async def thumbnail(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> Thumbnail:
        """Raises `SeatError` `unknown_method` where the worker is older than this."""
        return _read_as(Thumbnail, await self.call("thumbnail", {}, timeout_s))

    async def moments(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> tuple[Moment, ...]:
        """What the seat did since this was asked last. Nothing where the worker is older than this."""
        try:
            result = await self.call("moments", {}, timeout_s)
        except SeatError as error:
            if error.code != "unknown_method":
                raise
            return ()
        return _read_as(_Moments, result).moments

    async def shutdown(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        """Returns when the worker has ended its display, sound and peers, and is about to exit."""
        await self.call("shutdown", {}, timeout_s)

    async def events(self) -> AsyncIterator[SeatEvent]:
        """News in order, for one consumer. What is not consumed is kept up to a bound, then the oldest is dropped: the
        log says so once.
        """
        while (event := await self._events.get()) is not None:
            yield event

    async def close(self) -> None:
        self._writer.close()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def call(self, method: str, parameters: Mapping[str, object], timeout_s: float) -> Mapping[str, object]:
        """One request and its result. Raises `SeatError` with the worker's code, or `SeatUnavailable`."""
        if self._closed:
            raise SeatUnavailable("the seat worker is gone")
        identity = next(self._identities)
        answered: asyncio.Future[Mapping[str, object]] = asyncio.get_running_loop().create_future()
        self._pending[identity] = answered
        try:
            request = {"id": identity, "method": method, "params": parameters}
            self._writer.write(json.dumps(request).encode() + b"\n")
            async with asyncio.timeout(timeout_s):
                await self._writer.drain()
                return await answered
        except TimeoutError as error:
            raise SeatUnavailable(f"the seat did not answer {method} within {timeout_s:g} s") from error
        except ConnectionError as error:
            raise SeatUnavailable("the seat worker is gone") from error
        finally:
            del self._pending[identity]

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                message: object = json.loads(line)
                if isinstance(message, dict):
                    self._take(message)
        except (ConnectionError, ValueError):
            pass  # a worker that died in the middle of a line is a worker that is gone
        finally:
            self._closed = True
            for answered in self._pending.values():
                if not answered.done():
                    answered.set_exception(SeatUnavailable("the seat worker is gone"))
            self._keep(None)

    def _take(self, message: Mapping[str, object]) -> None:
        if "event" in message:
            self._keep(SeatEvent.model_validate(message))
            return
        identity, error = message.get("id"), message.get("error")
        answered = self._pending.get(identity) if isinstance(identity, int) else None
        if answered is None or answered.done():
            return
        if isinstance(error, dict):
            answered.set_exception(SeatError(str(error.get("message")), code=str(error.get("code"))))
        else:
            result = message.get("result")
            answered.set_result(result if isinstance(result, dict) else {})

    def _keep(self, event: SeatEvent | None) -> None:
        if self._events.full():
            self._events.get_nowait()
            if not self._has_dropped:
                log.warning("seat.events_dropped", most_kept=EVENTS_KEPT)
            self._has_dropped = True
        self._events.put_nowait(event)


class _Moments(pydantic.BaseModel):
    moments: tuple[Moment, ...] = pydantic.Field(default=(), max_length=MOST)


Shape = TypeVar("Shape", bound=pydantic.BaseModel)


def _read_as(kind: type[Shape], result: object) -> Shape:
    try:
        return kind.model_validate(result)
    except pydantic.ValidationError as error:
        raise SeatError("the seat's answer cannot be read", code="unknown_protocol") from error
