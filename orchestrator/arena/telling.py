"""Who on this replica listens to which match, and what they hear: the rows of `arena_events`, each once and in order.

A match's news comes from this replica's own changes with their events in hand, from others by a notice; then the events
are read. Nothing is decided here.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from matches.values import Game, Json, Seat
from orchestrator.arena import payloads
from orchestrator.arena.happening import Happened, topic_of
from orchestrator.arena.ledger import Ledger, Look
from orchestrator.arena.news import Told
from orchestrator.arena.payloads import Payload, Room
from orchestrator.errors import DatabaseUnavailable, NotFound
from orchestrator.notices import Notices, Subscription

log = structlog.get_logger()

SEATS: Final[tuple[Seat, Seat]] = (0, 1)

_REREAD_S = 30.0
_BATCH = 500
_MOST_AT_ONCE = 64

Greeting = Callable[[Look], Sequence[tuple[str, Payload]]]


class Voice(Protocol):
    """How one speaks to sockets. Rooms are names; a socket is a room of its own."""

    async def say(self, game: Game, to: str, event: str, payload: Json) -> None: ...
    async def enter(self, game: Game, socket_id: str, room: str) -> None: ...
    async def leave(self, game: Game, socket_id: str, room: str) -> None: ...


class _News(Subscription):
    """Puts its match among those with news when it is notified."""

    def __init__(self, match_id: str, stale: set[str], has_news: asyncio.Event) -> None:
        super().__init__()
        self._match_id, self._stale, self._has_news = match_id, stale, has_news

    def notify(self) -> None:
        self._stale.add(self._match_id)
        self._has_news.set()


@dataclass
class _Listened:
    """A match that sockets of this replica listen to; they have heard the first `told` events, when that is known."""

    game: Game
    news: _News
    told: int | None = None
    sockets: set[str] = field(default_factory=set)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Telling:
    def __init__(self, ledger: Ledger, notices: Notices, voice: Voice) -> None:
        self._ledger = ledger
        self._notices = notices
        self._voice = voice
        self._listened: dict[str, _Listened] = {}
        self._stale: set[str] = set()
        self._has_news = asyncio.Event()

    async def enter(self, game: Game, match_id: str, socket_id: str, seat: Seat | None, greet: Greeting) -> None:
        """From now on this socket hears what happens in the match; first of all what `greet` makes of it now. A player
        has a `seat`, a spectator has none. NotFound.
        """
        listened = self._listened.get(match_id)
        if listened is None:
            listened = _Listened(game, _News(match_id, self._stale, self._has_news))
            self._listened[match_id] = listened
            self._notices.add(topic_of(match_id), listened.news)
        listened.sockets.add(socket_id)
        async with listened.turn:
            look = await self._look(listened, match_id, socket_id)
            for room in _rooms(match_id, seat):
                await self._voice.enter(listened.game, socket_id, room)
            for event, payload in greet(look):
                await self._voice.say(listened.game, socket_id, event, payload)

    async def _look(self, listened: _Listened, match_id: str, socket_id: str) -> Look:
        """The match as it is, after everybody has heard of it."""
        if listened.told is not None:
            found = await self._ledger.told_since({match_id: listened.told})
            if match_id not in found:
                raise NotFound("There is no such room.")
            look, told = found[match_id]
            await self._tell(listened, look.room, look.now_ms, told)
            return look
        try:
            look = await self._ledger.look(match_id)
        except (DatabaseUnavailable, NotFound):
            await self.leave(match_id, socket_id)
            raise
        listened.told = look.seq
        return look

    async def leave(self, match_id: str, socket_id: str) -> None:
        """It hears no more of the match."""
        listened = self._listened.get(match_id)
        if listened is None:
            return
        listened.sockets.discard(socket_id)
        for room in (*_rooms(match_id, 0), *_rooms(match_id, 1)):
            await self._voice.leave(listened.game, socket_id, room)
        if not listened.sockets and self._listened.get(match_id) is listened:
            del self._listened[match_id]
            self._notices.remove(topic_of(match_id), listened.news)

    async def tell(self, happened: Happened) -> None:
        """What this replica did to a match, after its commit."""
        listened = self._listened.get(happened.room.id)
        if listened is None or not happened.told:
            return
        async with listened.turn:
            first, last = happened.told[0].seq, happened.told[-1].seq
            if listened.told is None or last <= listened.told:
                return  # whoever is about to enter is told the whole
            if first == listened.told + 1:
                await self._tell(listened, happened.room, happened.now_ms, happened.told)
                return
        await self._catch_up([happened.room.id])

    async def run(self) -> None:
        """Tells what other replicas did, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(_REREAD_S):
                    await self._has_news.wait()
            except TimeoutError:
                await self.look_again()
            self._has_news.clear()
            while self._stale:
                await self._catch_up([self._stale.pop() for _ in range(min(_MOST_AT_ONCE, len(self._stale)))])

    async def look_again(self) -> None:
        """Find what no notice has told of; `run` tells it."""
        told = [(match_id, each.told) for match_id, each in self._listened.items() if each.told is not None]
        try:
            for start in range(0, len(told), _BATCH):
                self._stale.update(await self._ledger.with_news(dict(told[start : start + _BATCH])))
        except DatabaseUnavailable:
            return  # the next time, then
        self._has_news.set()

    async def _catch_up(self, match_ids: Sequence[str]) -> None:
        """Tell what is new of these. What cannot be read is told with the next news, or when everything is read again:
        one that never can keeps no other from being told.
        """
        listened = {match_id: each for match_id in match_ids if (each := self._listened.get(match_id))}
        for each in listened.values():
            if each.told is None:
                async with each.turn:
                    pass  # whoever enters first is looking at it right now, perhaps just before this news
        known = {match_id: each.told for match_id, each in listened.items() if each.told is not None}
        try:
            found = await self._ledger.told_since(known) if known else {}
        except DatabaseUnavailable:
            return
        except Exception:
            log.exception("arena.news_mistake", matches=len(known))
            if len(known) > 1:
                for match_id in known:
                    await self._catch_up([match_id])
            return
        news = [self._tell_news(match_id, look, told) for match_id, (look, told) in found.items()]
        await asyncio.gather(*news)

    async def _tell_news(self, match_id: str, look: Look, told: Sequence[Told]) -> None:
        listened = self._listened.get(match_id)
        if listened is not None:
            async with listened.turn:
                await self._tell(listened, look.room, look.now_ms, told)

    async def _tell(self, listened: _Listened, room: Room, now_ms: int, told: Sequence[Told]) -> None:
        for each in told:
            if listened.told is None or each.seq <= listened.told:
                continue
            listened.told = each.seq
            for to, event, payload in _heard(room, each, now_ms):
                await self._voice.say(listened.game, to, event, payload)


