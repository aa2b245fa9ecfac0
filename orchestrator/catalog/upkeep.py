"""What of the catalogue is counted and indexed beside the requests, so that a list of games costs a look.

Every replica does it; doing it twice changes nothing.
"""

import asyncio
from datetime import timedelta

import structlog
from sqlalchemy import delete, distinct, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from orchestrator.catalog.models import Game, GameWord
from orchestrator.catalog.words import VERSION, index_of
from orchestrator.database import Database
from orchestrator.errors import DatabaseUnavailable
from orchestrator.play.models import Session

POPULAR_WITHIN = timedelta(days=30)
INTERVAL_S = 300.0
_BATCH = 100

_log = structlog.get_logger()


class CatalogUpkeep:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Until cancelled. A database that is away is said once, and once when it is back."""
        is_away = False
        while True:
            try:
                await self.round()
            except DatabaseUnavailable as error:
                if not is_away:
                    _log.warning("catalog.upkeep_failed", error=str(error))
                is_away = True
            else:
                if is_away:
                    _log.info("catalog.upkeep_recovered")
                is_away = False
            await asyncio.sleep(INTERVAL_S)

    async def round(self) -> None:
        """Index what is not yet indexed by today's rules, and count how popular games are."""
        while await self._index():
            pass
        await self._count()

    async def _index(self) -> int:
        is_stale = Game.words_version != VERSION
        async with self._database.read() as session:
            stale = list(await session.scalars(select(Game.slug).where(is_stale).order_by(Game.slug).limit(_BATCH)))
        for slug in stale:
            async with self._database.write() as session:
                await self._database.lock(session, f"game:{slug}")
                query = select(Game).where(Game.slug == slug, is_stale).options(selectinload(Game.tag_rows))
                for game in await session.scalars(query):
                    await index(session, game)
        return len(stale)

    async def _count(self) -> None:
        """A game is as popular as there are people who played it lately: whoever saw its first picture counts, once."""
        async with self._database.read() as session:
            since = await self._database.now(session) - POPULAR_WITHIN
            lately = select(Session.game_id, func.count(distinct(Session.owner))).where(
                Session.created_at > since, Session.running_since.is_not(None)
            )
            players = {row[0]: row[1] for row in await session.execute(lately.group_by(Session.game_id))}
            known = (await session.execute(select(Game.id, Game.popularity))).all()
        changed = {game_id: players.get(game_id, 0) for game_id, was in known if players.get(game_id, 0) != was}
        if not changed:
            return
        async with self._database.write() as session:
            await self._database.lock(session, "catalog:upkeep")
            for game_id, count in sorted(changed.items()):
                await session.execute(update(Game).where(Game.id == game_id).values(popularity=count))


async def index(session: AsyncSession, game: Game) -> None:
    """Write down the words of a game that was loaded with its tags, in the transaction that changes any of them."""
    words = index_of(game.title, game.developer, game.tags, game.description)
    await session.execute(delete(GameWord).where(GameWord.game_id == game.id))
    session.add_all(GameWord(word=word, game_id=game.id, place=place) for word, place in words.items())
    game.words_version = VERSION
