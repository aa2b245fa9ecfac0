"""Sessions as tenants' backends see them: made, asked for, joined by a code, expired. No HTTP and no socket."""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import structlog
from sqlalchemy import delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from matches.matchmaking import Mode
from orchestrator.arena.admission import SUBWAY_RUNNER, MatchType, Order, Player, game_of, ordered, player_of
from orchestrator.arena.models import ArenaMatch, ArenaSeat, ArenaSession, ArenaWaiting
from orchestrator.arena.pairing import JoinRefused
from orchestrator.arena.seams import Outbox, announce
from orchestrator.arena.session_tokens import LIFETIME, Claims, SessionTokens
from orchestrator.arena.tenant_bots import require_no_bots
from orchestrator.catalog.models import Game as StreamedGame
from orchestrator.database import Database, JsonDict, insert_into
from orchestrator.errors import Conflict, InvalidRequest, NotFound, RateLimited, Unauthorized
from orchestrator.tenants.keys import Proven
from orchestrator.tenants.models import TenantMonth
from orchestrator.tenants.plans import KeyMode, end_of_month

JOIN_WITHIN: Final = timedelta(minutes=5)
JOIN_WITHIN_BY_CODE: Final = timedelta(minutes=10)

_NO_SESSION = "Session not found"
_NO_ROOM = "Room code is invalid or has expired"
_MOST_ROOMS = 100
_BATCH = 100
_LONGEST_KEY = 255
_CODE_CHARACTERS = 6

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ticket:
    """A session with the token for its player, and what the tenant's answer tells besides."""

    session: ArenaSession
    players: tuple[Player, ...]
    token: str
    expires_in_s: int
    expires_at: datetime
    has_webhooks: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """A session, and what the token that leads to it says."""

    session: ArenaSession
    claims: Claims


@dataclass(frozen=True, slots=True)
class ListedRoom:
    """A match that may be watched: its players as `(id, name)`."""

    id: str
    players: Sequence[tuple[str, str]]
    move_count: int


