"""Bots that tenants made to fill their queues: ordered, changed, taken away. `training` teaches them, `pairing` lets
them play. No HTTP.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from matches.bots.levels import Level
from matches.values import Game
from orchestrator.arena.bot_orders import BotOrder, BotType, changed, ordered
from orchestrator.arena.models import ArenaBot
from orchestrator.arena.presence import milliseconds
from orchestrator.audit.recording import COMMAND_LINE, Action, Actor, record
from orchestrator.database import Database
from orchestrator.errors import Conflict, InvalidRequest, NotFound
from orchestrator.ids import new_id
from orchestrator.notices import Notices
from orchestrator.tenants.keys import Proven
from orchestrator.tenants.models import Tenant

TRAINING: Final = "arena-training"
"""The topic of bots that are to be trained."""

MOST_BOTS: Final = 20
"""Of one tenant in one environment, live or test."""

REST: Final = timedelta(minutes=10)
"""From when a bot's training began, neither it is trained another time nor one that was made in its place."""

_NO_BOT: Final = "Bot not found"

log = structlog.get_logger()


class TenantBots:
    """A key of the live environment knows live bots alone, one of the test environment test bots."""

    def __init__(self, database: Database, notices: Notices) -> None:
        self._database = database
        self._notices = notices

    async def create(self, key: Proven, fields: Mapping[str, Any], *, by: Actor = COMMAND_LINE) -> ArenaBot:
        """InvalidRequest; Conflict where the player has a bot of this game, or the tenant all that it may have."""
        order = ordered(fields)
        tenant_id, mode = key.tenant.id, key.mode.value
        async with self._database.write() as session:
            await self._database.lock(session, f"arena-bots:{tenant_id}:{mode}")
            mine = select(ArenaBot).filter_by(tenant_id=tenant_id, mode=mode)
            if await session.scalar(mine.filter_by(game=order.game.value, player_id=order.player_id)) is not None:
                raise Conflict("This player has a bot of this game already", code="conflict")
            if (await session.scalar(select(func.count()).select_from(mine.subquery())) or 0) >= MOST_BOTS:
                raise Conflict(f"A tenant has {MOST_BOTS} bots at most", code="conflict")
            made = ArenaBot(
                id=new_id("bot"),
                tenant_id=tenant_id,
                mode=mode,
                game=order.game.value,
                player_id=order.player_id,
                bot_type=order.bot_type.value,
                training="none",
                matches=0,
                positions=0,
                created_at=await self._database.now(session),
            )
            _write(made, order)
            session.add(made)
            record(session, by, Action.TENANT_BOT_MAKE, tenant_id, made.created_at, bot=made.id)
        log.info("arena.bot_made", bot=made.id, tenant=tenant_id, game=made.game, mode=mode, kind=made.bot_type)
        return made

    async def owned(self, key: Proven) -> Sequence[ArenaBot]:
        """The oldest first."""
        query = select(ArenaBot).filter_by(tenant_id=key.tenant.id, mode=key.mode.value)
        async with self._database.read() as session:
            return (await session.scalars(query.order_by(ArenaBot.created_at, ArenaBot.id))).all()

    async def get(self, key: Proven, bot_id: str) -> ArenaBot:
        """NotFound, also for another tenant's or the other environment's."""
        async with self._database.read() as session:
            return _of(key, await session.get(ArenaBot, bot_id))

    async def change(
        self, key: Proven, bot_id: str, fields: Mapping[str, Any], *, by: Actor = COMMAND_LINE
    ) -> ArenaBot:
        """Matches that go on keep an algorithmic bot's level; a learned bot is in them too what it has become. One that
        shall be of another strength is trained and measured anew, after the training that goes on. NotFound,
        InvalidRequest.
        """
        async with self._database.write() as session:
            row = _of(key, await session.get(ArenaBot, bot_id, with_for_update=True))
            order = changed(_order(row), fields)
            was_taught = row.trained_at is not None or row.train_due_ms is not None
            if order.target_rating != row.target_rating and was_taught:
                row.strength = None
                if row.training != "running":
                    await self._ask(session, row)
            _write(row, order)
            await self._record(session, by, Action.TENANT_BOT_CHANGE, row)
            return row

    async def delete(self, key: Proven, bot_id: str, *, by: Actor = COMMAND_LINE) -> None:
        """It meets nobody any more; its matches that go on are played to their end at its level. NotFound."""
        async with self._database.write() as session:
            row = _of(key, await session.get(ArenaBot, bot_id, with_for_update=True))
            await session.delete(row)
            if row.tried_at is not None:
                is_later = Tenant.bots_tried_at.is_(None) | (Tenant.bots_tried_at < row.tried_at)
                of_tenant = update(Tenant).where(Tenant.id == row.tenant_id, is_later)
                await session.execute(of_tenant.values(bots_tried_at=row.tried_at))
            await self._record(session, by, Action.TENANT_BOT_REMOVE, row)
        log.info("arena.bot_removed", bot=bot_id, tenant=key.tenant.id)

    async def train(self, key: Proven, bot_id: str, *, by: Actor = COMMAND_LINE) -> ArenaBot:
        """It learns as soon as it is its turn, and has had its `REST`; asked again meanwhile, only once. NotFound,
        InvalidRequest.
        """
        async with self._database.write() as session:
            row = _of(key, await session.get(ArenaBot, bot_id, with_for_update=True))
            if row.bot_type != BotType.LEARNED.value:
                raise InvalidRequest("Only learned bots are trained")
            if row.train_due_ms is None:
                await self._ask(session, row)
                await self._record(session, by, Action.TENANT_BOT_TRAIN, row)
            return row

    async def _record(self, session: AsyncSession, by: Actor, action: Action, row: ArenaBot) -> None:
        record(session, by, action, row.tenant_id, await self._database.now(session), bot=row.id)

    async def _ask(self, session: AsyncSession, row: ArenaBot) -> None:
        await wait_for_training(session, row, await self._database.now(session))
        self._notices.publish_after_commit(session, TRAINING)


