"""Matches that a tenant's people played before."""

from datetime import timedelta
from typing import Final
from uuid import uuid4

from matches.rules import RULES
from matches.state import started
from matches.terms import documented_terms
from matches.values import Game, Ply, Reason, Seat
from orchestrator.arena.happening import state_of
from orchestrator.arena.models import ArenaMatch, ArenaMove, ArenaSession
from orchestrator.services import Services

DIAGONAL_WINS: Final = (0, 4, 1, 2, 8, 6)
"""For whoever comes second."""


async def play(services: Services, tenant_id: str, *, count: int, reason: Reason = Reason.VICTORY) -> None:
    """So many matches between two people of the tenant, in which O takes a diagonal and wins."""
    plies: list[Ply] = []
    for position in DIAGONAL_WINS:
        played = RULES[Game.TICTACTOE].play(plies, {"position": position})
        plies.append(Ply(played.move, played.after, len(plies)))
    winner: Seat = 1
    match = started(documented_terms(Game.TICTACTOE), ("ann", "bob"), 0)
    row = state_of(match) | {"end": [winner, reason.value, len(plies), []]}
    async with services.database.write() as session:
        now = await services.database.now(session)
        for _ in range(count):
            match_id, session_id = f"room_{uuid4().hex[:20]}", str(uuid4())
            common = {"game": "tictactoe", "mode": "live"}
            session.add(
                ArenaMatch(
                    id=match_id, **common, listed_for=tenant_id, is_rated=True, version=1, state=row,
                    plies=len(plies), events=0, excused_ms=0, started_at=now, ended_at=now,
                )
            )  # fmt: skip
            await session.flush()
            session.add(
                ArenaSession(
                    id=session_id, tenant_id=tenant_id, **common, match_type="private", status="ended",
                    bot_difficulty="medium", is_afk_enforced=True, players=[], theme={}, match_id=match_id,
                    result={}, request_hash="", created_at=now, join_by=now + timedelta(minutes=5), ended_at=now,
                )
            )  # fmt: skip
            for number, ply in enumerate(plies):
                kept = {"move": ply.move.row(), "after": ply.after, "atMs": ply.at_ms}
                session.add(ArenaMove(match_id=match_id, ply=number, row=kept))
