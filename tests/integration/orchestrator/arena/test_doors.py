"""How many connections a replica takes, and how long one may stand in the door."""

import asyncio
import json

import httpx
import pytest
import socketio.exceptions
from litestar import Litestar
from structlog.testing import capture_logs

from orchestrator.arena import doors, engine
from tests.conftest import only_on
from tests.integration.orchestrator.arena.conftest import ORIGIN, Backend
from tests.integration.orchestrator.arena.players import Clients, until

NEW = {"EIO": "4", "transport": "polling"}


@only_on("sqlite")
async def test_strangers_of_one_address_are_so_many_and_keep_no_player_out(
    clients: Clients, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "MOST_OF_ADDRESS", 2)
    monkeypatch.setattr(doors, "MOST_OF_TENANT", 2)
    session = await backend.session("tictactoe", "ann", "bob", matchType="private")
    players = [await clients.connected("tictactoe", session["sessionToken"]) for _ in range(2)]
    async with httpx.AsyncClient(base_url=clients.url, timeout=60) as stranger:
        for _ in range(2):
            assert (await stranger.get("/socket.io/", params=NEW)).status_code == 200
        refused = await stranger.get("/socket.io/", params=NEW)
        assert (refused.status_code, refused.json()["error"]) == (429, "rate_limited")
        assert int(refused.headers["Retry-After"]) > 0
    with pytest.raises(socketio.exceptions.ConnectionError):
        await clients.connected("tictactoe")
    await players[0].join(session, "ann")
    await players[0].hears("matchmaking:waiting")
    monkeypatch.setattr(doors, "MOST_OF_ADDRESS", 9)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await clients.connected("tictactoe", session["sessionToken"])
    await players[1].close()

    async def is_let_in() -> bool:
        try:
            await clients.connected("tictactoe", session["sessionToken"])
        except socketio.exceptions.ConnectionError:
            return False
        return True

    await until(is_let_in)


@only_on("sqlite")
async def test_who_plays_in_a_session_that_they_named_counts_for_its_tenant_and_who_walks_in_for_their_address(
    clients: Clients, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "MOST_OF_ADDRESS", 2)
    session = await backend.session("tictactoe", "ann", "bob", matchType="private")
    named = [await clients.connected("tictactoe") for _ in range(2)]
    for client, player in zip(named, ("ann", "bob"), strict=True):
        await client.join(session, player)
    await asyncio.gather(*(client.hears("game:started") for client in named))
    walker = await clients.connected("tictactoe", origin=ORIGIN)
    await walker.say("matchmaking:join", {"username": "Eve", "wantsBot": True})
    await walker.hears("game:started")
    await clients.connected("tictactoe")
    with pytest.raises(socketio.exceptions.ConnectionError):
        await clients.connected("tictactoe")


@only_on("sqlite")
async def test_who_enters_no_game_is_sent_away(
    app: Litestar, clients: Clients, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "ENTERS_WITHIN_S", 0.2)
    session = await backend.session("tictactoe", "ann", "bob", matchType="private")
    player = await clients.connected("tictactoe", session["sessionToken"])
    with capture_logs() as logs:
        async with httpx.AsyncClient(base_url=clients.url, timeout=60) as stranger:
            opened = await stranger.get("/socket.io/", params=NEW)
            query = NEW | {"sid": json.loads(opened.text[1:])["sid"]}
            async with asyncio.timeout(60):
                while (await stranger.get("/socket.io/", params=query)).status_code == 200:
                    pass
    [sent_away] = [line for line in logs if line["event"] == "arena.silent"]
    assert sent_away["connection"]
    assert query["sid"] not in str(logs)
    await player.join(session, "ann")
    await player.hears("matchmaking:waiting")
