"""Whatever strangers and players send is answered by a named error, and changes no board."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
import pytest
import socketio.exceptions
from litestar import Litestar
from sqlalchemy import func, select
from structlog.testing import capture_logs

from orchestrator.arena import allowance
from orchestrator.arena.admission import Player
from orchestrator.arena.engine import MOST_QUEUED
from orchestrator.arena.models import ArenaMove, ArenaSession, ArenaWaiting
from orchestrator.arena.session_tokens import LIFETIME
from orchestrator.services import Services
from tests.integration.orchestrator.arena.conftest import Backend, new_backend
from tests.integration.orchestrator.arena.players import Client, Clients, until


@dataclass
class Polling:
    """A client that speaks Engine.IO by hand."""

    http: httpx.AsyncClient
    query: dict[str, str]

    async def send(self, *packets: str) -> int:
        answer = await self.http.post("/socket.io/", params=self.query, content="\x1e".join(packets))
        return answer.status_code

    async def hear(self) -> str:
        return (await self.http.get("/socket.io/", params=self.query)).text


@asynccontextmanager
async def polling(url: str) -> AsyncGenerator[Polling]:
    query = {"EIO": "4", "transport": "polling"}
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        opened = await client.get("/socket.io/", params=query)
        yield Polling(client, query | {"sid": json.loads(opened.text[1:])["sid"]})


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


async def test_an_expired_token_opens_nothing_that_has_not_begun(
    clients: Clients, backend: Backend, services: Services
) -> None:
    session = await backend.session("tictactoe", "ann")
    now = datetime.now(UTC)
    old, good = [
        services.session_tokens.issue(
            session["sessionId"], "tictactoe", "live", "matchmaking", [Player("ann", "Ann")], {}, "ann", at
        )
        for at in (now - 2 * LIFETIME, now)
    ]
    with pytest.raises(socketio.exceptions.ConnectionError):
        await clients.connected("tictactoe", old)
    answer = await backend.http.get(f"/v1/sessions/validate?token={old}")
    assert (answer.status_code, answer.json()) == (401, {"error": "Invalid or expired session token"})
    ann = await clients.connected("tictactoe", good)
    await ann.join(session, "ann")
    await ann.hears("matchmaking:waiting")


@pytest.fixture
def spent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has said what they may says no more, however long the saying takes."""
    monkeypatch.setattr(allowance, "A_SECOND", 0.0)


@pytest.mark.usefixtures("spent")
@pytest.mark.parametrize("event", ["afk:check", "game:move", "matchmaking:join"])
async def test_floods_are_slowed_down_and_then_ended(
    clients: Clients, backend: Backend, services: Services, event: str
) -> None:
    ann, bob, session = await match(clients, backend)
    fields = {"roomId": session["roomId"], "sessionId": session["sessionId"], "playerId": "ann", "username": "Ann"}
    for _ in range(300):
        await ann.say(event, fields | {"position": 0})
    while await ann.refusal() != "rate_limited":
        pass
    assert (await bob.hears("player:disconnected"))["playerId"] == "ann"
    assert sum(ann.heard(answer) for answer in ("afk:status", "game:move:made", "game:started")) <= allowance.BURST
    async with services.database.read() as reading:
        moves = await reading.scalar(select(func.count()).select_from(ArenaMove))
    assert moves == (event == "game:move")


async def test_a_message_that_is_too_long_ends_its_connection(clients: Clients, backend: Backend) -> None:
    ann, bob, _ = await match(clients, backend)
    await ann.say("game:move", {"position": "x" * 1_000_000})
    assert (await bob.hears("player:disconnected"))["playerId"] == "ann"


async def test_a_message_that_is_too_long_is_refused_where_one_polls(arena_url: str) -> None:
    async with polling(arena_url) as poll:
        assert await poll.send("4" * 1_000_000) == 413
        assert await poll.send("40/chess,") == 200


async def test_bytes_are_not_collected(arena_url: str) -> None:
    async with polling(arena_url) as poll:
        assert await poll.send("40/chess,", '45999999-/chess,["game:move",{"_placeholder":true,"num":0}]') == 200
        assert await poll.send('42/chess,["game:explode"]') == 200
        heard = await poll.hear()
        while "unknown_event" not in heard:
            heard += await poll.hear()
    assert "unknown_room" in heard


@pytest.mark.usefixtures("spent")
async def test_who_connects_again_and_again_is_refused(arena_url: str) -> None:
    async with polling(arena_url) as poll:
        for _ in range(6):
            assert await poll.send(*["40/chess,", "41/chess,"] * 8) == 200
        assert "rate_limited" in await poll.hear()


