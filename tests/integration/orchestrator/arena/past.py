"""Matches that a tenant's people played before."""

from typing import Final
from uuid import uuid4

from matches.rules import RULES
from matches.state import started
from matches.terms import documented_terms
from matches.values import Game, Ply, Reason, Seat
from orchestrator.arena.happening import state_of
from orchestrator.arena.models import ArenaMatch, ArenaMove
from orchestrator.services import Services

DIAGONAL_WINS: Final = (0, 4, 1, 2, 8, 6)
"""For whoever comes second."""


async def play(
    services: Services, tenant_id: str | None, *, count: int, reason: Reason = Reason.VICTORY, mode: str = "live"
) -> None:
    """So many matches between two people of the tenant, in which O takes a diagonal and wins; of no tenant, with a bot
    or between tenants.
    """
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
            match_id = f"room_{uuid4().hex[:20]}"
            session.add(
                ArenaMatch(
                    id=match_id, game="tictactoe", mode=mode, listed_for=tenant_id, is_rated=True, version=1, state=row,
                    plies=len(plies), events=0, excused_ms=0, started_at=now, ended_at=now,
                )
            )  # fmt: skip
            await session.flush()
            for number, ply in enumerate(plies):
                kept = {"move": ply.move.row(), "after": ply.after, "atMs": ply.at_ms}
                session.add(ArenaMove(match_id=match_id, ply=number, row=kept))