def everybody(match_id: str) -> str:
    return match_id


def at_seat(match_id: str, seat: int) -> str:
    return f"{match_id}:{seat}"


def _rooms(match_id: str, seat: Seat | None) -> Sequence[str]:
    return [everybody(match_id)] if seat is None else [everybody(match_id), at_seat(match_id, seat)]


def _heard(room: Room, told: Told, now_ms: int) -> Sequence[tuple[str, str, Payload]]:
    """To which room which event is sent with what."""
    all_of_them, game = everybody(room.id), room.game.value
    match told.kind:
        case "started":
            return []  # whoever enters is greeted with the match
        case "move":
            return _move_heard(room, told.body)
        case "over":
            return [(all_of_them, "game:over", payloads.over(room))]
        case "afk_cleared":
            return [(all_of_them, f"{game}:afk_warning_cleared", {})]
        case "afk_warned":
            warning = {**_who(room, told), "secondsRemaining": told.body["secondsRemaining"]}
            return [(all_of_them, f"{game}:afk_warning", warning)]
        case _:
            return _of_one_side(room, told, now_ms)


def _of_one_side(room: Room, told: Told, now_ms: int) -> Sequence[tuple[str, str, Payload]]:
    """What one player did and the other has to know."""
    opponent, who = at_seat(room.id, 1 if told.body["seat"] == 0 else 0), _who(room, told)
    match told.kind:
        case "draw_offered":
            return [(opponent, "game:draw:offered", {"roomId": room.id, **who})]
        case "draw_declined":
            return [(opponent, "game:draw:declined", {"roomId": room.id, **who})]
        case "left":
            return [(opponent, "player:disconnected", {"socketId": told.body["socketId"], **who})]
        case "back":
            whole = [
                (at_seat(room.id, each), "game:reconnected", payloads.started(room, each, now_ms)) for each in SEATS
            ]
            return [*whole, (opponent, "player:reconnected", who)]
        case _:
            log.error("arena.unknown_event", kind=told.kind)
            return []


def _move_heard(room: Room, body: Payload) -> Sequence[tuple[str, str, Payload]]:
    ply, clocks = _whole(body["ply"]), body["clocksMs"]
    pair = (_whole(clocks[0]), _whole(clocks[1])) if isinstance(clocks, list) else None
    made = (everybody(room.id), "game:move:made", payloads.move_made(room, ply, pair))
    return [made] if pair is None else [made, (everybody(room.id), "timer:update", payloads.timers(room, pair))]


def _who(room: Room, told: Told) -> Payload:
    return {"playerId": room.seats[1 if told.body["seat"] else 0].player_id}


def _whole(value: Json) -> int:
    assert isinstance(value, int), "rows of ours"
    return value
