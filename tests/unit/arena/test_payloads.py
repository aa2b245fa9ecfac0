"""What clients and tenants are told of a match, field by field."""

import pytest

from matches.events import DrawOffered, MoveSent, Resigned
from matches.state import Match, started
from matches.step import step
from matches.terms import documented_terms
from matches.values import Game
from orchestrator.arena import payloads
from orchestrator.arena.payloads import Room, Seated

SEATS = (Seated("ann", "Ann", "s1", "t", False), Seated("bob", "Bob", "s2", "t", False))
MOVES = {
    Game.CHESS: ("e4", "e5"),
    Game.CHECKERS: ({"from": 40, "to": 33}, {"from": 17, "to": 26}),
    Game.CONNECT4: (0, 1),
    Game.TICTACTOE: (0, 4),
}
FIELDS = {Game.CONNECT4: "column", Game.TICTACTOE: "position"}


def played(game: Game, *events: object) -> Room:
    match: Match = started(documented_terms(game), ("ann", "bob"), 1_000)
    for turn, move in enumerate(MOVES[game]):
        seat = 1 if turn else 0
        match, _ = step(match, MoveSent(seat, {FIELDS.get(game, "move"): move}), 2_000 + 1_000 * turn)
    assert len(match.plies) == 2
    return Room("room_1", match, SEATS)


@pytest.mark.parametrize("game", list(Game))
def test_a_move_carries_all_that_a_client_shows(game: Game) -> None:
    room = played(game)
    made = payloads.move_made(room, 1, room.match.clocks_ms)
    assert (made["roomId"], made["playerId"], made["currentTurn"]) == ("room_1", "bob", 0)
    history = made["moveHistory"]
    assert isinstance(history, list)
    assert [entry["timestamp"] for entry in history if isinstance(entry, dict)] == [2_000, 3_000]
    first = payloads.move_made(room, 0, room.match.clocks_ms)
    assert (first["currentTurn"], first["playerId"]) == (1, "ann")
    assert payloads.webhook_move(room, 0, None).keys() == first.keys() - {"moveHistory", "playerTimers"} | {
        "moveNumber"
    }


def test_each_game_has_its_own_fields() -> None:
    extra = {game: payloads.move_made(played(game), 0, (1, 2) if game == Game.CHESS else None) for game in Game}
    assert (extra[Game.TICTACTOE]["mark"], extra[Game.TICTACTOE]["position"]) == ("X", 0)
    assert extra[Game.CONNECT4]["lastMove"] == {"column": 0, "position": 35, "color": "red"}
    assert extra[Game.CHECKERS]["becameKing"] is False
    assert extra[Game.CHESS]["playerTimers"] == {"ann": 1, "bob": 2}


@pytest.mark.parametrize("game", list(Game))
def test_a_start_tells_each_player_their_own(game: Game) -> None:
    room = played(game)
    ann, bob = (payloads.started(room, seat, 4_000) for seat in (0, 1))
    assert (ann["playerId"], bob["playerId"]) == ("ann", "bob")
    assert (ann["color"], bob["color"]) == payloads.COLOURS[game]
    assert ("mark" in ann) == (game == Game.TICTACTOE)
    assert ann["afkTimeoutEnabled"] is True
    assert payloads.state(room, 4_000).items() <= ann.items()
    assert ("playerTimers" in ann) == (game == Game.CHESS)


@pytest.mark.parametrize("game", list(Game))
def test_the_end_is_told_with_its_result(game: Game) -> None:
    room = played(game)
    match, _ = step(room.match, Resigned(0), 5_000)
    over = payloads.over(Room(room.id, match, room.seats))
    assert (over["winner"], over["reason"], over["duration"], over["moveCount"]) == ("bob", "resignation", 4, 2)
    cells = {Game.TICTACTOE: "winningLine", Game.CONNECT4: "winningCells"}.get(game)
    assert cells is None or over[cells] is None
    assert ("pgn" in over) == (game == Game.CHESS)


def test_an_offer_and_times_of_ones_own_are_told() -> None:
    match, _ = step(played(Game.CHESS).match, DrawOffered(1), 4_000)
    told = payloads.started(Room("room_1", match, SEATS), 0, 4_000)
    assert told["drawOfferedBy"] == "bob"
    terms = documented_terms(Game.CHESS)
    idle = started(type(terms)(terms.game, None, terms.clock_ms), ("ann", "bob"), 0)
    assert payloads.started(Room("room_1", idle, SEATS), 0, 0)["afkTimeoutSeconds"] is None
