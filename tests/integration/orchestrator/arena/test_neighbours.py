"""What webhooks are told, and how bots come to their moves."""

from datetime import datetime
from typing import Any

import pytest
from litestar import Litestar
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from matches.rules import RULES
from matches.state import Match
from orchestrator.arena.arena import Arena
from orchestrator.arena.models import ArenaMatch
from orchestrator.services import Services
from tests.integration.orchestrator.arena.conftest import Backend
from tests.integration.orchestrator.arena.players import Clients
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


class Beginner:
    """Plays the first legal move at once; fails as often as it is told to."""

    def __init__(self, app: Litestar, services: Services) -> None:
        self.failures = 0
        arena: Arena = app.state["arena"]
        arena.thinking.bots = self
        services.arena_sessions.has_bots = True
        self.thinking_ms = 0
        self.payload: dict[str, Any] = {}

    async def choose(self, match: Match, level: str) -> "Beginner":
        assert level == "hard"
        if self.failures:
            self.failures -= 1
            raise RuntimeError("no idea")
        self.payload = {**RULES[match.terms.game].legal(match.plies)[0].wire()}
        return self


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


@pytest.mark.parametrize("failures", [0, 1])
async def test_a_bot_plays_and_is_asked_again_when_it_fails(
    app: Litestar, clients: Clients, backend: Backend, services: Services, failures: int
) -> None:
    bot = Beginner(app, services)
    session = await backend.session("tictactoe", "ann", matchType="bot", botDifficulty="hard")
    ann = await clients.connected("tictactoe", session["sessionToken"])
    await ann.join(session)
    started = await ann.hears("game:started")
    assert [player["isBot"] for player in started["players"]] == [False, True]
    bot.failures = failures
    await ann.say("game:move", {"roomId": started["roomId"], "position": 8})
    assert (await ann.hears("game:move:made"))["playerId"] == "ann"
    if failures:
        async with services.database.write() as writing:
            [row] = await writing.scalars(select(ArenaMatch))
            assert row.bot_due_ms is not None
            row.bot_due_ms = 1
    made = await ann.hears("game:move:made")
    assert (made["position"], made["currentTurn"]) == (0, 0)
    assert (await backend.get("/v1/rooms?game=tictactoe")).json() == {"rooms": []}
    for position in (7, 6):
        await ann.say("game:move", {"roomId": started["roomId"], "position": position})
        await ann.hears("game:move:made")
        if position == 7:
            await ann.hears("game:move:made")
    assert (await ann.hears("game:over"))["winner"] == "ann"
