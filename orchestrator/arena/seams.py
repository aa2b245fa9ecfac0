"""What the arena asks of its neighbours: webhooks, which are told what happened, and bots, which think."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from matches.state import Match
from matches.values import Json
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


class Thought(Protocol):
    """What a bot wants to do: `payload` is what a player's client would send as `game:move`, after `thinking_ms`."""

    @property
    def payload(self) -> Mapping[str, Json]: ...
    @property
    def thinking_ms(self) -> int: ...


class Bots(Protocol):
    """Thinks for bots without blocking the loop. The same position may be asked again, by another replica too."""

    async def choose(self, match: Match, level: str) -> Thought:
        """A move for the player on the move. `level` is `easy`, `medium` or `hard`. What it raises is tried again."""
        ...
