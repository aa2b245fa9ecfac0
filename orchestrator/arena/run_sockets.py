"""The namespace of the streamed game: who joins hears how their run stands, with all that a page needs to connect to
its picture, until it is over. The picture itself, and input, go between page and host.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from matches.values import Json
from orchestrator.arena.admission import SUBWAY_RUNNER
from orchestrator.arena.allowance import Allowance
from orchestrator.arena.arena import Arena
from orchestrator.arena.engine import Engine
from orchestrator.arena.greeting import admitted, heard, refusal_of, who_joins
from orchestrator.arena.payloads import Payload
from orchestrator.arena.runs import Run, Runs
from orchestrator.arena.saying import Said
from orchestrator.arena.session_tokens import Claims
from orchestrator.background import cancelled
from orchestrator.errors import DatabaseUnavailable
from orchestrator.play.answers import status_answer
from orchestrator.play.lifecycle import FINAL, Position
from orchestrator.play.relays import Relays
from orchestrator.play.service import STATUS_WAIT_LIMIT_S, Play, SessionView
from orchestrator.play.stream_access import StreamAccess

MOST_FOLLOWERS: Final = 8

_AGAIN_S: Final = 1.0
_MOST_FRAMES: Final = 1_000_000


@dataclass
class RunSocket:
    """One connection. `origin` is how its page reached us; `run` is what it joined last, and `following` tells it."""

    id: str
    origin: str
    claims: Claims | None
    allowance: Allowance
    run: Run | None = None
    following: asyncio.Task[None] | None = None


class RunSockets:
    """Ears of the engine, for one namespace."""

    def __init__(
        self, engine: Engine, arena: Arena, runs: Runs, play: Play, stream_access: StreamAccess, relays: Relays
    ) -> None:
        self._engine = engine
        self._arena = arena
        self._runs = runs
        self._play = play
        self._stream_access = stream_access
        self._relays = relays
        self._sockets: dict[str, RunSocket] = {}
        self._says: Mapping[str, Callable[[RunSocket, Mapping[str, object]], Awaitable[None]]] = {
            "matchmaking:join": self._join,
            "game:reconnect": self._reconnect,
            "game:resign": self._resign,
            "stream:check": self._check,
            "stream:seen": self._seen,
        }
        engine.listen(SUBWAY_RUNNER, self)

    async def connected(self, game: str, socket_id: str, handshake: dict[str, Any], auth: object) -> None:
        proves = partial(self._engine.proves, game, socket_id)
        allowance, claims = await admitted(handshake, auth, self._arena.claims, proves)
        self._sockets[socket_id] = RunSocket(socket_id, _origin_of(handshake), claims, allowance)

    async def said(self, socket_id: str, event: str, data: object) -> None:
        """One message. Total over whatever a stranger may send."""
        socket = self._sockets.get(socket_id)
        if socket is None:
            return
        says = self._says.get(event)
        await heard(
            socket.allowance,
            event,
            data,
            does=None if says is None else partial(says, socket),
            refuses=partial(self._error, socket),
            ends=partial(self._engine.disconnect, SUBWAY_RUNNER, socket.id),
        )

    async def gone(self, socket_id: str) -> None:
        """The page is gone; whether its player is, the host knows, by the picture."""
        socket = self._sockets.pop(socket_id, None)
        if socket is not None:
            await cancelled(socket.following)

    async def close(self) -> None:
        """Nobody is told any more."""
        sockets = list(self._sockets.values())
        self._sockets.clear()
        await cancelled(*(socket.following for socket in sockets))

    async def _join(self, socket: RunSocket, fields: Mapping[str, object]) -> None:
        await self._follow(socket, await self._runs.join(*who_joins(socket.claims, fields)))

    async def _reconnect(self, socket: RunSocket, fields: Mapping[str, object]) -> None:
        await self._follow(socket, await self._runs.found(*who_joins(socket.claims, fields)))

    async def _resign(self, socket: RunSocket, _fields: Mapping[str, object]) -> None:
        await self._runs.resign(_joined(socket))

    async def _check(self, socket: RunSocket, _fields: Mapping[str, object]) -> None:
        run = _joined(socket)
        await self._say(socket, "stream:status", self._status(socket, run, await self._play.view(run.owner, run.id)))

    async def _seen(self, socket: RunSocket, fields: Mapping[str, object]) -> None:
        run, frames = _joined(socket), fields.get("framesDecoded")
        if not isinstance(frames, int) or isinstance(frames, bool) or not 0 <= frames <= _MOST_FRAMES:
            raise Said("malformed", f"framesDecoded is a number from 0 to {_MOST_FRAMES}.")
        await self._play.keepalive(run.owner, run.id, frames)

    async def _follow(self, socket: RunSocket, run: Run) -> None:
        socket.run = run
        if socket.claims is None:  # whoever named the session has shown it
            self._engine.proves(SUBWAY_RUNNER, socket.id, run.tenant_id)
        if self._sockets.pop(socket.id, None) is None:  # the connection has ended meanwhile
            return
        self._sockets[socket.id] = socket  # whoever follows last stands last
        former = socket.following
        socket.following = asyncio.create_task(self._tell(socket, run), name=f"run {run.id}")
        await cancelled(former)
        followers = [each for each in self._sockets.values() if _is_told(each, run)]
        for oldest in followers[:-MOST_FOLLOWERS]:
            await cancelled(oldest.following)
            await self._error(oldest, "too_many_pages", "This game is open in newer pages, and this one hears no more.")

    async def _tell(self, socket: RunSocket, run: Run) -> None:
        try:
            await self._keep_telling(socket, run)
        except Exception as mistake:
            await self._error(socket, *refusal_of(mistake, "stream:status"))

    async def _keep_telling(self, socket: RunSocket, run: Run) -> None:
        """Everything that changes, until the end."""
        view, has_started, wait_s = None, False, 0.0
        while True:
            known = None if view is None else view.revision
            try:
                view = await self._play.wait(run.owner, run.id, wait_s, known)
                position = Position(view.row.position)
                result = await self._runs.result(run.session_id) if position in FINAL else None
            except DatabaseUnavailable:
                view = None
                await asyncio.sleep(_AGAIN_S)
                continue
            wait_s = STATUS_WAIT_LIMIT_S
            if view.revision == known:
                await asyncio.sleep(_AGAIN_S)  # a replica that is about to end holds nobody
                continue
            status = self._status(socket, run, view)
            await self._say(socket, "stream:status", status)
            if position is Position.RUNNING and not has_started:
                has_started = True
                await self._say(socket, "game:started", status | _players(run))
            if result is not None:
                await self._say(socket, "game:over", {"roomId": run.id, **result})
                return

    def _status(self, socket: RunSocket, run: Run, view: SessionView) -> Payload:
        """What `GET /api/game/session-status` tells the page of a person."""
        ice_servers = self._relays.ice_servers(run.id, view.row.ends_at)
        answer = status_answer(view, self._stream_access, socket.origin, run.player_name, ice_servers)
        told: Payload = answer.model_dump(mode="json", by_alias=True)
        return told | {"roomId": run.id, "sessionId": run.session_id}

    async def _say(self, socket: RunSocket, event: str, payload: Json) -> None:
        await self._engine.say(SUBWAY_RUNNER, socket.id, event, payload)

    async def _error(self, socket: RunSocket, code: str, message: str) -> None:
        room = None if socket.run is None else socket.run.id
        await self._say(socket, "error", {"code": code, "message": message, "roomId": room})


def _is_told(socket: RunSocket, run: Run) -> bool:
    following = socket.following
    return socket.run == run and following is not None and not following.done()


def _joined(socket: RunSocket) -> Run:
    if socket.run is None:
        raise Said("unknown_room", "This connection is in no game. Join first.")
    return socket.run


def _players(run: Run) -> Payload:
    player: Payload = {"id": run.player_id, "displayName": run.player_name, "username": run.player_name}
    return {"playerId": run.player_id, "players": [player], "currentTurn": 0}


def _origin_of(handshake: Mapping[str, Any]) -> str:
    """As `http.origin_of` has it of a request."""
    scheme = str(handshake["asgi.scope"]["scheme"]).replace("ws", "http")
    return f"{scheme}://{handshake.get('HTTP_HOST', '')}"
