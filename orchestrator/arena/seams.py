"""What the arena asks of its neighbour: webhooks, which are told what happened."""

from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.arena.models import ArenaSession
from orchestrator.database import JsonDict


class Outbox(Protocol):
    """Where webhooks are put down, in the transaction of what they tell."""

    async def enqueue(
        self,
        session: AsyncSession,
        *,
        tenant_id: str,
        session_id: str,
        game: str,
        mode: str,
        event: str,
        data: JsonDict,
        at: datetime,
    ) -> None:
        """`event` with its `data`; only of live sessions anything comes. The caller holds the row of the session or of
        its match, so that the events of a session are in the order of these calls.
        """
        ...


async def announce(
    outbox: Outbox, session: AsyncSession, row: ArenaSession, event: str, data: JsonDict, now: datetime
) -> None:
    """What happened to a session of the arena, which the caller holds."""
    await outbox.enqueue(
        session,
        tenant_id=row.tenant_id,
        session_id=row.id,
        game=row.game,
        mode=row.mode,
        event=event,
        data=data,
        at=now,
    )
