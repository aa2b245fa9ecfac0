"""`/v1/bots` and `/api/v1/bots`: a tenant's bots by its key. HTTP only."""

from collections.abc import Mapping
from typing import Annotated, Any

from litestar import Controller, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.params import PathParameter

from orchestrator.arena.dependencies import (
    answer_tenant_bug,
    answer_tenant_error,
    answer_tenant_http_error,
    provide_actor,
    provide_proven,
    with_tenant_key,
)
from orchestrator.arena.models import ArenaBot
from orchestrator.arena.tenant_bots import TenantBots
from orchestrator.audit.recording import Actor
from orchestrator.errors import ApiError
from orchestrator.http import AnyRequest, read_fields, utc_milliseconds
from orchestrator.tenants.keys import Proven

Answer = Mapping[str, Any]
BotId = Annotated[str, PathParameter(max_length=64)]


class TenantBotController(Controller):
    path = "/v1/bots"
    include_in_schema = False  # `description` has it
    guards = (with_tenant_key,)
    dependencies = {"proven": Provide(provide_proven), "actor": Provide(provide_actor)}
    exception_handlers = {
        ApiError: answer_tenant_error,
        HTTPException: answer_tenant_http_error,
        Exception: answer_tenant_bug,
    }

    @get()
    async def list_bots(self, tenant_bots: NamedDependency[TenantBots], proven: NamedDependency[Proven]) -> Answer:
        """All of the key's environment."""
        return {"bots": [_bot(row) for row in await tenant_bots.owned(proven)]}

    @post(status_code=201)
    async def create_bot(
        self,
        request: AnyRequest,
        tenant_bots: NamedDependency[TenantBots],
        proven: NamedDependency[Proven],
        actor: NamedDependency[Actor],
    ) -> Answer:
        """A new bot."""
        return _bot(await tenant_bots.create(proven, await read_fields(request), by=actor))

    @get("/{bot_id:str}")
    async def get_bot(
        self, bot_id: BotId, tenant_bots: NamedDependency[TenantBots], proven: NamedDependency[Proven]
    ) -> Answer:
        """One bot."""
        return _bot(await tenant_bots.get(proven, bot_id))

    @patch("/{bot_id:str}")
    async def change_bot(
        self,
        bot_id: BotId,
        request: AnyRequest,
        tenant_bots: NamedDependency[TenantBots],
        proven: NamedDependency[Proven],
        actor: NamedDependency[Actor],
    ) -> Answer:
        """Other fields of a bot."""
        return _bot(await tenant_bots.change(proven, bot_id, await read_fields(request), by=actor))

    @delete("/{bot_id:str}", status_code=204)
    async def delete_bot(
        self,
        bot_id: BotId,
        tenant_bots: NamedDependency[TenantBots],
        proven: NamedDependency[Proven],
        actor: NamedDependency[Actor],
    ) -> None:
        """It is gone with what it learned."""
        await tenant_bots.delete(proven, bot_id, by=actor)

    @post("/{bot_id:str}/train", status_code=202)
    async def train_bot(
        self,
        bot_id: BotId,
        tenant_bots: NamedDependency[TenantBots],
        proven: NamedDependency[Proven],
        actor: NamedDependency[Actor],
    ) -> Answer:
        """A learned bot learns from what was played by now."""
        return _bot(await tenant_bots.train(proven, bot_id, by=actor))


class PrefixedTenantBotController(TenantBotController):
    path = "/api/v1/bots"


def _bot(row: ArenaBot) -> Answer:
    is_learned = row.target_rating is not None
    return {
        "id": row.id,
        "game": row.game,
        "mode": row.mode,
        "name": row.name,
        "playerId": row.player_id,
        "displayName": row.display_name,
        "botType": row.bot_type,
        "difficulty": row.difficulty,
        "targetRating": row.target_rating,
        "matchmakingWeight": row.matchmaking_weight,
        "retrainThreshold": row.retrain_threshold,
        "isReady": not is_learned or row.trained_at is not None,
        "training": _training(row) if is_learned else None,
        "strength": row.strength,
        "createdAt": utc_milliseconds(row.created_at),
    }


def _training(row: ArenaBot) -> Answer:
    return {
        "status": row.training,
        "error": row.failure,
        "trainedAt": None if row.trained_at is None else utc_milliseconds(row.trained_at),
        "matches": row.matches,
        "positions": row.positions,
    }
