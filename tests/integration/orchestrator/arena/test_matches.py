"""Whole games between two stock clients."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from litestar import Litestar
from sqlalchemy import delete, func, select, update

from matches.events import MoveSent
from orchestrator.arena.arena import Arena
from orchestrator.arena.ledger import Ledger
from orchestrator.arena.models import ArenaEvent, ArenaMatch, ArenaMove, ArenaRating, ArenaSession
from orchestrator.arena.pairing import STARTS
from orchestrator.errors import DatabaseUnavailable
from orchestrator.notices import Notices
from orchestrator.services import Services
from tests.conftest import only_on
from tests.integration.orchestrator.arena.conftest import ORIGIN, Backend
from tests.integration.orchestrator.arena.players import Client, Clients, until

Pair = tuple[Client, Client]


async def paired(clients: Clients, backend: Backend, game: str, **how: str) -> tuple[Pair, list[dict[str, Any]]]:
    """Two who were matched, in the order of their seats, with what each was told of the start."""
    sessions = [await backend.session(game, name) for name in ("ann", "bob")]
    first, second = [await clients.connected(game, session["sessionToken"], **how) for session in sessions]
    await first.join(sessions[0])
    waiting = await first.hears("matchmaking:waiting")
    assert waiting == {"playerId": "ann", "position": 1}
    await second.join(sessions[1])
    started = [await first.hears("game:started"), await second.hears("game:started")]
    order = [player["id"] for player in started[0]["players"]]
    if order == ["bob", "ann"]:
        return (second, first), started[::-1]
    assert order == ["ann", "bob"]
    return (first, second), started


@pytest.mark.parametrize(
    ("path", "transport"), [("socket.io", "websocket"), ("api/socket/io", "polling"), ("socket.io", "polling")]
)
async def test_two_play_tic_tac_toe(
    clients: Clients, backend: Backend, services: Services, path: str, transport: str
) -> None:
    pair, (x, o) = await paired(clients, backend, "tictactoe", path=path, transport=transport)
    assert (x["playerId"], x["mark"], x["symbol"], x["currentTurn"]) == ("ann", "X", "X", 0)
    assert (o["playerId"], o["mark"]) == ("bob", "O")
    assert x["board"] == [None] * 9
    assert (x["afkTimeoutEnabled"], x["afkTimeoutSeconds"], x["afkWarnSeconds"]) == (True, 60, 20)
    room = x["roomId"]
    for turn, position in enumerate((0, 3, 1, 4, 2)):
        mover = "ann" if turn % 2 == 0 else "bob"
        await pair[turn % 2].say("game:move", {"roomId": room, "playerId": mover, "position": position})
        for each in pair:
            made = await each.hears("game:move:made")
            assert (made["position"], made["playerId"]) == (position, mover)
            assert made["board"][position] == ("X" if mover == "ann" else "O")
            assert made["currentTurn"] == (turn + 1) % 2
            assert len(made["moveHistory"]) == turn + 1
    for each in pair:
        over = await each.hears("game:over")
        assert (over["winner"], over["reason"], over["winningLine"]) == ("ann", "victory", [0, 1, 2])
    async with services.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(ArenaMove)) == 5
        ratings = {row.player_id: row.rating for row in await session.scalars(select(ArenaRating))}
    assert ratings["ann"] > 1500 > ratings["bob"]
    assert b'playhouse_arena_moves_total{game="tictactoe"} 5.0' in services.meter.text()
    await pair[1].say("game:move", {"roomId": room, "playerId": "bob", "position": 8})
    assert await pair[1].refusal() == "match_over"


async def test_two_play_chess_while_a_third_watches(clients: Clients, backend: Backend) -> None:
    pair, (white, _) = await paired(clients, backend, "chess")
    room, order = white["roomId"], [player["id"] for player in white["players"]]
    assert white["color"] == "white"
    assert white["fen"].startswith("rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq")
    assert set(white["playerTimers"].values()) <= set(range(590_000, 600_001))
    watcher = await clients.connected("chess", origin=ORIGIN)
    listed = (await backend.http.get("/v1/rooms?game=chess", headers={"Origin": ORIGIN})).json()["rooms"]
    assert [(each["roomId"], each["moveCount"]) for each in listed] == [(room, 0)]
    assert [player["id"] for player in listed[0]["players"]] == order
    await watcher.say("game:spectate", {"roomId": room, "username": "watcher"})
    assert (await watcher.hears("game:spectate:joined"))["fen"] == white["fen"]
    await watcher.say("game:move", {"roomId": room, "playerId": order[0], "move": "e4"})
    assert await watcher.refusal() == "spectator"
    moves = [{"from": "f2", "to": "f3"}, "e5", {"from": "g2", "to": "g4"}, {"from": "d8", "to": "h4"}]
    for turn, move in enumerate(moves):
        await pair[turn % 2].say("game:move", {"roomId": room, "playerId": order[turn % 2], "move": move})
        for each in (*pair, watcher):
            made = await each.hears("game:move:made")
            assert made["moveHistory"][-1]["move"]["san"] == ("f3", "e5", "g4", "Qh4#")[turn]
            assert set(made["playerTimers"]) == set(order)
    for each in (*pair, watcher):
        over = await each.hears("game:over")
        assert (over["winner"], over["reason"]) == (order[1], "checkmate")
        assert over["pgn"] == "1. f3 e5 2. g4 Qh4# 0-1"
    assert (await backend.get("/v1/rooms?game=chess")).json() == {"rooms": []}


async def test_a_result_is_told_to_the_backend(clients: Clients, backend: Backend) -> None:
    session = await backend.session("connect4", "ann", "bob", matchType="private")
    ann, bob = [await clients.connected("connect4") for _ in range(2)]
    await ann.join(session, "ann")
    await ann.hears("matchmaking:waiting")
    await bob.join(session, "bob")
    started = await ann.hears("game:started")
    assert started["color"] == "red"
    pending = await backend.get(f"/v1/sessions/{session['sessionId']}?game=connect4")
    assert (pending.json()["status"], pending.json()["result"]) == ("active", None)
    for turn, column in enumerate((0, 1, 0, 1, 0, 1, 0)):
        await (ann, bob)[turn % 2].say("game:move", {"roomId": started["roomId"], "column": column})
        for each in (ann, bob):
            assert (await each.hears("game:move:made"))["lastMove"]["column"] == column
    over = await bob.hears("game:over")
    assert (over["reason"], sorted(over["winningCells"])) == ("Four in a row!", [14, 21, 28, 35])
    ended = (await backend.get(f"/v1/sessions/{session['sessionId']}?game=connect4")).json()
    assert ended["status"] == "ended"
    assert (ended["result"]["winner"], ended["result"]["moveCount"]) == ("ann", 7)
    validated = await backend.http.get(f"/v1/sessions/validate?token={session['sessionToken']}")
    assert validated.json()["result"] == ended["result"]


async def test_checkers_tells_its_moves_and_takes_them_back_unchanged(clients: Clients, backend: Backend) -> None:
    pair, (red, _) = await paired(clients, backend, "checkers")
    room = red["roomId"]
    order = [player["id"] for player in red["players"]]
    for turn, square in enumerate((40, 17, 33)):
        mover = pair[turn % 2]
        await mover.say("game:get_moves", {"roomId": room, "position": square, "playerId": order[turn % 2]})
        valid = await mover.hears("game:valid_moves")
        assert valid["position"] == square
        move = valid["moves"][0]
        await mover.say("game:move", {"roomId": room, "playerId": order[turn % 2], "move": move})
        made = [await each.hears("game:move:made") for each in pair]
        assert {key: made[0]["move"][key] for key in move} == move
        assert made[0]["becameKing"] is False


async def test_a_client_may_ask_for_all_moves_of_its_turn(clients: Clients, backend: Backend) -> None:
    (white, black), (started, _) = await paired(clients, backend, "chess")
    await white.say("game:get_moves", {"roomId": started["roomId"]})
    moves = (await white.hears("game:valid_moves"))["moves"]
    assert len(moves) == 20
    assert {"from": "e2", "to": "e4", "san": "e4"} in moves
    await white.say("game:get_moves", {"position": "g1"})
    valid = await white.hears("game:valid_moves")
    assert (valid["position"], sorted(move["to"] for move in valid["moves"])) == ("g1", ["f3", "h3"])
    await black.say("game:get_moves", {})
    assert (await black.hears("game:valid_moves")) == {"position": None, "moves": []}


async def test_a_draw_is_offered_declined_and_agreed(clients: Clients, backend: Backend) -> None:
    (white, black), (started, _) = await paired(clients, backend, "chess")
    room = started["roomId"]
    await white.say("game:draw:offer", {"roomId": room})
    assert (await black.hears("game:draw:offered"))["roomId"] == room
    await black.say("game:draw:decline", {"roomId": room})
    await white.hears("game:draw:declined")
    await black.say("game:draw:accept", {"roomId": room})
    assert await black.refusal() == "no_draw_offer"
    await black.say("game:draw:offer", {"roomId": room})
    await white.hears("game:draw:offered")
    await white.say("game:draw:accept", {"roomId": room})
    for each in (white, black):
        over = await each.hears("game:over")
        assert (over["winner"], over["reason"]) == (None, "draw by agreement")


async def test_who_leaves_may_come_back(clients: Clients, backend: Backend) -> None:
    session = await backend.session("tictactoe", "ann", "bob", matchType="private")
    ann, bob = [await clients.connected("tictactoe", session["sessionToken"]) for _ in range(2)]
    await ann.join(session, "ann")
    await ann.hears("matchmaking:waiting")
    await bob.join(session, "bob")
    room = (await bob.hears("game:started"))["roomId"]
    await ann.hears("game:started")
    await ann.close()
    assert (await bob.hears("player:disconnected"))["playerId"] == "ann"
    again = await clients.connected("tictactoe", session["sessionToken"])
    await again.say("game:move", {"roomId": room, "position": 4})
    assert await again.refusal() == "unknown_room"
    await again.say("game:reconnect", {"playerId": "ann"})
    back = await again.hears("game:reconnected")
    assert (back["roomId"], back["playerId"], back["mark"]) == (room, "ann", "X")
    assert (await bob.hears("player:reconnected"))["playerId"] == "ann"
    await again.say("game:move", {"roomId": room, "playerId": "ann", "position": 4})
    assert (await bob.hears("game:move:made"))["position"] == 4
    anonymous = await clients.connected("tictactoe", origin=ORIGIN)
    await bob.close()
    await again.hears("player:disconnected")
    await anonymous.say("game:reconnect", {"playerId": "bob"})
    assert (await anonymous.hears("game:reconnected"))["playerId"] == "bob"


async def test_a_page_that_is_loaded_anew_joins_its_match_again(clients: Clients, backend: Backend) -> None:
    session = await backend.session("tictactoe", "ann", "bob", matchType="private")
    ann, bob, reloaded = [await clients.connected("tictactoe") for _ in range(3)]
    await ann.join(session, "ann")
    await ann.hears("matchmaking:waiting")
    await bob.join(session, "bob")
    room = (await ann.hears("game:started"))["roomId"]
    await ann.say("game:move", {"roomId": room, "position": 0})
    await ann.hears("game:move:made")
    for _ in range(2):  # once more changes nothing
        await reloaded.join(session, "ann")
        assert (await reloaded.hears("game:started"))["board"][0] == "X"
        await reloaded.hears("game:reconnected")
    await ann.close()  # the other connection of the same player is there
    await bob.say("game:move", {"roomId": room, "position": 1})
    assert (await reloaded.hears("game:move:made"))["board"][1] == "O"
    assert bob.heard("player:disconnected") == 0


async def test_one_may_leave_the_queue(clients: Clients, backend: Backend) -> None:
    session = await backend.session("chess", "ann")
    ann = await clients.connected("chess", session["sessionToken"])
    await ann.join(session)
    await ann.hears("matchmaking:waiting")
    await ann.say("matchmaking:leave", {"playerId": "ann"})
    assert await ann.hears("matchmaking:left") == {}
    other = await backend.session("chess", "bob")
    bob = await clients.connected("chess", other["sessionToken"])
    await bob.join(other)
    assert (await bob.hears("matchmaking:waiting"))["position"] == 1
    await ann.join(session)
    room = (await ann.hears("game:started"))["roomId"]
    await ann.say("matchmaking:leave", {"playerId": "ann"})
    assert await ann.hears("matchmaking:already_started") == {"roomId": room}
    await ann.say("game:resign", {"roomId": room, "playerId": "ann"})
    assert (await bob.hears("game:over"))["reason"] == "resignation"


async def test_a_newer_connection_waits_in_the_place_of_the_older(clients: Clients, backend: Backend) -> None:
    sessions = [await backend.session("tictactoe", name) for name in ("ann", "bob")]
    older, newer, bob = [await clients.connected("tictactoe") for _ in range(3)]
    for ann in (older, newer):
        await ann.join(sessions[0])
        assert (await ann.hears("matchmaking:waiting"))["position"] == 1
    assert await older.hears("matchmaking:left") == {}
    await bob.join(sessions[1])
    await newer.hears("game:started")
    await bob.hears("game:started")
    assert older.heard("game:started") == 0
    await newer.close()
    assert (await bob.hears("player:disconnected"))["playerId"] == "ann"


async def test_who_waits_for_a_friend_hears_when_another_replica_ends_that(
    clients: Clients, backend: Backend, services: Services
) -> None:
    session = await backend.session("chess", "ann", matchType="private")
    ann = await clients.connected("chess", session["sessionToken"])
    await ann.join(session)
    await ann.hears("matchmaking:waiting")
    async with services.database.write() as writing:
        await writing.execute(update(ArenaSession).values(join_by=await services.database.now(writing)))
    await services.arena_sessions.expire()
    services.notices.hear(STARTS)
    assert await ann.refusal() == "session_expired"


async def test_a_start_is_told_when_the_database_is_back(
    clients: Clients, backend: Backend, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def is_away(_told: object) -> None:
        raise DatabaseUnavailable

    session = await backend.session("tictactoe", "ann", "bob", matchType="private")
    ann, bob = [await clients.connected("tictactoe") for _ in range(2)]
    await ann.join(session, "ann")
    await ann.hears("matchmaking:waiting")
    with monkeypatch.context() as away:
        away.setattr(services.match_ledger, "told_since", is_away)
        await bob.join(session, "bob")
        assert await bob.refusal() == "unavailable"
    services.notices.hear(STARTS)
    for each in (ann, bob):
        started = await each.hears("game:started")
    await ann.say("game:move", {"roomId": started["roomId"], "position": 4})
    assert (await bob.hears("game:move:made"))["position"] == 4


@only_on("sqlite")
async def test_news_that_no_notice_told_of_is_found(
    app: Litestar, clients: Clients, backend: Backend, services: Services
) -> None:
    pair, (started, _) = await paired(clients, backend, "tictactoe")
    elsewhere = Ledger(services.database, Notices(), services.arena_presence, services.webhooks)
    await elsewhere.happen(started["roomId"], MoveSent(0, {"position": 4}))
    arena: Arena = app.state["arena"]
    await arena.telling.look_again()
    for each in pair:
        assert (await each.hears("game:move:made"))["position"] == 4


@only_on("sqlite")
async def test_more_news_than_are_read_by_one_statement_are_all_told_at_once(
    app: Litestar, clients: Clients, backend: Backend, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.arena.reading.MOST_EVENTS", 2)
    monkeypatch.setattr("orchestrator.arena.telling._REREAD_S", 3600.0)
    pairs = [await paired(clients, backend, "tictactoe") for _ in range(2)]
    elsewhere = Ledger(services.database, Notices(), services.arena_presence, services.webhooks)
    for _, (started, _) in pairs:
        for ply in range(5):
            await elsewhere.happen(started["roomId"], MoveSent(1 if ply % 2 else 0, {"position": 4 - ply}))
    arena: Arena = app.state["arena"]
    await arena.telling.look_again()
    for pair, _ in pairs:
        for each in pair:
            assert [(await each.hears("game:move:made"))["position"] for _ in range(5)] == [4, 3, 2, 1, 0]


@only_on("postgresql")
async def test_a_move_that_was_lost_with_its_database_is_not_remembered(
    app: Litestar, clients: Clients, backend: Backend, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, (started, _) = await paired(clients, backend, "tictactoe")
    room, kept = started["roomId"], ("version", "state", "plies", "events", "deadline_ms")
    arena: Arena = app.state["arena"]
    async with services.database.read() as session:
        row = await session.get_one(ArenaMatch, room)
        before = {name: getattr(row, name) for name in kept}
    await arena.happen(room, MoveSent(0, {"position": 4}))
    async with services.database.write() as session:
        await session.execute(update(ArenaMatch).values(before))
        await session.execute(delete(ArenaMove))
        await session.execute(delete(ArenaEvent).where(ArenaEvent.seq > before["events"]))
    elsewhere = Ledger(services.database, Notices(), services.arena_presence, services.webhooks)
    for seat, position in enumerate((0, 8)):
        await elsewhere.happen(room, MoveSent(1 if seat else 0, {"position": position}))
    was_away = asyncio.Event()

    async def is_away(_: Arena) -> float:
        was_away.set()
        raise DatabaseUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(Arena, "_round", is_away)
        running = asyncio.create_task(arena.run())
        await was_away.wait()
        running.cancel()
    look = await arena.look(room)
    assert look.room.match == (await elsewhere.look(room)).room.match


async def test_news_of_a_match_that_cannot_be_read_keep_no_other_from_being_told(
    app: Litestar, clients: Clients, backend: Backend, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def tell_nobody(*_: object) -> None:
        """So that both are found in the same look."""

    unheard = Notices()
    monkeypatch.setattr(unheard, "tell_others", tell_nobody)
    elsewhere = Ledger(services.database, unheard, services.arena_presence, services.webhooks)
    (lost, _), (unreadable, _) = await paired(clients, backend, "tictactoe")
    pair, (started, _) = await paired(clients, backend, "connect4")
    await elsewhere.happen(unreadable["roomId"], MoveSent(0, {"position": 4}))
    await elsewhere.happen(started["roomId"], MoveSent(0, {"column": 4}))
    async with services.database.write() as session:
        await session.execute(update(ArenaMatch).filter_by(id=unreadable["roomId"]).values(state={}))
    arena: Arena = app.state["arena"]
    await arena.telling.look_again()
    for each in pair:
        assert (await each.hears("game:move:made"))["column"] == 4
    assert lost.heard("game:move:made") == 0


async def test_what_was_told_is_forgotten_long_after_the_end_and_the_match_is_not(
    clients: Clients, backend: Backend, services: Services
) -> None:
    session = await backend.session("tictactoe", "ann", "bob", matchType="private")
    ann, bob = [await clients.connected("tictactoe") for _ in range(2)]
    await ann.join(session, "ann")
    await ann.hears("matchmaking:waiting")
    await bob.join(session, "bob")
    room = (await ann.hears("game:started"))["roomId"]
    await ann.say("game:move", {"roomId": room, "position": 4})
    await ann.hears("game:move:made")
    await ann.say("game:resign", {"roomId": room})
    await ann.hears("game:over")
    async with services.database.write() as writing:
        now = await services.database.now(writing)
        await writing.execute(update(ArenaMatch).values(ended_at=now - timedelta(hours=2)))
    await until(lambda: nothing_is_told(services))
    again = await clients.connected("tictactoe", session["sessionToken"])
    await again.say("game:reconnect", {"playerId": "bob"})
    assert (await again.hears("game:reconnected"))["board"][4] == "X"
    assert (await again.hears("game:over"))["winner"] == "bob"


async def nothing_is_told(services: Services) -> bool:
    async with services.database.read() as session:
        return await session.scalar(select(func.count()).select_from(ArenaEvent)) == 0


async def test_many_pairs_at_once_are_all_paired(clients: Clients, backend: Backend) -> None:
    sessions = [await backend.session("tictactoe", f"player-{number}") for number in range(12)]
    players = [await clients.connected("tictactoe", session["sessionToken"]) for session in sessions]
    await asyncio.gather(*(player.join(session) for player, session in zip(players, sessions, strict=True)))
    rooms = [(await player.hears("game:started"))["roomId"] for player in players]
    assert sorted(rooms.count(room) for room in set(rooms)) == [2] * 6