async def test_who_takes_nothing_of_what_is_sent_is_cut_off(arena_url: str, backend: Backend) -> None:
    session = await backend.session("tictactoe", "ann", matchType="bot")
    join = json.dumps(["matchmaking:join", {"playerId": "ann", "sessionId": session["sessionId"]}])
    with capture_logs() as logs:
        async with polling(arena_url) as poll:
            await poll.send("40/tictactoe,", f"42/tictactoe,{join}")
            heard = await poll.hear()
            while "game:started" not in heard:
                heard += await poll.hear()
            sent = 0
            while await poll.send(*["40/poker,"] * 16) == 200:
                sent += 16
            assert MOST_QUEUED - 16 <= sent <= MOST_QUEUED + 16
    [cut_off] = [line for line in logs if line["event"] == "arena.too_slow"]
    assert f'"roomId":"{cut_off["rooms"][0]}"' in heard
    assert cut_off["connection"]
    assert poll.query["sid"] not in str(logs)


async def test_who_is_gone_while_they_join_waits_for_nobody(
    arena_url: str, backend: Backend, services: Services
) -> None:
    session = await backend.session("tictactoe", "ann")
    join = json.dumps(["matchmaking:join", {"playerId": "ann", "sessionId": session["sessionId"]}])
    async with polling(arena_url) as poll:
        await poll.send("40/tictactoe,")
        async with services.database.write() as holding:
            await holding.scalars(select(ArenaSession).with_for_update())
            joining = asyncio.create_task(poll.send(f"42/tictactoe,{join}"))
            await asyncio.sleep(0.1)  # whether it has come so far or not, it is not done
            assert await poll.send("1") == 200
        await joining
    await until(lambda: nobody_waits(services))


async def nobody_waits(services: Services) -> bool:
    return not await waiting(services)


async def waiting(services: Services) -> list[str]:
    async with services.database.read() as session:
        return list(await session.scalars(select(ArenaWaiting.player_id).order_by(ArenaWaiting.player_id)))


async def test_one_connection_waits_in_one_place(clients: Clients, backend: Backend, services: Services) -> None:
    sessions = {name: await backend.session("tictactoe", name) for name in ("ann", "eve", "bob")}
    both, bob = [await clients.connected("tictactoe") for _ in range(2)]
    for name in ("ann", "eve"):
        await both.join(sessions[name])
        assert await both.hears("matchmaking:waiting") == {"playerId": name, "position": 1}
        assert await waiting(services) == [name]
    await bob.join(sessions["bob"])
    assert [player["id"] for player in (await bob.hears("game:started"))["players"]] == ["eve", "bob"]
    assert (await both.hears("game:started"))["playerId"] == "eve"


async def test_who_comes_back_to_a_match_waits_for_no_other(
    clients: Clients, backend: Backend, services: Services
) -> None:
    _, _, playing = await match(clients, backend)
    other = await backend.session("tictactoe", "eve")
    ann = await clients.connected("tictactoe")
    await ann.join(other)
    await ann.hears("matchmaking:waiting")
    await ann.say("game:reconnect", {"playerId": "ann", "sessionId": playing["sessionId"]})
    assert (await ann.hears("game:reconnected"))["roomId"] == playing["roomId"]
    assert await waiting(services) == []


async def test_nobody_is_both_players(clients: Clients, backend: Backend) -> None:
    session = await backend.session("tictactoe", "ann", "bob", matchType="private")
    both, ann = [await clients.connected("tictactoe") for _ in range(2)]
    for name in ("ann", "bob"):
        await both.join(session, name)
        assert (await both.hears("matchmaking:waiting"))["playerId"] == name
    await ann.join(session, "ann")
    assert (await ann.hears("game:started"))["playerId"] == "ann"
    assert (await both.hears("game:started"))["playerId"] == "bob"


async def test_who_turns_out_to_be_gone_when_they_are_told_keeps_nobody_waiting(
    app: Litestar, clients: Clients, backend: Backend
) -> None:
    ann, bob, session = await match(clients, backend)
    server = vars(app.state["arena"].sockets.engine)["_server"]
    connection = server.manager.eio_sid_from_sid(bob.socket_id, bob.namespace)
    server.eio.sockets[connection].last_ping = 1.0  # and no answer to it in all this time
    await ann.say("game:move", {"roomId": session["roomId"], "position": 0})
    await ann.hears("game:move:made")
    assert (await ann.hears("player:disconnected"))["playerId"] == "bob"


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
