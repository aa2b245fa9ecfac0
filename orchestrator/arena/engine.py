"""The Socket.IO server: everything that touches `socketio`. One namespace for each game, by both documented paths.

A socket's messages are handled one after the other, so whoever sends faster than we answer waits in their own
connection. A message that is longer than `MAX_MESSAGE_BYTES` ends it, or is refused with 413 where it polls. Whoever
takes too little of what is sent to them is cut off when `MOST_QUEUED` packets wait, and those are dropped. How many may
come is in `doors`; who has come and enters no game within `ENTERS_WITHIN_S` is sent away.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from logging import CRITICAL, getLogger
from typing import Any, Final, Protocol
from urllib.parse import parse_qs

import socketio
import structlog
from engineio.packet import NOOP, Packet
from litestar.exceptions import ClientException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from socketio.exceptions import ConnectionRefusedError as Refusal
from socketio.packet import ACK, BINARY_ACK, BINARY_EVENT, EVENT
from socketio.packet import Packet as SocketPacket

from matches.values import Game, Json
from orchestrator.arena.doors import Doors
from orchestrator.errors import RateLimited
from orchestrator.http import sender
from orchestrator.ids import hash_of

PATHS: Final = ("/socket.io", "/api/socket/io")
MAX_MESSAGE_BYTES: Final = 16_384
MOST_QUEUED: Final = 128
ENTERS_WITHIN_S: Final = 20.0

log = structlog.get_logger()

_QUIET: Any = getLogger("playhouse.engine")
_QUIET.setLevel(CRITICAL)  # what strangers get wrong; our own mistakes are logged by the ears

_PING_INTERVAL_S = 20
_PING_TIMEOUT_S = 10
_RETRY_AFTER_S = 30


_TEXT: Final = {BINARY_EVENT: EVENT, BINARY_ACK: ACK}


class _WithoutAttachments(SocketPacket):
    """Nobody here takes bytes: what stands in their place is read, and they themselves are not collected."""

    uses_binary_events = False

    def decode(self, encoded_packet: Any) -> int:
        super().decode(encoded_packet)
        self.packet_type = _TEXT.get(self.packet_type, self.packet_type)
        return 0


class RefusedConnection(Exception):
    """Who connects is told `code` and the message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Ears(Protocol):
    """Who hears what sockets say. None of these raises anything but `RefusedConnection`, from the first."""

    async def connected(self, game: str, socket_id: str, handshake: dict[str, Any], auth: object, /) -> None: ...
    async def said(self, socket_id: str, event: str, data: object) -> None: ...
    async def gone(self, socket_id: str) -> None: ...


