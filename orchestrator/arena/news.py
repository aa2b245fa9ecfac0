"""What follows from a match's effects: what sockets have to hear, and what tenants' webhooks tell. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from matches.events import (
    AfkCleared,
    AfkWarned,
    Disconnected,
    DrawDeclined,
    DrawOffered,
    Effect,
    Ended,
    MoveMade,
    Reconnected,
    Refused,
)
from matches.values import Game, Json, Reason, other
from orchestrator.arena import payloads
from orchestrator.arena.payloads import Payload, Room

_GAMES_WITH_AFK_WEBHOOKS: Final = {Game.CHESS, Game.CHECKERS}


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that sockets have to hear, the `seq`th of its match."""

    seq: int
    kind: str
    body: Payload


_KINDS: Final[Mapping[type[Effect], str]] = {
    AfkWarned: "afk_warned",
    AfkCleared: "afk_cleared",
    DrawOffered: "draw_offered",
    DrawDeclined: "draw_declined",
    Disconnected: "left",
    Reconnected: "back",
}


def told_of(room: Room, effect: Effect, socket_id: str | None) -> tuple[str, Payload] | None:
    """An effect as sockets are told of it. A refusal is told to its sender alone."""
    match effect:
        case MoveMade():
            clocks = room.match.clocks_ms
            return "move", {"ply": _number(room, effect), "clocksMs": None if clocks is None else list(clocks)}
        case Ended():
            return "over", {}
        case Refused():
            return None
        case _:
            body: Payload = {"seat": effect.seat}
            if isinstance(effect, AfkWarned):
                body["secondsRemaining"] = effect.seconds_remaining
            elif isinstance(effect, Disconnected):
                body["socketId"] = socket_id
            return _KINDS[type(effect)], body


def _number(room: Room, made: MoveMade) -> int:
    """Which ply it was, from 0."""
    return next(index for index, ply in enumerate(room.match.plies) if ply is made.ply)


def webhooks_of(room: Room, effect: Effect) -> Iterable[tuple[str, Payload]]:
    """What tenants are told of an effect: event and `data`."""
    match effect:
        case MoveMade(seat, _, facts):
            player_id: Json = room.seats[seat].player_id
            yield "game.move", payloads.webhook_move(room, _number(room, effect), room.match.clocks_ms)
            for fact in facts:
                key = "attackingPlayerId" if (room.game, fact.name) == (Game.CHESS, "check") else "playerId"
                yield f"{room.game.value}.{fact.name}", {key: player_id, **fact.data()}
        case AfkWarned(seat, seconds) if room.game in _GAMES_WITH_AFK_WEBHOOKS:
            body: Payload = {"playerId": room.seats[seat].player_id, "secondsRemaining": seconds}
            yield f"{room.game.value}.afk_warning", body
        case Ended(end):
            is_afk = end.reason == Reason.AFK_TIMEOUT and room.game in _GAMES_WITH_AFK_WEBHOOKS
            if is_afk and end.winner is not None:
                winner, loser = room.seats[end.winner], room.seats[other(end.winner)]
                forfeit: Payload = {"forfeitedPlayerId": loser.player_id, "winnerId": winner.player_id}
                yield f"{room.game.value}.afk_timeout", forfeit
            yield "game.ended", payloads.result(room)
        case _:
            return
