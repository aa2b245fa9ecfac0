"""Who joins plays: at once against a bot, with the session's other player, or with somebody from the queue, who is one
of their tenant's bots when nobody came for some time.

Who waits is a row that names the socket. Whom `matches.matchmaking` pairs is decided under the pool's lock, by any
replica; sockets on others hear of it by a notice.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from matches.bots.learned import usual
from matches.matchmaking import Mode, Pool, Waiting, by_weight, paired, position, seated, unmet
from matches.terms import Afk, agreed, documented_terms
from matches.values import Game, Seat
from orchestrator.arena.admission import MatchType
from orchestrator.arena.afk import wished
from orchestrator.arena.happening import Happened
from orchestrator.arena.ledger import Entrant, Ledger
from orchestrator.arena.models import ArenaBot, ArenaRating, ArenaReplica, ArenaSession, ArenaWaiting
from orchestrator.arena.payloads import Seated
from orchestrator.arena.presence import Presence, milliseconds
from orchestrator.database import Database
from orchestrator.errors import ApiError
from orchestrator.notices import Notices

STARTS: Final = "arena-starts"
"""The topic of matches that began with somebody who waited."""

_CHANCE: Final = secrets.SystemRandom()
_FRESH_RATING: Final = 1500.0
_BOT_NAMES: Final[Mapping[str, str]] = {"easy": "Bot (easy)", "medium": "Bot", "hard": "Bot (hard)"}


class JoinRefused(ApiError):
    """Why a socket may not play: `code` is what its client gets."""

    status = 409

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, code=code)


@dataclass(frozen=True, slots=True)
class Wish:
    """A socket of this replica that wants to play in `session_id`."""

    session_id: str
    player_id: str | None
    game: Game
    socket_id: str
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Joined:
    """What came of it: who the player is, and either their match or, while they wait, their place in the queue. `begun`
    are the matches that began by this, theirs and others'.
    """

    session_id: str
    player_id: str
    match_id: str | None = None
    place: int = 0
    begun: tuple[Happened, ...] = ()


class Pairing:
    def __init__(self, database: Database, notices: Notices, ledger: Ledger, presence: Presence) -> None:
        self._database = database
        self._notices = notices
        self._ledger = ledger
        self._presence = presence

    async def join(self, wish: Wish) -> Joined:
        """JoinRefused."""
        async with self._database.read() as session:
            asked = await session.get(ArenaSession, wish.session_id)
        if asked is None or asked.game != wish.game.value:
            raise JoinRefused("session_not_found", "There is no such session of this game.")
        async with self._database.write() as session:
            await self._database.lock(session, _lock_of(asked))
            found = await session.scalar(
                select(ArenaSession).where(ArenaSession.id == wish.session_id).with_for_update()
            )
            if found is None:
                raise JoinRefused("session_not_found", "There is no such session of this game.")
            player_id, name = player_in(found, wish.player_id)
            if found.status == "ended":
                raise JoinRefused("session_ended", "This session is over.")
            if found.match_id is not None:
                return Joined(found.id, player_id, found.match_id)
            now = await self._database.now(session)
            if found.join_by <= now and await session.get(ArenaWaiting, (found.id, player_id)) is None:
                raise JoinRefused("session_expired", "The time to join this session is over.")
            try:
                afk = wished(wish.game, found.is_afk_enforced, wish.fields)
            except ValueError as error:
                raise JoinRefused("malformed", f"The idle times are not possible: {error}.") from error
            mine = await self._waits(session, found, player_id, name, afk, wish.socket_id, milliseconds(now))
            if found.match_type == MatchType.BOT.value:
                begun, place = [await self._with_bot(session, found, mine)], 0
            elif mine.is_direct:
                begun, place = await self._direct(session, found, mine), 1
            else:
                begun, place = await self._from_queue(session, mine, milliseconds(now))
            match_id = await session.scalar(select(ArenaSession.match_id).where(ArenaSession.id == found.id))
            return Joined(found.id, player_id, match_id, place, tuple(begun))

    async def leave(self, session_id: str, player_id: str, socket_id: str | None = None) -> str | None:
        """The player waits no longer, or this socket of theirs. The match that they are in already, if they are."""
        async with self._database.write() as session:
            mine = delete(ArenaWaiting).where(
                ArenaWaiting.session_id == session_id, ArenaWaiting.player_id == player_id
            )
            await session.execute(mine if socket_id is None else mine.where(ArenaWaiting.socket_id == socket_id))
            return await session.scalar(select(ArenaSession.match_id).where(ArenaSession.id == session_id))

    async def become_of(self, session_ids: Sequence[str]) -> Mapping[str, str | None]:
        """Of these sessions, those that are pending no longer, each with its match; None where it has expired."""
        query = select(ArenaSession.id, ArenaSession.match_id).where(ArenaSession.id.in_(session_ids))
        async with self._database.read() as session:
            rows = await session.execute(query.where(ArenaSession.status != "pending"))
            return {row.id: row.match_id for row in rows}

    async def widen(self) -> Sequence[Happened]:
        """Pair those whose reach has grown, in every pool where somebody waits, and let bots come to whom nobody will
        meet in time; forget whose replica died.
        """
        async with self._database.write() as session:
            now_ms = milliseconds(await self._database.now(session))
            dead = select(ArenaReplica.id).where(self._presence.is_silent(now_ms))
            lost = select(ArenaWaiting.socket_id).where(ArenaWaiting.replica_id.in_(dead))
            free = lost.with_for_update(skip_locked=True)
            await session.execute(delete(ArenaWaiting).where(ArenaWaiting.socket_id.in_(free)))
        async with self._database.read() as session:
            waiting = await session.scalars(select(ArenaWaiting).where(~ArenaWaiting.is_direct))
            pools = {(_waiting(row).pool, _pool_lock(row.game, row.mode, row.tenant_id)) for row in waiting}
        begun = list[Happened]()
        for pool, name in pools:
            async with self._database.write() as session:
                await self._database.lock(session, name)
                now_ms = milliseconds(await self._database.now(session))
                rows = await _line(session, pool)
                line = {_waiting(row): row for row in rows}
                alone = [line[one] for one in unmet(list(line), now_ms)]
                begun += await self._pair(session, rows, now_ms)
                begun += await self._fill(session, pool, alone) if alone else []
        return begun

    async def _waits(
        self, session: AsyncSession, found: ArenaSession, player_id: str, name: str, afk: Afk | None, socket_id: str,
        now_ms: int,
    ) -> ArenaWaiting:  # fmt: skip
        """The player's row; a newer socket takes an older one's place in it, and keeps its turn."""
        await self._presence.here(session, now_ms)
        mine = await session.get(ArenaWaiting, (found.id, player_id))
        if mine is None:
            mine = ArenaWaiting(
                session_id=found.id,
                player_id=player_id,
                tenant_id=found.tenant_id,
                game=found.game,
                mode=found.mode,
                is_direct=found.match_type != MatchType.MATCHMAKING.value or len(found.players) == 2,
                rating=await _rating_of(session, found, player_id),
                since_ms=now_ms,
            )
            session.add(mine)
        mine.display_name, mine.afk = name, None if afk is None else [afk.timeout_ms, afk.warn_ms]
        mine.socket_id, mine.replica_id = socket_id, self._presence.id
        await session.flush()
        return mine

    async def _with_bot(self, session: AsyncSession, found: ArenaSession, mine: ArenaWaiting) -> Happened:
        level = found.bot_difficulty
        bot_id = f"bot_{level}" if mine.player_id != f"bot_{level}" else f"bot_{level}_2"
        return await self._against(session, mine, bot_id, _BOT_NAMES[level], level)

    async def _fill(self, session: AsyncSession, pool: Pool, alone: Sequence[ArenaWaiting]) -> list[Happened]:
        """A bot of their tenant's for each of these, if it has one that plays this."""
        query = select(ArenaBot).filter_by(tenant_id=pool.tenant_id, mode=pool.mode.value, game=pool.game.value)
        plays = (ArenaBot.bot_type != "learned") | ArenaBot.trained_at.is_not(None)
        bots = {bot.id: bot for bot in await session.scalars(query.where(plays).order_by(ArenaBot.id))}
        begun = list[Happened]()
        for mine in alone:
            weights = {bot.id: bot.matchmaking_weight for bot in bots.values() if bot.player_id != mine.player_id}
            chosen = by_weight(weights, _CHANCE.random())
            if chosen is not None:
                begun.append(await self._meets(session, mine, bots[chosen]))
        if begun:
            await self._notices.tell_others(session, STARTS)
        return begun

    async def _meets(self, session: AsyncSession, mine: ArenaWaiting, bot: ArenaBot) -> Happened:
        if bot.target_rating is None:
            return await self._against(session, mine, bot.player_id, bot.display_name, bot.difficulty or "medium")
        level = usual(bot.target_rating).value
        return await self._against(session, mine, bot.player_id, bot.display_name, level, learned_id=bot.id)

    async def _against(
        self, session: AsyncSession, mine: ArenaWaiting, bot_id: str, name: str, level: str, *,
        learned_id: str | None = None,
    ) -> Happened:  # fmt: skip
        """A match with this bot, which is neither rated nor listed."""
        bot = Entrant(Seated(bot_id, name, mine.session_id, mine.tenant_id, is_bot=True))
        game = Game(mine.game)
        human_seat: Seat = 0 if game in {Game.CONNECT4, Game.TICTACTOE} or secrets.randbits(1) else 1
        pair = (_entrant(mine), bot) if human_seat == 0 else (bot, _entrant(mine))
        terms = replace(documented_terms(game, bot_seat=1 if human_seat == 0 else 0), afk=_afk(mine))
        await session.delete(mine)
        return await self._ledger.open(
            session, terms, mine.mode, pair, bot_level=level, bot_id=learned_id, is_listed=False, is_rated=False
        )

    async def _direct(self, session: AsyncSession, found: ArenaSession, mine: ArenaWaiting) -> list[Happened]:
        query = select(ArenaWaiting).where(ArenaWaiting.session_id == found.id).with_for_update()
        others = [row for row in await session.scalars(query) if row.player_id != mine.player_id]
        return [await self._begin(session, others[0], mine, is_rated=False)] if others else []

    async def _from_queue(self, session: AsyncSession, mine: ArenaWaiting, now_ms: int) -> tuple[list[Happened], int]:
        """The matches that begin now, and my place among those who wait, if I still do."""
        me = _waiting(mine)
        rows = await _line(session, me.pool)
        place = position(me, [_waiting(row) for row in rows])
        return await self._pair(session, rows, now_ms), place

    async def _pair(self, session: AsyncSession, rows: Sequence[ArenaWaiting], now_ms: int) -> list[Happened]:
        by_ticket = {_waiting(row).ticket: row for row in rows}
        pairs = paired([_waiting(row) for row in rows], now_ms)
        return [
            await self._begin(session, by_ticket[first.ticket], by_ticket[second.ticket], is_rated=True)
            for first, second in pairs
        ]

    async def _begin(
        self, session: AsyncSession, first: ArenaWaiting, second: ArenaWaiting, *, is_rated: bool
    ) -> Happened:
        by_ticket = {_waiting(row).ticket: row for row in (first, second)}
        order = seated((_waiting(first), _waiting(second)), coin=bool(secrets.randbits(1)))
        one, other = (by_ticket[waiting.ticket] for waiting in order)
        pair = (_entrant(one), _entrant(other))
        terms = replace(documented_terms(Game(one.game)), afk=agreed(_afk(one), _afk(other)))
        is_known = one.mode != Mode.TRAINING.value  # training is between strangers, of several tenants
        await session.delete(one)
        await session.delete(other)
        happened = await self._ledger.open(
            session, terms, one.mode, pair, bot_level=None, is_listed=is_known, is_rated=is_rated and is_known
        )
        await self._notices.tell_others(session, STARTS)
        return happened


