"""The catalogue as each replica keeps it in memory, from one look to the next (docs/decisions/0031).

Rows stay the truth: a change of what lists show marks its games with the next revision (`mark_changed`), a look asks
for the newest revision, and games that were marked since are read anew. So no answer is older than its request.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from orchestrator.catalog.finding import GameIndex
from orchestrator.catalog.models import Game, GameTag
from orchestrator.catalog.views import GameView
from orchestrator.catalog.word_index import Vocabulary
from orchestrator.database import Database, Prepared

_NEWEST = select(func.max(Game.revision).label("revision"))
_NEWEST_ALONE = Prepared(_NEWEST)
_NOTHING_READ = -1
_SPARE_WORDS = 10_000

_log = structlog.get_logger()


async def mark_changed(database: Database, session: AsyncSession, game_ids: Sequence[str]) -> None:
    """Tell every replica, from this commit on, that lists show these games otherwise than before. It comes last in its
    transaction: its lock makes revisions become visible in their order, and nothing is waited for while it is held.
    """
    await session.flush()
    rows = select(Game.id).where(Game.id.in_(game_ids)).order_by(Game.id)
    await session.execute(rows.with_for_update(key_share=True))
    await database.lock(session, "catalog")
    any_game = aliased(Game)
    newest = select(func.max(any_game.revision)).scalar_subquery()
    marked = update(Game).where(Game.id.in_(game_ids)).values(revision=newest + 1)
    await session.execute(marked, execution_options={"synchronize_session": False})


class CatalogSnapshot:
    """One for each replica. It may be asked by several transactions at once."""

    def __init__(self) -> None:
        self._revision = _NOTHING_READ
        self._vocabulary = Vocabulary()
        self._index = GameIndex((), self._vocabulary)
        self._reading = asyncio.Lock()

    async def fresh(self, database: Database) -> GameIndex:
        """All games that can be played, as they are now or later."""
        newest = (await database.first(_NEWEST_ALONE, {})).revision
        if newest is None or newest <= self._revision:
            return self._index
        async with database.statements(is_write=False) as session:
            return await self.look(session)

    async def look(self, session: AsyncSession) -> GameIndex:
        """All games that can be played, as this transaction sees them or later."""
        newest = await session.scalar(_NEWEST)
        if newest is not None and newest > self._revision:
            async with self._reading:
                if newest > self._revision:
                    await self._read(session)
        return self._index

    async def _read(self, session: AsyncSession) -> None:
        changed = (await session.scalars(select(Game).where(Game.revision > self._revision))).all()
        tags = await _tags(session, self._revision)
        listed = [_view(game, tags[game.id]) for game in changed if game.current_build_id is not None]
        self._index = await asyncio.to_thread(self._changed, {game.id for game in changed}, listed)
        self._revision = max((game.revision for game in changed), default=self._revision)
        _log.debug("catalog.read", revision=self._revision, changed=len(changed), games=len(self._index.games))

    def _changed(self, gone: Collection[str], come: Iterable[GameView]) -> GameIndex:
        known = {game.view.id: game for game in self._index.ordered}
        stay = [game for game in self._index.ordered if game.view.id not in gone]
        indexed = [self._vocabulary.indexed(view, known.get(view.id)) for view in come]
        index = GameIndex([*stay, *indexed], self._vocabulary, self._index)
        if len(self._vocabulary) <= 2 * index.words.in_use + _SPARE_WORDS:
            return index
        self._vocabulary = Vocabulary()  # most of it were words of games that have others now
        return GameIndex([self._vocabulary.indexed(game.view) for game in index.ordered], self._vocabulary)


async def _tags(session: AsyncSession, revision: int) -> dict[str, list[str]]:
    query = select(GameTag.game_id, GameTag.tag).join(Game, Game.id == GameTag.game_id)
    tags: dict[str, list[str]] = defaultdict(list)
    for game_id, tag in await session.execute(query.where(Game.revision > revision).order_by(GameTag.position)):
        tags[game_id].append(tag)
    return tags


def _view(game: Game, tags: Sequence[str]) -> GameView:
    return GameView(
        id=game.id,
        slug=game.slug,
        title=game.title,
        developer=game.developer,
        search_text=game.search_text,
        description=game.description,
        tags=tuple(tags),
        thumbnail=game.shown_thumbnail,
        screenshots=tuple(game.shown_screenshots),
        release_date=game.release_date,
        content_rating=game.content_rating,
        languages=tuple(game.languages),
        needs_code=game.needs_code,
        popularity=game.popularity,
        created_at=game.created_at,
    )
