"""What of the catalogue is counted beside the requests. Every replica does it; doing it twice changes nothing."""

from datetime import timedelta

from sqlalchemy import distinct, func, select, update

from orchestrator.background import every
from orchestrator.catalog.models import Game
from orchestrator.catalog.snapshot import CatalogSnapshot, mark_changed
from orchestrator.database import Database
from orchestrator.play.models import Session

POPULAR_WITHIN = timedelta(days=30)
INTERVAL_S = 300.0


class CatalogUpkeep:
    def __init__(self, database: Database, snapshot: CatalogSnapshot) -> None:
        self._database = database
        self._snapshot = snapshot

    async def run(self) -> None:
        """Ends never."""
        await every(INTERVAL_S, self.round, "catalogue upkeep")

    async def round(self) -> None:
        """Count how popular games are: as many as the people who played one lately, each once, whoever saw its first
        picture. And have the catalogue at hand before somebody asks for it.
        """
        async with self._database.read() as session:
            since = await self._database.now(session) - POPULAR_WITHIN
            lately = select(Session.game_id, func.count(distinct(Session.owner))).where(
                Session.created_at > since, Session.running_since.is_not(None)
            )
            players = {row[0]: row[1] for row in await session.execute(lately.group_by(Session.game_id))}
            known = (await session.execute(select(Game.id, Game.popularity))).all()
            await self._snapshot.look(session)
        changed = {game_id: players.get(game_id, 0) for game_id, was in known if players.get(game_id, 0) != was}
        if not changed:
            return
        async with self._database.write() as session:
            await self._database.lock(session, "catalog:upkeep")
            for game_id, count in sorted(changed.items()):
                await session.execute(update(Game).where(Game.id == game_id).values(popularity=count))
            await mark_changed(self._database, session, list(changed))
