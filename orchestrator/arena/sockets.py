"""What players' and spectators' clients say by Socket.IO, and what follows. Each message is answered by an event: what
it asked for, or `error {code, message}`; a board changes by `Arena.happen` alone.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import structlog

from matches.deadlines import afk_status
from matches.events import DrawAccepted, DrawDeclined, DrawOffered, Event, MoveSent, Resigned
from matches.refusals import TEXTS
from matches.rules import RULES
from matches.values import Game, Json, Seat
from orchestrator.arena import payloads
from orchestrator.arena.allowance import Allowance
from orchestrator.arena.arena import Arena
from orchestrator.arena.engine import Engine, address_of
from orchestrator.arena.greeting import admitted, heard, who_joins
from orchestrator.arena.ledger import Look
from orchestrator.arena.pairing import Wish
from orchestrator.arena.payloads import Payload
from orchestrator.arena.saying import Said, square_of, text_of, walk_in_order
from orchestrator.arena.session_tokens import Claims
from orchestrator.arena.telling import SEATS
from orchestrator.errors import DatabaseUnavailable, InvalidRequest

log = structlog.get_logger()


@dataclass
class Socket:
    """One connection to one game. `address` is where it comes from; `claims` are those of its token; `who` is the
    session and the player for whom it joined last; `waiting` is the same while it waits for an opponent, `walked_in`
    where it was given the session; `room` is the match that it plays (`seat`) or watches.
    """

    id: str
    game: Game
    origin: str | None
    address: str
    claims: Claims | None
    allowance: Allowance
    who: tuple[str, str] | None = None
    waiting: tuple[str, str] | None = None
    walked_in: tuple[str, str] | None = None
    room: str | None = None
    seat: Seat | None = None


class Sockets:
    """The ears of the engine, and every socket that this replica holds."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._sockets: dict[str, Socket] = {}
        self._waiting: dict[tuple[str, str], Socket] = {}
        self._lost: dict[str, Socket] = {}
        self._is_closing = False
        self.engine = Engine(self)
        self._says: Mapping[str, Callable[[Socket, Mapping[str, object]], Awaitable[None]]] = {
            "matchmaking:join": self._join,
            "matchmaking:leave": self._leave,
            "game:move": self._move,
            "game:resign": self._resign,
            "game:draw:offer": self._offer,
            "game:draw:accept": self._accept,
            "game:draw:decline": self._decline,
            "game:reconnect": self._reconnect,
            "game:get_moves": self._get_moves,
            "game:spectate": self._spectate,
            "afk:check": self._check_afk,
        }

    @property
    def count(self) -> int:
        """How many this replica holds."""
        return len(self._sockets)

    async def connected(self, game: str, socket_id: str, handshake: dict[str, Any], auth: object) -> None:
        proves = partial(self.engine.proves, game, socket_id)
        allowance, claims = await admitted(handshake, auth, self._arena.claims, proves)
        origin, address = handshake.get("HTTP_ORIGIN"), address_of(handshake["asgi.scope"])
        self._sockets[socket_id] = Socket(socket_id, Game(game), origin, address, claims, allowance)

    async def said(self, socket_id: str, event: str, data: object) -> None:
        """One message. Total over whatever a stranger may send."""
        socket = self._sockets.get(socket_id)
        if socket is None:
            return
        says = self._says.get(event)
        try:
            await heard(
                socket.allowance,
                event,
                data,
                does=None if says is None else partial(says, socket),
                refuses=partial(self._error, socket),
                ends=partial(self.engine.disconnect, socket.game, socket.id),
            )
        finally:
            await self._leave_if_gone(socket)

    async def gone(self, socket_id: str) -> None:
        """The connection has ended. When we end, that counts against nobody."""
        socket = self._sockets.pop(socket_id, None)
        if socket is None or self._is_closing:
            return
        await self._part(socket)

    async def begin(self, match_id: str) -> None:
        """A match began: who waited here for it is in it now, or waits no longer where a newer connection is."""
        room = (await self._arena.look(match_id)).room
        connected = await self._arena.sockets_in(match_id)
        for seat in SEATS:
            who = room.seats[seat].session_id, room.seats[seat].player_id
            socket = self._waiting.get(who)
            if socket is None:
                continue
            if room.match.end is not None or socket.id in connected[seat]:
                await self._enter(socket, match_id, seat, "game:started")
            elif connected[seat]:
                await self._give_way(socket)
            else:  # it was taken for gone
                await self._return(socket, match_id, who, is_new_page=True)

    def waiting_sessions(self) -> list[str]:
        """Of those who wait here."""
        return sorted({session_id for session_id, _ in self._waiting})

    async def expired(self, session_ids: set[str]) -> None:
        """The time to join these is over, also for whoever waited for the other player."""
        for socket in [socket for key, socket in self._waiting.items() if key[0] in session_ids]:
            self._wait(socket, None)
            await self._error(socket, "session_expired", "Nobody else joined in time.")

    async def make_up(self) -> None:
        """Part with those that could not be parted with while the database was away."""
        for socket in list(self._lost.values()):
            del self._lost[socket.id]
            await self._part(socket)

    async def sit_again(self, present: Collection[str]) -> None:
        """Others may have taken this replica for dead, and its players for gone: but for those `present`, they were."""
        parted = [socket for socket in self._sockets.values() if socket.seat is not None and socket.id not in present]
        going_on = await self._arena.going_on({socket.room for socket in parted if socket.room is not None})
        for socket in parted:
            if socket.room in going_on and socket.seat is not None:
                await self._arena.sit(socket.room, socket.seat, socket.id)

    async def will_end(self) -> None:
        """The replica is about to end: whose connection is gone from now on did not leave."""
        self._is_closing = True
        await self.engine.release()

    async def close(self) -> None:
        """The replica ends."""
        self._is_closing = True
        await self.engine.close()

    async def _join(self, socket: Socket, fields: Mapping[str, object]) -> None:
        if socket.claims is None and text_of(fields, "sessionId") is None:
            session_id, player_id = await self._walk_in(socket, fields)
        else:
            session_id, player_id = who_joins(socket.claims, fields)
        room, who = socket.room, socket.who
        if room is not None and who is not None and who == (session_id, player_id) and await self._is_playing(socket):
            await self._return(socket, room, who, is_new_page=True)
            return
        await self._stand_free(socket)
        await self._leave_other_queue(socket, session_id, player_id)
        joined = await self._arena.join(Wish(session_id, player_id, socket.game, socket.id, fields))
        socket.who = session_id, joined.player_id
        if joined.match_id is None or any(begun.room.id == joined.match_id for begun in joined.begun):
            older = self._waiting.get(socket.who)
            self._wait(socket, socket.who)
            if older is not None and older is not socket:
                await self._give_way(older)
        if joined.match_id is None and (began := await self._arena.match_that_began(session_id)):
            await self.begin(began)  # while we were about to say that it had not
        elif joined.match_id is None:
            waiting: Payload = {"playerId": joined.player_id, "position": joined.place}
            await self._say(socket, "matchmaking:waiting", waiting)
        elif not joined.begun:
            await self._return(socket, joined.match_id, socket.who, is_new_page=True)
        for begun in joined.begun:
            await self._arena.begun(begun)

    async def _leave(self, socket: Socket, _fields: Mapping[str, object]) -> None:
        if socket.room is not None and socket.seat is not None:
            await self._say(socket, "matchmaking:already_started", {"roomId": socket.room})
            return
        if socket.waiting is None:
            raise Said("not_waiting", "This connection is in no queue.")
        match_id = await self._arena.stop_waiting(*socket.waiting, socket.id)
        if match_id is None:
            self._wait(socket, None)
            await self._say(socket, "matchmaking:left", {})
        else:
            await self._say(socket, "matchmaking:already_started", {"roomId": match_id})

    async def _move(self, socket: Socket, fields: Mapping[str, object]) -> None:
        await self._act(socket, fields, lambda seat: MoveSent(seat, fields))

    async def _resign(self, socket: Socket, fields: Mapping[str, object]) -> None:
        await self._act(socket, fields, Resigned)

    async def _offer(self, socket: Socket, fields: Mapping[str, object]) -> None:
        await self._act(socket, fields, DrawOffered)

    async def _accept(self, socket: Socket, fields: Mapping[str, object]) -> None:
        await self._act(socket, fields, DrawAccepted)

    async def _decline(self, socket: Socket, fields: Mapping[str, object]) -> None:
        await self._act(socket, fields, DrawDeclined)

    async def _act(self, socket: Socket, fields: Mapping[str, object], event_of: Callable[[Seat], Event]) -> None:
        room, seat = self._own(socket, fields)
        happened = await self._arena.happen(room, event_of(seat))
        if happened.refusal is not None:
            raise Said(happened.refusal.value, TEXTS[happened.refusal])

    async def _reconnect(self, socket: Socket, fields: Mapping[str, object]) -> None:
        if socket.room is not None and socket.seat is not None and socket.who is not None:
            await self._return(socket, socket.room, socket.who, is_new_page=False)
            return
        player_id = text_of(fields, "playerId")
        claims = socket.claims
        if claims is not None:
            if claims.player_id is not None and player_id not in {None, claims.player_id}:
                raise Said("unauthorized", "This token is another player's.")
            session_id = claims.session_id
            player_id = claims.player_id or player_id
        elif (named := text_of(fields, "sessionId")) is not None:
            session_id = named
        else:
            session_id = await self._absent_session(socket, player_id)
        found = await self._arena.match_of(session_id, socket.game)
        if found is None or player_id is None:
            raise Said("nothing_to_reconnect", "This player is in no match.")
        await self._return(socket, found, (session_id, player_id), is_new_page=False)

    async def _absent_session(self, socket: Socket, player_id: str | None) -> str:
        """Whose page it is says its origin, as nothing else does; then only who is away may come back."""
        tenant = await self._arena.tenant_of_origin(socket.origin)
        if tenant is None or player_id is None:
            raise Said("unauthorized", "Connect with the session token, or send the sessionId, to come back.")
        session_id = await self._arena.session_of_absent(tenant[0], player_id, socket.game)
        if session_id is None:
            raise Said("nothing_to_reconnect", "This player is away from no match.")
        return session_id

    async def _get_moves(self, socket: Socket, fields: Mapping[str, object]) -> None:
        room, seat = self._own(socket, fields)
        if socket.game not in {Game.CHECKERS, Game.CHESS}:
            raise Said("unknown_event", "This game has no such event.")
        position = square_of(socket.game, fields)
        match = (await self._arena.look(room)).room.match
        moves: list[Json] = []
        if match.end is None and match.turn == seat:
            wires = (move.wire() for move in RULES[socket.game].legal(match.plies))
            moves = [wire for wire in wires if position is None or wire["from"] == position]
        await self._say(socket, "game:valid_moves", {"position": position, "moves": moves})

    async def _spectate(self, socket: Socket, fields: Mapping[str, object]) -> None:
        await self._stand_free(socket)
        room = text_of(fields, "roomId")
        if room is None:
            raise Said("malformed", "roomId is required.")
        if not await self._arena.may_watch(room, socket.game, socket.claims, socket.origin):
            raise Said("unknown_room", "There is no such room.")
        socket.room = room
        await self._arena.telling.enter(
            socket.game,
            room,
            socket.id,
            None,
            lambda look: [("game:spectate:joined", payloads.state(look.room, look.now_ms))],
        )

    async def _check_afk(self, socket: Socket, fields: Mapping[str, object]) -> None:
        room = text_of(fields, "roomId")
        if socket.room is None or room not in {None, socket.room}:
            raise Said("unknown_room", "There is no such room.")
        look = await self._arena.look(socket.room)
        status = afk_status(look.room.match)
        payload: Json = None
        if status is not None:
            payload = {"playerId": look.room.seats[status[0]].player_id, "expiresAt": status[1]}
        await self._say(socket, "afk:status", payload)

    async def _return(self, socket: Socket, match_id: str, who: tuple[str, str], *, is_new_page: bool) -> None:
        """Back in a match. A page that was loaded anew is told of it as of a new one."""
        seat = await self._arena.seat_in(match_id, *who)
        if seat is None:
            raise Said("not_in_session", "This player is not of this session.")
        await self._leave_other_queue(socket, *who)
        socket.who = who
        await self._arena.telling.leave(match_id, socket.id)  # whoever is in it already is told once
        await self._arena.sit(match_id, seat, socket.id)  # first: whoever is greeted is there
        await self._enter(socket, match_id, seat, *(["game:started"] if is_new_page else []), "game:reconnected")

    async def _enter(self, socket: Socket, match_id: str, seat: Seat, *greetings: str) -> None:
        if socket.room is not None and socket.room != match_id:
            await self._arena.telling.leave(socket.room, socket.id)
        waiting = socket.waiting
        self._wait(socket, None)
        socket.room, socket.seat = match_id, seat

        def greet(look: Look) -> list[tuple[str, Payload]]:
            whole = payloads.started(look.room, seat, look.now_ms)
            if look.room.match.end is not None:
                return [("game:reconnected", whole), ("game:over", payloads.over(look.room))]
            return [(event, whole) for event in greetings]

        try:
            await self._arena.telling.enter(socket.game, match_id, socket.id, seat, greet)
        except DatabaseUnavailable:
            self._wait(socket, waiting)  # it is greeted when the database is back
            raise
        else:
            if socket.claims is None and socket.who != socket.walked_in:  # whoever named the session has shown it
                self.engine.proves(socket.game, socket.id, await self._arena.tenant_at(match_id, seat))
        finally:
            await self._leave_if_gone(socket)

    async def _leave_if_gone(self, socket: Socket) -> None:
        """A connection may end while it speaks or enters."""
        if socket.id not in self._sockets and not self._is_closing:
            await self._part(socket)

    def _wait(self, socket: Socket, waiting: tuple[str, str] | None) -> None:
        if socket.waiting is not None and self._waiting.get(socket.waiting) is socket:
            del self._waiting[socket.waiting]
        socket.waiting = waiting
        if waiting is not None:
            self._waiting[waiting] = socket

    async def _give_way(self, older: Socket) -> None:
        """A newer connection of the same player waits in its place."""
        self._wait(older, None)
        await self._say(older, "matchmaking:left", {})

    async def _leave_other_queue(self, socket: Socket, session_id: str, player_id: str | None) -> None:
        """One connection waits in one place."""
        if socket.waiting is None or socket.waiting == (session_id, player_id or socket.waiting[1]):
            return
        match_id = await self._arena.stop_waiting(*socket.waiting, socket.id)
        if match_id is not None:
            await self.begin(match_id)
            raise Said("already_playing", "This connection is in a match already.")
        self._wait(socket, None)

    async def _stand_free(self, socket: Socket) -> None:
        """Leave what was watched, or played to its end."""
        if socket.room is None:
            return
        if await self._is_playing(socket):
            raise Said("already_playing", "This connection is in a match already.")
        await self._arena.telling.leave(socket.room, socket.id)
        socket.room = socket.seat = None

    async def _is_playing(self, socket: Socket) -> bool:
        if socket.room is None or socket.seat is None:
            return False
        return (await self._arena.look(socket.room)).room.match.end is None

    async def _part(self, socket: Socket) -> None:
        if socket.room is not None:
            await self._arena.telling.leave(socket.room, socket.id)
        waiting = socket.waiting
        self._wait(socket, None)
        try:
            if waiting is not None:
                match_id = await self._arena.stop_waiting(*waiting, socket.id)
                seat = None if match_id is None else await self._arena.seat_in(match_id, *waiting)
                if match_id is not None and seat is not None:
                    await self._arena.stand_up(match_id, seat, socket.id)
            if socket.room is not None and socket.seat is not None:
                await self._arena.stand_up(socket.room, socket.seat, socket.id)
        except DatabaseUnavailable:
            socket.waiting = waiting
            self._lost[socket.id] = socket

    async def _walk_in(self, socket: Socket, fields: Mapping[str, object]) -> tuple[str, str]:
        """Who brings no session has the one it came with before, or is away from, or gets a new one: of the tenant
        whose page it is.
        """
        player_id, who = text_of(fields, "playerId"), socket.walked_in
        if (
            who is not None
            and player_id in {None, who[1]}
            and (who == socket.waiting or await self._is_playing(socket))
        ):
            return who
        tenant = await self._arena.tenant_of_origin(socket.origin)
        if tenant is not None and player_id is not None:
            absent = await self._arena.session_of_absent(tenant[0], player_id, socket.game)
            if absent is not None:
                return absent, player_id
        mine = player_id or str(uuid4())
        try:
            order = walk_in_order(socket.game, mine, fields)
            session_id = await self._arena.walk_in(socket.origin, socket.address, order)
        except InvalidRequest as error:
            raise Said("malformed", error.message) from error
        if session_id is None:
            raise Said("session_required", "Send the sessionId that your backend was given, or its token.")
        socket.walked_in = session_id, mine
        return socket.walked_in

    def _own(self, socket: Socket, fields: Mapping[str, object]) -> tuple[str, Seat]:
        """The match that this socket plays. What it names must be its own."""
        room = text_of(fields, "roomId")
        if socket.room is None or room not in {None, socket.room}:
            raise Said("unknown_room", "This connection is not in that room.")
        if socket.seat is None:
            raise Said("spectator", "Whoever watches cannot play.")
        if socket.who is None or text_of(fields, "playerId") not in {None, socket.who[1]}:
            raise Said("not_your_seat", "That is the other player's seat.")
        return socket.room, socket.seat

    async def _say(self, socket: Socket, event: str, payload: Json) -> None:
        await self.engine.say(socket.game, socket.id, event, payload)

    async def _error(self, socket: Socket, code: str, message: str) -> None:
        await self._say(socket, "error", {"code": code, "message": message, "roomId": socket.room})