class Engine:
    """An ASGI application, and the voice that speaks to its sockets."""

    def __init__(self, ears: Ears) -> None:
        self._server: Any = socketio.AsyncServer(
            async_mode="asgi",
            async_handlers=False,
            serializer=_WithoutAttachments,
            logger=_QUIET,
            engineio_logger=_QUIET,
            cors_allowed_origins="*",  # whose page it is says the session, or the key that lists the origin
            max_http_buffer_size=MAX_MESSAGE_BYTES,
            ping_interval=_PING_INTERVAL_S,
            ping_timeout=_PING_TIMEOUT_S,
            cookie={"name": "io", "path": "/", "SameSite": "Lax", "HttpOnly": True},
        )
        self._server.eio.send_packet = self._send
        self._apart: set[asyncio.Task[None]] = set()
        self._doors = Doors()
        self._silent: dict[str, asyncio.TimerHandle] = {}
        self._watch_doors()
        for game in Game:
            self.listen(game.value, ears)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if scope["type"] == "http" and not (length.isdigit() and int(length) <= MAX_MESSAGE_BYTES):
            raise RequestEntityTooLarge  # else it would be held until somebody polls
        if not _names_connection(scope) and self._doors.is_full(address_of(scope)):
            log.info("arena.full", connections=self._doors.count)
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1013})
                return
            raise RateLimited("There are too many connections. Please try again later.", retry_after_s=_RETRY_AFTER_S)
        try:
            await self._server.eio.handle_request(scope, receive, send)
        except (ValueError, LookupError, RecursionError, TypeError) as error:
            log.info("arena.unreadable", error=repr(error))  # a stranger speaks another language
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1002})
            else:
                raise ClientException("This is not Engine.IO.") from error

    async def say(self, game: str, to: str, event: str, payload: Json) -> None:
        await self._server.emit(event, (payload,), to=to, namespace=f"/{game}")

    async def enter(self, game: str, socket_id: str, room: str) -> None:
        if self._server.manager.is_connected(socket_id, f"/{game}"):
            await self._server.enter_room(socket_id, room, namespace=f"/{game}")

    async def leave(self, game: str, socket_id: str, room: str) -> None:
        await self._server.leave_room(socket_id, room, namespace=f"/{game}")

    async def disconnect(self, game: str, socket_id: str) -> None:
        await self._server.disconnect(socket_id, namespace=f"/{game}")

    def proves(self, game: str, socket_id: str, tenant_id: str) -> bool:
        """This socket's connection is of a session of the tenant's. False when the tenant has too many."""
        return self._doors.prove(self._connection_of(game, socket_id), tenant_id)

    async def release(self) -> None:
        """Answer every poll that is held."""
        for connection in list(self._server.eio.sockets.values()):
            if not connection.upgraded:
                await connection.queue.put(Packet(NOOP))

    async def close(self) -> None:
        """End what watches over connections; those end with the server."""
        await self._server.shutdown()
        await asyncio.gather(*self._apart, return_exceptions=True)

    def _watch_doors(self) -> None:
        """Whoever connects is counted until they are gone, before Socket.IO hears of either."""
        eio = self._server.eio
        begun, ended = eio.handlers["connect"], eio.handlers["disconnect"]

        async def connect(connection_id: str, environ: dict[str, Any]) -> object:
            self._doors.enter(connection_id, address_of(environ["asgi.scope"]))
            later = asyncio.get_running_loop().call_later
            self._silent[connection_id] = later(ENTERS_WITHIN_S, self._send_away, connection_id)
            return await begun(connection_id, environ)

        async def disconnect(connection_id: str, reason: object) -> None:
            self._doors.leave(connection_id)
            self._has_entered(connection_id)
            await ended(connection_id, reason)

        eio.on("connect", connect)
        eio.on("disconnect", disconnect)

    def _send_away(self, connection_id: str) -> None:
        self._silent.pop(connection_id, None)
        connection = self._server.eio.sockets.get(connection_id)
        if connection is not None:
            log.info("arena.silent", **self._known_of(connection_id))
            self._do_apart(self._server.eio.disconnect(connection_id))

    def _has_entered(self, connection_id: str) -> None:
        timer = self._silent.pop(connection_id, None)
        if timer is not None:
            timer.cancel()

    def _connection_of(self, game: str, socket_id: str) -> str:
        return self._server.manager.eio_sid_from_sid(socket_id, f"/{game}")

    def _known_of(self, connection_id: str) -> dict[str, object]:
        """What a log may tell of a connection: by its own id anybody could speak in its place, so it has a name here.
        Its rooms are those of its matches.
        """
        manager, rooms = self._server.manager, set[str]()
        for game in Game:
            socket_id = manager.sid_from_eio_sid(connection_id, f"/{game.value}")
            if socket_id is None:  # asked for nobody's rooms, it looks through those of all
                continue
            rooms.update(set(manager.get_rooms(socket_id, f"/{game.value}")) - {socket_id})
        return {"connection": hash_of(connection_id)[:12], "rooms": sorted(rooms)}

    def listen(self, game: str, ears: Ears) -> None:
        """One more namespace, and who hears what is said there."""

        async def connect(socket_id: str, handshake: dict[str, Any], auth: object) -> None:
            try:
                await ears.connected(game, socket_id, handshake, auth)
                self._has_entered(self._connection_of(game, socket_id))
            except RefusedConnection as refused:
                raise Refusal(str(refused), {"code": refused.code}) from refused
            except Exception as mistake:
                log.exception("arena.mistake", arena_event="connect")
                raise Refusal("Something went wrong on our side.", {"code": "internal_error"}) from mistake

        async def disconnect(socket_id: str, _reason: object) -> None:
            self._do_apart(self._gone(ears, socket_id))

        async def say(event: str, socket_id: str, *data: object) -> None:
            await ears.said(socket_id, event, data[0] if data else None)

        handlers: Mapping[str, Callable[..., Awaitable[None]]] = {
            "connect": connect,
            "disconnect": disconnect,
            "*": say,
        }
        for event, handler in handlers.items():
            self._server.on(event, handler, namespace=f"/{game}")

    async def _send(self, connection_id: str, packet: Packet) -> None:
        """One packet into the queue of a connection. It may turn out to be gone here, while its match is told."""
        connection = self._server.eio.sockets.get(connection_id)
        if connection is None or connection.closed:
            return
        if connection.queue.qsize() < MOST_QUEUED:
            await connection.send(packet)
        else:
            self._do_apart(self._cut_off(connection))

    async def _cut_off(self, connection: Any) -> None:
        if not connection.closing:
            log.info("arena.too_slow", dropped=connection.queue.qsize(), **self._known_of(connection.sid))
            await connection.close(wait=False, reason=self._server.reason.TRANSPORT_ERROR)

    async def _gone(self, ears: Ears, socket_id: str) -> None:
        try:
            await ears.gone(socket_id)
        except Exception:
            log.exception("arena.mistake", arena_event="disconnect")

    def _do_apart(self, work: Coroutine[Any, Any, None]) -> None:
        """Not within what found it out: that may hold the match's turn to be told."""
        task = asyncio.create_task(work)
        self._apart.add(task)
        task.add_done_callback(self._apart.discard)


def address_of(scope: Any) -> str:
    """What stands for the network address from which a connection comes."""
    client = scope.get("client")
    return sender(str(client[0])) if client else ""


def _names_connection(scope: Any) -> bool:
    """Whether a request is of a connection that is there, or says so."""
    return b"sid" in parse_qs(scope.get("query_string", b""))
