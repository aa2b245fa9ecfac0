"""What follows from an effect for sockets and for webhooks."""

from typing import Any

import pytest

from matches.events import (
    AfkCleared,
    AfkWarned,
    Disconnected,
    DrawDeclined,
    DrawOffered,
    Effect,
    Event,
    Looked,
    MoveSent,
    Reconnected,
    Refused,
    Resigned,
)
from matches.refusals import Refusal
from matches.state import Match, started
from matches.step import step
from matches.terms import documented_terms
from matches.values import Game, Seat
from orchestrator.arena.news import told_of, webhooks_of
from orchestrator.arena.payloads import Room, Seated

SEATS = (Seated("ann", "Ann", "s1", "t", False), Seated("bob", "Bob", "s2", "t", False))


def after(game: Game, *events: tuple[int, Event]) -> tuple[Room, tuple[Effect, ...]]:
    """The match after these, and the last one's effects."""
    match: Match = started(documented_terms(game), ("ann", "bob"), 0)
    effects: tuple[Effect, ...] = ()
    for at_ms, event in events:
        match, effects = step(match, event, at_ms)
    return Room("room_1", match, SEATS), effects


def move(seat: Seat, **payload: Any) -> MoveSent:
    return MoveSent(seat, payload)


@pytest.mark.parametrize(
    ("effect", "kind", "body"),
    [
        (AfkWarned(1, 20), "afk_warned", {"seat": 1, "secondsRemaining": 20}),
        (AfkCleared(0), "afk_cleared", {"seat": 0}),
        (DrawOffered(0), "draw_offered", {"seat": 0}),
        (DrawDeclined(1), "draw_declined", {"seat": 1}),
        (Disconnected(1), "left", {"seat": 1, "socketId": "socket"}),
        (Reconnected(1), "back", {"seat": 1}),
    ],
)
def test_what_one_player_did_names_the_seat(effect: Effect, kind: str, body: dict[str, Any]) -> None:
    room, _ = after(Game.CHESS)
    assert told_of(room, effect, "socket") == (kind, body)
    has_webhook = isinstance(effect, AfkWarned)
    assert bool(list(webhooks_of(room, effect))) == has_webhook


def test_a_refusal_is_told_to_nobody_else() -> None:
    room, _ = after(Game.CHESS)
    refused = Refused(0, Refusal.ILLEGAL_MOVE)
    assert told_of(room, refused, None) is None
    assert list(webhooks_of(room, refused)) == []


def test_a_move_is_told_with_its_facts_and_clocks() -> None:
    moves = [(1_000, move(0, move="f3")), (2_000, move(1, move="e5")), (3_000, move(0, move="g4"))]
    room, effects = after(Game.CHESS, *moves, (4_000, move(1, move="Qh4")))
    told = [told_of(room, effect, None) for effect in effects]
    assert told == [("move", {"ply": 3, "clocksMs": [598_000, 598_000]}), ("over", {})]
    webhooks = [hook for effect in effects for hook in webhooks_of(room, effect)]
    assert [name for name, _ in webhooks] == ["game.move", "chess.check", "game.ended"]
    assert webhooks[0][1]["moveNumber"] == 4
    assert webhooks[1][1] == {"attackingPlayerId": "bob", "move": "d8h4#"}
    assert webhooks[2][1]["winner"] == "bob"


def test_other_facts_name_the_player() -> None:
    turns = ((0, 0), (1, 1), (0, 0), (1, 1), (0, 0))
    events = [(1_000 * at, move(1 if seat else 0, column=column)) for at, (seat, column) in enumerate(turns, 1)]
    room, effects = after(Game.CONNECT4, *events)
    names = [name for effect in effects for name, _ in webhooks_of(room, effect)]
    assert names == ["game.move", "connect4.threat"]
    [(_, threat)] = [hook for effect in effects for hook in webhooks_of(room, effect) if hook[0] != "game.move"]
    assert threat == {"playerId": "ann", "column": 0, "direction": "vertical"}
    assert told_of(room, effects[0], None) == ("move", {"ply": 4, "clocksMs": None})


@pytest.mark.parametrize("game", list(Game))
def test_an_idle_end_is_told_twice_where_that_is_documented(game: Game) -> None:
    room, effects = after(game, (120_000, Looked()))
    names = [name for effect in effects for name, _ in webhooks_of(room, effect)]
    is_documented = game in {Game.CHESS, Game.CHECKERS}
    assert names == [*([f"{game.value}.afk_timeout"] if is_documented else []), "game.ended"]


def test_warnings_have_webhooks_where_that_is_documented() -> None:
    room, effects = after(Game.CHECKERS, (61_000, Looked()))
    assert [hook for effect in effects for hook in webhooks_of(room, effect)] == [
        ("checkers.afk_warning", {"playerId": "ann", "secondsRemaining": 29})
    ]
    room, effects = after(Game.TICTACTOE, (41_000, Looked()))
    assert [hook for effect in effects for hook in webhooks_of(room, effect)] == []


def test_a_resignation_ends_without_more() -> None:
    room, effects = after(Game.CHESS, (1_000, Resigned(0)))
    assert [name for effect in effects for name, _ in webhooks_of(room, effect)] == ["game.ended"]
