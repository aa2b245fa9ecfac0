"""Whatever strangers and players send is answered by a named error, and changes no board."""

import asyncio
import json
from typing import Any

import httpx
import jwt
import pytest
import socketio.exceptions
from sqlalchemy import func, select

from orchestrator.arena.models import ArenaMove
from orchestrator.services import Services
from tests.integration.orchestrator.arena.conftest import Backend, new_backend
from tests.integration.orchestrator.arena.players import Client, Clients


async def match(clients: Clients, backend: Backend, game: str = "tictactoe") -> tuple[Client, Client, dict[str, Any]]:
    """Ann, Bob and their session; in this game Ann begins."""
    session = await backend.session(game, "ann", "bob", matchType="private")
    ann, bob = [await clients.connected(game, session["sessionToken"]) for _ in range(2)]
    await ann.join(session, "ann")
    await ann.hears("matchmaking:waiting")
    await bob.join(session, "bob")
    await bob.hears("game:started")
    return ann, bob, session | {"roomId": (await ann.hears("game:started"))["roomId"]}


async def test_a_board_takes_nothing_but_a_legal_move_of_who_is_on_the_move(
    clients: Clients, backend: Backend, services: Services
) -> None:
    ann, bob, session = await match(clients, backend)
    room = session["roomId"]
    for fields, code in (
        ({"roomId": room, "position": 9}, "malformed_move"),
        ({"roomId": room, "position": "0"}, "malformed_move"),
        ({"roomId": room}, "malformed_move"),
        ("position", "malformed"),
        (None, "malformed_move"),
        ({"roomId": "room_of_others", "position": 0}, "unknown_room"),
        ({"roomId": 7, "position": 0}, "malformed"),
        ({"roomId": room, "playerId": "bob", "position": 0}, "not_your_seat"),
    ):
        await ann.say("game:move", fields)
        assert await ann.refusal() == code, fields
    await bob.say("game:move", {"roomId": room, "position": 0})
    assert await bob.refusal() == "not_your_turn"
    await ann.say("game:move", {"roomId": room, "position": 0})
    await ann.say("game:move", {"roomId": room, "position": 1})
    assert await ann.refusal() == "not_your_turn"
    await bob.say("game:move", {"roomId": room, "position": 0})
    assert await bob.refusal() == "cell_taken"
    async with services.database.read() as session_:
        assert await session_.scalar(select(func.count()).select_from(ArenaMove)) == 1


async def test_nobody_else_takes_a_seat(clients: Clients, backend: Backend, services: Services) -> None:
    _, _, session = await match(clients, backend)
    third = await clients.connected("tictactoe")
    await third.join(session, "sam")
    assert await third.refusal() == "not_in_session"
    await third.say("matchmaking:join", {"username": "x"})
    assert await third.refusal() == "session_required"
    await third.say("matchmaking:join", {"sessionId": "nothing", "playerId": "ann"})
    assert await third.refusal() == "session_not_found"
    await third.say("game:reconnect", {"playerId": "ann"})
    assert await third.refusal() == "unauthorized"
    await third.say("game:spectate", {"roomId": session["roomId"], "username": "x"})
    assert await third.refusal() == "unknown_room"
    await third.say("game:explode", {})
    assert await third.refusal() == "unknown_event"
    chess = await clients.connected("chess")
    await chess.join(session, "ann")
    assert await chess.refusal() == "session_not_found"
    stranger = await new_backend(services, backend.http, "Other Games")
    foreign = await stranger.session("tictactoe", "ann")
    watcher = await clients.connected("tictactoe", foreign["sessionToken"])
    await watcher.say("game:spectate", {"roomId": session["roomId"], "username": "x"})
    assert await watcher.refusal() == "unknown_room"
    await watcher.join(session, "ann")
    assert await watcher.refusal() == "unauthorized"


async def test_forged_tokens_open_no_connection(clients: Clients, backend: Backend) -> None:
    session = await backend.session("tictactoe", "ann")
    claims = jwt.decode(session["sessionToken"], options={"verify_signature": False})
    for token in (jwt.encode(claims, "x" * 32, algorithm="HS256"), jwt.encode(claims, "", algorithm="none"), "x"):
        with pytest.raises(socketio.exceptions.ConnectionError):
            await clients.connected("tictactoe", token)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await clients.connected("poker")


async def test_floods_are_slowed_down_and_then_ended(clients: Clients, backend: Backend) -> None:
    ann, bob, session = await match(clients, backend)
    for _ in range(300):
        await ann.say("afk:check", {"roomId": session["roomId"]})
    assert await ann.refusal() == "rate_limited"
    assert (await bob.hears("player:disconnected"))["playerId"] == "ann"
    assert ann.heard("afk:status") <= 60


async def test_a_message_that_is_too_long_ends_its_connection(clients: Clients, backend: Backend) -> None:
    ann, bob, _ = await match(clients, backend)
    await ann.say("game:move", {"position": "x" * 1_000_000})
    assert (await bob.hears("player:disconnected"))["playerId"] == "ann"


async def test_a_message_that_is_too_long_is_refused_where_one_polls(arena_url: str) -> None:
    async with httpx.AsyncClient(base_url=arena_url) as client:
        opened = await client.get("/socket.io/", params={"EIO": "4", "transport": "polling"})
        query = {"EIO": "4", "transport": "polling", "sid": json.loads(opened.text[1:])["sid"]}
        assert (await client.post("/socket.io/", params=query, content="4" * 1_000_000)).status_code == 413
        assert (await client.post("/socket.io/", params=query, content="40/chess,")).status_code == 200


async def test_two_who_move_at_once_make_one_move(clients: Clients, backend: Backend, services: Services) -> None:
    ann, bob, session = await match(clients, backend)
    twin = await clients.connected("tictactoe", session["sessionToken"])
    await twin.say("game:reconnect", {"playerId": "ann"})
    await twin.hears("game:reconnected")
    moves = ({"roomId": session["roomId"], "playerId": "ann", "position": position} for position in (0, 1))
    await asyncio.gather(*(each.say("game:move", move) for each, move in zip((ann, twin), moves, strict=True)))
    made = await bob.hears("game:move:made")
    assert sum(cell is not None for cell in made["board"]) == 1
    refusals = [asyncio.create_task(each.refusal()) for each in (ann, twin)]
    done, late = await asyncio.wait(refusals, return_when=asyncio.FIRST_COMPLETED)
    assert [await each for each in done] == ["not_your_turn"]
    for each in late:
        each.cancel()
    async with services.database.read() as reading:
        assert await reading.scalar(select(func.count()).select_from(ArenaMove)) == 1