def _lock_of(found: ArenaSession) -> str:
    """The name to hold before its row: that of its pool, or its own."""
    if found.match_type == MatchType.MATCHMAKING.value and len(found.players) == 1:
        return _pool_lock(found.game, found.mode, found.tenant_id)
    return f"arena-session:{found.id}"


def _pool_lock(game: str, mode: str, tenant_id: str) -> str:
    return f"arena-pool:{game}:{mode}:{'' if mode == Mode.TRAINING.value else tenant_id}"


def player_in(found: ArenaSession, player_id: str | None) -> tuple[str, str]:
    """Which of the session's players this is, and their name. JoinRefused."""
    players = {str(player["id"]): str(player["displayName"]) for player in found.players}
    if player_id is None and len(players) == 1:
        return next(iter(players.items()))
    if player_id is None or player_id not in players:
        raise JoinRefused("not_in_session", "This player is not of this session.")
    return player_id, players[player_id]


async def _rating_of(session: AsyncSession, found: ArenaSession, player_id: str) -> float:
    key = (found.tenant_id, found.mode, found.game, player_id)
    rating = None if found.mode == Mode.TRAINING.value else await session.get(ArenaRating, key)
    return _FRESH_RATING if rating is None else rating.rating


async def _line(session: AsyncSession, pool: Pool) -> Sequence[ArenaWaiting]:
    query = select(ArenaWaiting).where(
        ArenaWaiting.game == pool.game.value, ArenaWaiting.mode == pool.mode.value, ~ArenaWaiting.is_direct
    )
    if pool.tenant_id is not None:
        query = query.where(ArenaWaiting.tenant_id == pool.tenant_id)
    return (await session.scalars(query.with_for_update())).all()


def _waiting(row: ArenaWaiting) -> Waiting:
    ticket = f"{row.session_id} {row.player_id}"
    mode, game = Mode(row.mode), Game(row.game)
    return Waiting(ticket, row.tenant_id, row.player_id, mode, game, row.rating, row.since_ms)


def _entrant(row: ArenaWaiting) -> Entrant:
    who = Seated(row.player_id, row.display_name, row.session_id, row.tenant_id, is_bot=False)
    return Entrant(who, row.replica_id, row.socket_id)


def _afk(row: ArenaWaiting) -> Afk | None:
    return None if row.afk is None else Afk(*row.afk)
