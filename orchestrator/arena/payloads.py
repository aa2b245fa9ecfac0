"""What sockets and tenants are told of a match, in the documented fields and in those that clients read. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from matches.rules import RULES
from matches.rules.pgn import pgn
from matches.state import Match, clocks_at, duration_ms
from matches.values import Game, Json, Ply, Seat

Payload = dict[str, Json]

COLOURS: Final[Mapping[Game, tuple[str, str]]] = {
    Game.CHESS: ("white", "black"),
    Game.CHECKERS: ("red", "black"),
    Game.CONNECT4: ("red", "yellow"),
    Game.TICTACTOE: ("X", "O"),
}


@dataclass(frozen=True, slots=True)
class Seated:
    """Who sits somewhere, and for whose session."""

    player_id: str
    display_name: str
    session_id: str
    tenant_id: str
    is_bot: bool


@dataclass(frozen=True, slots=True)
class Room:
    """A match with what is known of its players. `id` is what clients call the room."""

    id: str
    match: Match
    seats: tuple[Seated, Seated]

    @property
    def game(self) -> Game:
        return self.match.terms.game


def players(room: Room) -> list[Json]:
    """In the order of their seats, which `currentTurn` counts in."""
    return [_player(room, 0), _player(room, 1)]


def started(room: Room, seat: Seat, now_ms: int) -> Payload:
    """`game:started` and `game:reconnected` for one player: all that a client needs to show the match."""
    match, afk = room.match, room.match.terms.afk
    mine: Payload = {"playerId": room.seats[seat].player_id, "color": COLOURS[room.game][seat]}
    if room.game == Game.TICTACTOE:
        mine |= {"mark": COLOURS[room.game][seat], "symbol": COLOURS[room.game][seat]}
    return {
        **state(room, now_ms),
        **mine,
        "afkTimeoutEnabled": afk is not None,
        "afkTimeoutSeconds": None if afk is None else afk.timeout_ms // 1000,
        "afkWarnSeconds": None if afk is None else afk.warn_ms // 1000,
        "drawOfferedBy": None if match.draw_offer is None else room.seats[match.draw_offer].player_id,
    }


def state(room: Room, now_ms: int) -> Payload:
    """The match as anybody may see it: `game:spectate:joined`."""
    match = room.match
    return {
        "roomId": room.id,
        "players": players(room),
        **_position(room.game, match.position),
        "currentTurn": match.turn,
        "moveHistory": move_history(room, len(match.plies)),
        **timers(room, clocks_at(match, now_ms)),
    }


def move_made(room: Room, ply: int, clocks_ms: tuple[int, int] | None) -> Payload:
    """`game:move:made` for the ply of this number, from 0."""
    made = room.match.plies[ply]
    mover: Seat = 1 if ply % 2 else 0
    move = made.move.wire()
    payload: Payload = {
        "roomId": room.id,
        "playerId": room.seats[mover].player_id,
        "move": move,
        **_position(room.game, made.after),
        "currentTurn": 1 - mover,
        "moveHistory": move_history(room, ply + 1),
        **timers(room, clocks_ms),
    }
    match room.game:
        case Game.TICTACTOE:
            mark = COLOURS[room.game][mover]
            payload |= {"position": move["position"], "mark": mark, "symbol": mark}
        case Game.CONNECT4:
            payload |= {"lastMove": {**move, "color": COLOURS[room.game][mover]}, "column": move["column"]}
        case Game.CHECKERS:
            payload |= {"becameKing": made.move.row()["becomesKing"]}
        case _:
            payload |= {"lastMove": move}
    return payload


def move_history(room: Room, length: int) -> list[Json]:
    """The first `length` plies: `{move, playerId, timestamp}`, the time in ms since 1970."""
    return [_entry(room, index, ply) for index, ply in enumerate(room.match.plies[:length])]


def timers(room: Room, clocks_ms: tuple[int, int] | None) -> Payload:
    """`timer:update`: what each side has left, in ms. Empty in a game without clocks."""
    if clocks_ms is None:
        return {}
    return {"playerTimers": {seat.player_id: left for seat, left in zip(room.seats, clocks_ms, strict=True)}}


def over(room: Room) -> Payload:
    """`game:over`. The match has ended."""
    end = room.match.end
    assert end is not None, "only what has ended is over"
    cells: Json = list(end.cells) if end.cells else None
    extra: Payload = {}
    match room.game:
        case Game.TICTACTOE:
            extra = {"winningLine": cells}
        case Game.CONNECT4:
            extra = {"winningCells": cells}
        case Game.CHESS:
            extra = {"pgn": _pgn(room)}
        case _:
            pass
    return {"roomId": room.id, **result(room), **extra}


def result(room: Room) -> Payload:
    """The session's `result`; `duration` is in seconds."""
    match, end = room.match, room.match.end
    assert end is not None, "only what has ended has a result"
    found: Payload = {
        "winner": None if end.winner is None else room.seats[end.winner].player_id,
        "reason": end.reason.value,
        "duration": round(duration_ms(match) / 1000),
        "moveCount": len(match.plies),
        **_position(room.game, match.position),
    }
    return found | {"pgn": _pgn(room)} if room.game == Game.CHESS else found


def webhook_move(room: Room, ply: int, clocks_ms: tuple[int, int] | None) -> Payload:
    """`data` of `game.move`: as sockets see it, but for the whole history."""
    return {key: value for key, value in move_made(room, ply, clocks_ms).items() if key != "moveHistory"} | {
        "moveNumber": ply + 1
    }


def _player(room: Room, seat: Seat) -> Payload:
    who, colour = room.seats[seat], COLOURS[room.game][seat]
    entry: Payload = {
        "id": who.player_id,
        "username": who.display_name,
        "displayName": who.display_name,
        "color": colour,
        "isBot": who.is_bot,
    }
    return entry | {"mark": colour, "symbol": colour} if room.game == Game.TICTACTOE else entry


def _position(game: Game, after: str) -> Payload:
    board = RULES[game].board(after)
    return {"fen": board} if game == Game.CHESS else {"board": board}


def _entry(room: Room, index: int, ply: Ply) -> Json:
    mover = room.seats[index % 2]
    wire = ply.move.wire()
    extra = wire if room.game in {Game.CONNECT4, Game.TICTACTOE} else {}
    return {**extra, "move": wire, "playerId": mover.player_id, "timestamp": ply.at_ms}


def _pgn(room: Room) -> str:
    end = room.match.end
    return pgn(room.match.plies, end is not None, None if end is None else end.winner)