class Sessions:
    def __init__(self, database: Database, tokens: SessionTokens, outbox: Outbox) -> None:
        self._database = database
        self._tokens = tokens
        self.outbox = outbox

    async def create(
        self, by: Proven, fields: Mapping[str, Any], idempotency_key: str | None, *, is_walk_in: bool = False
    ) -> Ticket:
        """A new session, or the one that was made with this key. InvalidRequest, Forbidden, RateLimited once the
        month's are used up, Conflict when the key was used for another request. Of a page that `is_walk_in` also
        JoinRefused, once such pages have had their part of the month.
        """
        order = ordered(fields, by.mode)
        if idempotency_key is not None and not 0 < len(idempotency_key) <= _LONGEST_KEY:
            raise InvalidRequest(f"Idempotency-Key must have 1 to {_LONGEST_KEY} characters")
        asked = hashlib.sha256(json.dumps([by.mode.value, fields], sort_keys=True).encode()).hexdigest()
        async with self._database.write() as session:
            if idempotency_key is not None:
                await self._database.lock(session, f"arena-key:{by.tenant.id}:{idempotency_key}")
                earlier = select(ArenaSession).filter_by(tenant_id=by.tenant.id, idempotency_key=idempotency_key)
                found = (await session.scalars(earlier)).one_or_none()
                if found is not None:
                    if found.request_hash != asked:
                        raise Conflict("Idempotency-Key was used for another request", code="idempotency_key_reused")
                    return await self._ticket(session, found, _players(found)[: order.player_count])
            if order.game == SUBWAY_RUNNER and not await _is_offered(session):
                raise InvalidRequest(f"{SUBWAY_RUNNER} is not available here")
            await require_no_bots(session, by.tenant.id, order.mode.value, [player.id for player in order.players])
            now = await self._database.now(session)
            if order.mode != Mode.TEST:
                await self._charge(session, by, now, is_walk_in=is_walk_in)
            made = await self._made(session, by, order, now, idempotency_key, asked)
            players = _players(made)
            body: JsonDict = {"players": made.players, "matchType": made.match_type, "roomCode": made.room_code}
            await announce(self.outbox, session, made, "session.created", body, now)
            ticket = await self._ticket(session, made, players)
        log.info("arena.session_created", session=made.id, tenant=made.tenant_id, game=made.game, mode=made.mode)
        return ticket

    async def get(self, by: Proven, session_id: str, game: str | None) -> ArenaSession:
        """A session of this tenant. NotFound."""
        async with self._database.read() as session:
            found = await session.get(ArenaSession, session_id)
        if found is None or found.tenant_id != by.tenant.id or game not in {None, found.game}:
            raise NotFound(_NO_SESSION)
        if (found.mode == Mode.TEST.value) != (by.mode == KeyMode.TEST):
            raise NotFound(_NO_SESSION)
        return found

    async def join(self, by: Proven, fields: Mapping[str, Any]) -> Ticket:
        """The host's friend comes in by a room code, and gets a token of their own; again the same one. InvalidRequest,
        NotFound, Conflict for a third person.
        """
        code, game = fields.get("roomCode"), game_of(fields.get("game"))
        if not isinstance(code, str) or not code:
            raise InvalidRequest("roomCode is required")
        friend = player_of(fields.get("player"))
        async with self._database.write() as session:
            now = await self._database.now(session)
            query = select(ArenaSession).where(ArenaSession.room_code == code.strip().upper()[:8])
            found = (await session.scalars(query.with_for_update())).one_or_none()
            is_theirs = found is not None and (found.tenant_id, found.game) == (by.tenant.id, game)
            if found is None or not is_theirs or found.status != "pending" or found.join_by <= now:
                raise NotFound(_NO_ROOM)
            if (found.mode == Mode.TEST.value) != (by.mode == KeyMode.TEST):
                raise NotFound(_NO_ROOM)
            await require_no_bots(session, by.tenant.id, found.mode, [friend.id])
            host, *others = _players(found)
            if friend.id == host.id:
                raise InvalidRequest("player.id is the host's: a friend is another player")
            if others and others[0].id != friend.id:
                raise Conflict("This session has both of its players", code="conflict")
            found.players = [_entry(host), _entry(friend)]
            await session.flush()
            return await self._ticket(session, found, (friend, host))

    async def opened(self, token: object) -> Opened:
        """The session of a token: while the token is good, and after the end for ever. Unauthorized."""
        async with self._database.read() as session:
            claims = self._tokens.read(token, await self._database.now(session))
            found = None if claims is None else await session.get(ArenaSession, claims.session_id)
        if claims is None or found is None or (claims.is_expired and found.status == "pending"):
            raise Unauthorized("Invalid or expired session token")
        return Opened(found, claims)

    async def rooms(self, tenant_id: str, modes: Sequence[str], game: object) -> Sequence[ListedRoom]:
        """The tenant's matches between people that are going on, the newest first. InvalidRequest."""
        query = select(ArenaMatch.id, ArenaMatch.plies).where(
            ArenaMatch.listed_for == tenant_id,
            ArenaMatch.game == game_of(game),
            ArenaMatch.mode.in_(modes),
            ArenaMatch.ended_at.is_(None),
        )
        async with self._database.read() as session:
            listed = query.order_by(ArenaMatch.started_at.desc(), ArenaMatch.id).limit(_MOST_ROOMS)
            rooms = (await session.execute(listed)).all()
            seats = select(ArenaSeat).where(ArenaSeat.match_id.in_([room_id for room_id, _ in rooms]))
            players: dict[str, list[tuple[str, str]]] = {room_id: [] for room_id, _ in rooms}
            for seat in await session.scalars(seats.order_by(ArenaSeat.seat)):
                players[seat.match_id].append((seat.player_id, seat.display_name))
        return [ListedRoom(room_id, players[room_id], plies) for room_id, plies in rooms]

    async def expire(self) -> Sequence[str]:
        """End those whose time to join is over; their ids. Who waits in a queue goes on waiting."""
        queued = exists().where(ArenaWaiting.session_id == ArenaSession.id, ~ArenaWaiting.is_direct)
        async with self._database.write() as session:
            now = await self._database.now(session)
            is_over = (ArenaSession.status == "pending") & (ArenaSession.join_by <= now) & ~queued
            query = select(ArenaSession).where(is_over).order_by(ArenaSession.join_by).limit(_BATCH)
            over = (await session.scalars(query.with_for_update(skip_locked=True))).all()
            await session.execute(delete(ArenaWaiting).where(ArenaWaiting.session_id.in_([row.id for row in over])))
            for row in over:
                row.status, row.ended_at, row.room_code = "ended", now, None
                row.result = {"winner": None, "reason": "expired"}
                await announce(self.outbox, session, row, "session.expired", {"players": row.players}, now)
            return [row.id for row in over]

    async def _charge(self, session: AsyncSession, by: Proven, now: datetime, *, is_walk_in: bool) -> None:
        """One session more in this month, in the transaction that makes it."""
        month, walk_ins = now.strftime("%Y-%m"), int(is_walk_in)
        first = {"tenant_id": by.tenant.id, "month": month, "sessions": 1, "walk_ins": walk_ins}
        counted = (
            insert_into(session, TenantMonth)
            .values(first)
            .on_conflict_do_update(
                index_elements=[TenantMonth.tenant_id, TenantMonth.month],
                set_={"sessions": TenantMonth.sessions + 1, "walk_ins": TenantMonth.walk_ins + walk_ins},
            )
        )
        used = (await session.execute(counted.returning(TenantMonth.sessions, TenantMonth.walk_ins))).one()
        limit, part = by.grants.monthly_sessions, by.grants.monthly_walk_ins
        if limit is not None and used.sessions > limit:
            retry_after_s = int((end_of_month(now) - now).total_seconds()) + 1
            raise RateLimited("Monthly session quota exceeded", retry_after_s=retry_after_s)
        if is_walk_in and part is not None and used.walk_ins > part:
            raise JoinRefused("walk_ins_used_up", "This month's games without an invitation are used up.")

    async def _made(
        self, session: AsyncSession, by: Proven, order: Order, now: datetime, key: str | None, asked: str
    ) -> ArenaSession:
        within = JOIN_WITHIN_BY_CODE if order.has_room_code else JOIN_WITHIN
        players = order.players or [_anonymous() for _ in range(order.player_count)]
        made = ArenaSession(
            id=str(uuid4()),
            tenant_id=by.tenant.id,
            game=order.game,
            mode=order.mode.value,
            match_type=order.match_type.value,
            status="pending",
            bot_difficulty=order.difficulty.value,
            is_afk_enforced=order.is_afk_enforced,
            players=[_entry(player) for player in players],
            theme={**by.tenant.theme, **order.theme},
            room_code=await _free_code(session) if order.has_room_code else None,
            idempotency_key=key,
            request_hash=asked,
            created_at=now,
            join_by=now + within,
        )
        session.add(made)
        await session.flush()
        return made

    async def _ticket(self, session: AsyncSession, row: ArenaSession, players: tuple[Player, ...]) -> Ticket:
        now = await self._database.now(session)
        own = players[0].id if row.match_type == MatchType.PRIVATE.value and row.room_code else None
        if len(players) == 1:
            own = players[0].id
        token = self._tokens.issue(row.id, row.game, row.mode, row.match_type, players, row.theme, own, row.created_at)
        left_s = round((row.join_by - now).total_seconds())
        has_webhooks = row.mode == Mode.LIVE.value
        return Ticket(row, players, token, max(0, left_s), row.created_at + LIFETIME, has_webhooks)


async def _is_offered(session: AsyncSession) -> bool:
    """Whether this house has the streamed game."""
    here = exists().where(StreamedGame.slug == SUBWAY_RUNNER, StreamedGame.current_build_id.is_not(None))
    return bool(await session.scalar(select(here)))


def _players(row: ArenaSession) -> tuple[Player, ...]:
    return tuple(Player(str(player["id"]), str(player["displayName"])) for player in row.players)


def _entry(player: Player) -> JsonDict:
    return {"id": player.id, "displayName": player.display_name}


def _anonymous() -> Player:
    """Someone in training: known to nobody, not even to their tenant."""
    return Player(f"anon_{secrets.token_hex(12)}", f"Guest {secrets.randbelow(9000) + 1000}")


async def _free_code(session: AsyncSession) -> str:
    while True:
        code = secrets.token_hex(_CODE_CHARACTERS // 2).upper()
        if await session.scalar(select(ArenaSession.id).where(ArenaSession.room_code == code)) is None:
            return code
