"""Bots' turns: each is thought through by whoever made it come, and by another replica when that one fails."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from sqlalchemy import select

from matches.bots.learned import place, tried_from
from matches.events import MoveSent
from matches.state import Match
from orchestrator.arena.bots.service import BotMove, Bots, WorkersBusy
from orchestrator.arena.happening import BOT_LEASE_MS, Happened
from orchestrator.arena.ledger import Ledger
from orchestrator.arena.models import ArenaBot, ArenaLesson, ArenaMatch
from orchestrator.arena.presence import milliseconds
from orchestrator.background import cancelled
from orchestrator.database import Database
from orchestrator.errors import DatabaseUnavailable, NotFound

_MOST_AT_ONCE: Final = 1_000

Play = Callable[[str, MoveSent, int], Awaitable[None]]
"""Makes a bot's move in a match, if so many plies have been made."""

log = structlog.get_logger()


class Thinking:
    def __init__(self, database: Database, ledger: Ledger, play: Play, bots: Bots) -> None:
        self._database = database
        self._ledger = ledger
        self._play = play
        self.bots = bots
        self._tasks: dict[tuple[str, int], asyncio.Task[None]] = {}

    def about(self, happened: Happened) -> None:
        """Think, if it has just become a bot's turn."""
        match = happened.room.match
        is_bots_turn = match.end is None and match.turn == match.terms.bot_seat
        is_new = any(told.kind in {"started", "move"} for told in happened.told)
        if is_bots_turn and is_new:
            self._begin(happened.room.id, len(match.plies))

    async def again(self, match_id: str) -> None:
        """Take over a bot's turn whose time to think is over."""
        async with self._database.write() as session:
            query = select(ArenaMatch).where(ArenaMatch.id == match_id).with_for_update(skip_locked=True)
            row = await session.scalar(query)
            now_ms = milliseconds(await self._database.now(session))
            if row is None or row.bot_due_ms is None or row.bot_due_ms > now_ms:
                return
            row.bot_due_ms = now_ms + BOT_LEASE_MS
        self._begin(match_id, row.plies)

    async def close(self) -> None:
        """Nobody thinks any longer."""
        await cancelled(*self._tasks.values())

    def _begin(self, match_id: str, plies: int) -> None:
        turn = match_id, plies
        if turn in self._tasks or len(self._tasks) >= _MOST_AT_ONCE:
            return  # whoever is not thought for now is due again when the lease is over
        self._tasks[turn] = asyncio.create_task(self._think(match_id, plies))
        self._tasks[turn].add_done_callback(lambda _: self._tasks.pop(turn))

    async def _think(self, match_id: str, plies: int) -> None:
        """What the bot chose, after the time that it took."""
        try:
            async with self._database.read() as session:
                query = select(ArenaMatch.bot_level, ArenaMatch.bot_id).where(
                    ArenaMatch.id == match_id, ArenaMatch.bot_level.is_not(None)
                )
                bot = (await session.execute(query)).first()
            match = (await self._ledger.look(match_id)).room.match
            bot_seat = match.terms.bot_seat
            if bot_seat is None or bot is None or match.end is not None or len(match.plies) != plies:
                return
            began_s = time.monotonic()
            thought = await self._thought(match, bot.bot_level, bot.bot_id)
            await asyncio.sleep(max(0.0, thought.thinking_ms / 1000 - (time.monotonic() - began_s)))
            await self._play(match_id, MoveSent(bot_seat, thought.payload), plies)
        except (DatabaseUnavailable, NotFound, WorkersBusy) as away:
            log.info("arena.bot_put_off", match=match_id, error=repr(away))
        except Exception:
            log.exception("arena.bot_failed", match=match_id)  # the lease brings it back

    async def _thought(self, match: Match, level: str, learned_id: str | None) -> BotMove:
        """By what the bot learned; by its level where it is a built-in one, or was deleted meanwhile."""
        if learned_id is None:
            return await self.bots.choose(match, level)
        here = place(match.terms.game, match.plies)
        async with self._database.read() as session:
            stars = await session.scalar(select(ArenaBot.target_rating).where(ArenaBot.id == learned_id))
            lesson = None if here is None else await session.get(ArenaLesson, (learned_id, here))
        if stars is None:
            return await self.bots.choose(match, level)
        return await self.bots.choose_learned(match, {} if lesson is None else tried_from(lesson.moves), stars)
