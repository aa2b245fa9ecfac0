"""A tenant that is in use: a month of sessions, a match of each game, a webhook that works and one that was stopped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from matches.rules import RULES
from matches.values import Game, Json, Ply
from orchestrator.arena.models import ArenaMatch, ArenaMove, ArenaSeat, ArenaSession
from orchestrator.services import Services
from orchestrator.tenants.models import TenantMonth
from orchestrator.tenants.plans import Plan
from orchestrator.webhooks.models import DeliveryState, WebhookDelivery

EVIL = "<b>Ann</b> \"'{{7*7}}"
LINES: dict[Game, Sequence[Json]] = {
    Game.CHESS: ["e4", "e5", "Bc4", "Nc6", "Qh5", "Nf6", "Qxf7"],
    Game.CHECKERS: [{"from": start, "to": to} for start, to in ((40, 33), (21, 28), (46, 37), (28, 46))],
    Game.CONNECT4: [{"column": column} for column in (3, 4, 3, 4, 3, 4, 3)],
    Game.TICTACTOE: [{"position": position} for position in (4, 0, 2, 6, 3)],
}


@dataclass(frozen=True)
class TenantScene:
    """`sessions` are those with a match, by game."""

    tenant_id: str
    live_key: str
    sessions: dict[str, str]
    webhook_id: str
    stopped_id: str


async def fill_tenant(services: Services, name: str = "Acme Games") -> TenantScene:
    live, _ = await services.tenant_keys.create(name, Plan.STARTER, ["https://games.acme.example"])
    tenant_id = live.tenant.id
    webhook = await services.webhooks.add(tenant_id, "https://games.acme.example/hook", retries=3)
    stopped = await services.webhooks.add(tenant_id, "https://old.acme.example/hook", ["game.ended"], retries=3)
    sessions: dict[str, str] = {}
    async with services.database.write() as session:
        now = await services.database.now(session)
        for game, moves in LINES.items():
            sessions[game.value] = await _match(session, tenant_id, game, moves, now)
        for day in range(30):
            for number in range((day * 7) % 11):
                mode = ("live", "live", "live", "test", "training")[number % 5]
                status = "pending" if day == 0 and number == 0 else "ended"
                _session(session, tenant_id, "tictactoe", mode, status, now - timedelta(days=day, minutes=number))
        session.add(TenantMonth(tenant_id=tenant_id, month=now.strftime("%Y-%m"), sessions=812))
        session.add(TenantMonth(tenant_id=tenant_id, month="2026-01", sessions=640))
        for number, state in enumerate(("delivered", "delivered", "pending", "failed", "skipped")):
            _delivery(session, webhook.endpoint.id, sessions["chess"], DeliveryState(state), now, number)
    await services.webhooks.stop(tenant_id, stopped.endpoint.id, "The target answered 410: it wants no more webhooks.")
    return TenantScene(tenant_id, live.secret, sessions, webhook.endpoint.id, stopped.endpoint.id)


def _session(
    session: AsyncSession,
    tenant_id: str,
    game: str,
    mode: str,
    status: str,
    at: datetime,
    match_id: str | None = None,
) -> str:
    row = ArenaSession(
        id=str(uuid4()),
        tenant_id=tenant_id,
        game=game,
        mode=mode,
        match_type="matchmaking",
        status=status,
        bot_difficulty="medium",
        is_afk_enforced=True,
        players=[{"id": "user_1", "displayName": EVIL}, {"id": "user_2", "displayName": "Bob"}],
        theme={},
        match_id=match_id,
        result={"winner": "user_1", "reason": "checkmate", "duration": 342} if status == "ended" else None,
        request_hash="",
        created_at=at,
        join_by=at + timedelta(minutes=5),
        ended_at=at if status == "ended" else None,
    )
    session.add(row)
    return row.id


async def _match(session: AsyncSession, tenant_id: str, game: Game, moves: Sequence[Json], now: datetime) -> str:
    match_id = f"mat{game.value}{uuid4().hex[:8]}"
    session.add(
        ArenaMatch(
            id=match_id,
            game=game.value,
            mode="live",
            listed_for=tenant_id,
            is_rated=True,
            version=1,
            state={},
            plies=len(moves),
            events=0,
            excused_ms=0,
            started_at=now,
            ended_at=now,
        )
    )
    await session.flush()
    session_id = _session(session, tenant_id, game.value, "live", "ended", now, match_id)
    for seat, name in enumerate((EVIL, "Bob")):
        session.add(
            ArenaSeat(
                match_id=match_id,
                seat=seat,
                session_id=session_id,
                tenant_id=tenant_id,
                player_id=f"user_{seat + 1}",
                display_name=name,
                is_bot=False,
            )
        )
    line: list[Ply] = []
    for number, move in enumerate(moves):
        fields = move if isinstance(move, dict) else {}
        played = RULES[game].play(line, {"move": move, **fields})
        line.append(Ply(played.move, played.after, round(now.timestamp() * 1000) + 1000 * number))
        row = {"move": played.move.row(), "after": played.after, "atMs": line[-1].at_ms}
        session.add(ArenaMove(match_id=match_id, ply=number, row=row))
    return session_id


def _delivery(
    session: AsyncSession, endpoint_id: str, session_id: str, state: DeliveryState, now: datetime, number: int
) -> None:
    attempt: dict[str, Json] = {
        "deliveryId": str(uuid4()),
        "endedAt": "2026-03-15T09:00:00Z",
        "tookMs": 120,
        "status": 200 if state == DeliveryState.DELIVERED else 500,
        "failure": None if state == DeliveryState.DELIVERED else "refused",
        "answer": "" if state == DeliveryState.DELIVERED else "<h1>Internal Server Error</h1>",
    }
    session.add(
        WebhookDelivery(
            event_id=str(uuid4()),
            delivery_id=str(uuid4()),
            endpoint_id=endpoint_id,
            session_id=session_id,
            event="game.ended" if number else "game.move",
            game="chess",
            data={"winner": "user_1", "note": EVIL},
            at=now,
            state=state,
            tries=1,
            due_at=now + timedelta(days=1),
            ended_at=None if state == DeliveryState.PENDING else now,
            attempts=[] if state == DeliveryState.SKIPPED else [attempt],
        )
    )
