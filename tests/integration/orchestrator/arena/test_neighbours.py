"""What webhooks are told, and how bots come to their moves."""

import asyncio
from datetime import datetime
from random import Random
from typing import Any

from litestar import Litestar
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from matches.state import Match
from orchestrator.arena.arena import Arena
from orchestrator.arena.bots.service import BotMove, Bots, WorkersBusy
from orchestrator.arena.models import ArenaMatch
from orchestrator.services import Services
from tests.conftest import only_on
from tests.integration.orchestrator.arena.conftest import Backend
from tests.integration.orchestrator.arena.players import Client, Clients, until
from tests.integration.orchestrator.arena.test_matches import paired


class Told:
    """An outbox that keeps what it was told: `(session, event, data)`."""

    def __init__(self, services: Services) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        services.match_ledger.outbox = self
        services.arena_sessions.outbox = self

    async def enqueue(
        self,
        session: AsyncSession,
        *,
        tenant_id: str,
        session_id: str,
        game: str,
        mode: str,
        event: str,
        data: dict[str, Any],
        at: datetime,
    ) -> None:
        assert session.in_transaction()
        assert (mode, at.tzinfo is not None) == ("live", True)
        self.events.append((session_id, event, data))


class BusyOnce(Bots):
    """Has too much to do when it is asked first."""

    is_busy = True

    async def was_asked(self) -> bool:
        return not self.is_busy

    async def choose(self, match: Match, level: str) -> BotMove:
        if self.is_busy:
            self.is_busy = False
            raise WorkersBusy
        return await super().choose(match, level)


async def test_both_sessions_of_a_match_hear_all_of_it_in_order(
    clients: Clients, backend: Backend, services: Services
) -> None:
    told = Told(services)
    pair, (started, _) = await paired(clients, backend, "chess")
    for turn, move in enumerate(("f3", "e5", "g4", "Qh4")):
        await pair[turn % 2].say("game:move", {"roomId": started["roomId"], "move": move})
        for each in pair:
            await each.hears("game:move:made")
    await pair[0].hears("game:over")
    moves = ["game.move"] * 4
    whole = ["session.created", "session.started", *moves, "chess.check", "game.ended"]
    by_session: dict[str, list[str]] = {}
    for session_id, event, _ in told.events:
        by_session.setdefault(session_id, []).append(event)
    assert list(by_session.values()) == [whole, whole]
    winner = started["players"][1]["id"]
    check = next(data for _, event, data in told.events if event == "chess.check")
    assert check == {"attackingPlayerId": winner, "move": "d8h4#"}
    ended = next(data for _, event, data in told.events if event == "game.ended")
    assert (ended["winner"], ended["reason"], ended["moveCount"]) == (winner, "checkmate", 4)


async def against_a_bot(clients: Clients, backend: Backend, game: str, level: str) -> tuple[Client, dict[str, Any]]:
    session = await backend.session(game, "ann", matchType="bot", botDifficulty=level)
    ann = await clients.connected(game, session["sessionToken"])
    await ann.join(session)
    return ann, session | await ann.hears("game:started")


async def play_to_the_end(clients: Clients, backend: Backend, game: str, level: str) -> None:
    """Ann always takes the first free place."""
    ann, match = await against_a_bot(clients, backend, game, level)
    assert [(player["id"], player["isBot"]) for player in match["players"]] == [("ann", False), (f"bot_{level}", True)]
    field, places = {"tictactoe": ("position", 9), "connect4": ("column", 7)}[game]
    board, turn = match["board"], 0
    validate = f"/v1/sessions/validate?token={match['sessionToken']}"
    while (found := (await backend.http.get(validate)).json())["status"] == "active":
        if turn == 0:
            place = board[:places].index(None)
            await ann.say("game:move", {"roomId": match["roomId"], "playerId": "ann", field: place})
        made = await ann.hears("game:move:made")
        assert made["playerId"] == match["players"][turn]["id"]
        board, turn = made["board"], made["currentTurn"]
    over = await ann.hears("game:over")
    assert found["result"].items() <= over.items()
    if level == "hard":
        assert over["winner"] != "ann"


async def hear_one_move_and_resign(clients: Clients, backend: Backend, game: str, moves: dict[str, Any]) -> None:
    ann, match = await against_a_bot(clients, backend, game, "easy")
    if match["players"][0]["id"] == "ann":
        await ann.say("game:move", {"roomId": match["roomId"], "move": moves})
        assert (await ann.hears("game:move:made"))["playerId"] == "ann"
    assert (await ann.hears("game:move:made"))["playerId"] == "bot_easy"
    await ann.say("game:resign", {"roomId": match["roomId"]})
    assert (await ann.hears("game:over"))["winner"] == "bot_easy"


@only_on("sqlite")
async def test_a_session_with_a_bot_is_a_whole_game_at_each_level(clients: Clients, backend: Backend) -> None:
    games = [(game, level) for game in ("tictactoe", "connect4") for level in ("easy", "medium", "hard")]
    await asyncio.gather(
        *(play_to_the_end(clients, backend, game, level) for game, level in games),
        hear_one_move_and_resign(clients, backend, "chess", {"from": "e2", "to": "e4"}),
        hear_one_move_and_resign(clients, backend, "checkers", {"from": 40, "to": 33}),
    )
    assert (await backend.get("/v1/rooms?game=tictactoe")).json() == {"rooms": []}


async def test_a_bot_that_is_busy_is_asked_again(
    app: Litestar, clients: Clients, backend: Backend, services: Services
) -> None:
    arena: Arena = app.state["arena"]
    arena.thinking.bots = bots = BusyOnce(Random(1), None, 1)
    try:
        await _ask_again(bots, clients, backend, services)
    finally:
        await bots.close()


async def _ask_again(bots: BusyOnce, clients: Clients, backend: Backend, services: Services) -> None:
    ann, match = await against_a_bot(clients, backend, "tictactoe", "easy")
    await ann.say("game:move", {"roomId": match["roomId"], "position": 8})
    assert (await ann.hears("game:move:made"))["playerId"] == "ann"
    await until(bots.was_asked)
    async with services.database.write() as writing:
        [row] = await writing.scalars(select(ArenaMatch))
        assert row.bot_due_ms is not None
        row.bot_due_ms = 1
    assert (await ann.hears("game:move:made"))["playerId"] == "bot_easy"


async def test_a_bot_is_never_taken_for_its_opponent(clients: Clients, backend: Backend) -> None:
    session = await backend.session("tictactoe", "bot_easy", matchType="bot", botDifficulty="easy")
    namesake = await clients.connected("tictactoe", session["sessionToken"])
    await namesake.join(session)
    started = await namesake.hears("game:started")
    assert [player["id"] for player in started["players"]] == ["bot_easy", "bot_easy_2"]