async def wait_for_training(session: AsyncSession, row: ArenaBot, now: datetime) -> None:
    """It is due now, or as soon as it has had its `REST`; one that was never trained, that of those that are gone."""
    tried_at = row.tried_at
    if tried_at is None:
        tried_at = await session.scalar(select(Tenant.bots_tried_at).where(Tenant.id == row.tenant_id))
    rested_at = now if tried_at is None else tried_at + REST
    row.training, row.failure, row.train_due_ms = "waiting", None, milliseconds(max(now, rested_at))


async def require_no_bots(session: AsyncSession, tenant_id: str, mode: str, player_ids: Collection[str]) -> None:
    """None of these players is one in whose name a bot of the tenant's plays. InvalidRequest."""
    if not player_ids:
        return
    query = select(ArenaBot.player_id).filter_by(tenant_id=tenant_id, mode=mode)
    taken = await session.scalar(query.where(ArenaBot.player_id.in_(player_ids)).limit(1))
    if taken is not None:
        raise InvalidRequest(f"The player {taken} is reserved for a bot")


def _of(key: Proven, row: ArenaBot | None) -> ArenaBot:
    if row is None or (row.tenant_id, row.mode) != (key.tenant.id, key.mode.value):
        raise NotFound(_NO_BOT)
    return row


def _order(row: ArenaBot) -> BotOrder:
    return BotOrder(
        Game(row.game),
        row.name,
        row.player_id,
        row.display_name,
        BotType(row.bot_type),
        None if row.difficulty is None else Level(row.difficulty),
        row.target_rating,
        row.matchmaking_weight,
        row.retrain_threshold,
    )


def _write(row: ArenaBot, order: BotOrder) -> None:
    row.name, row.display_name = order.name, order.display_name
    row.difficulty = None if order.difficulty is None else order.difficulty.value
    row.target_rating, row.retrain_threshold = order.target_rating, order.retrain_threshold
    row.matchmaking_weight = order.matchmaking_weight
