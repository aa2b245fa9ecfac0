"""What a publisher can do with their games, and an operator with all of them. No HTTP.

What people read of a game is the catalogue's; here is whose it is, how it is started and which build is played.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, selectinload

from orchestrator.audit.recording import COMMAND_LINE, Action, Actor, record
from orchestrator.catalog.definition import GameDescription
from orchestrator.catalog.models import Build, Game
from orchestrator.catalog.service import upsert_game
from orchestrator.catalog.snapshot import mark_changed
from orchestrator.database import Database
from orchestrator.errors import Conflict, Forbidden, InvalidRequest, NotFound
from orchestrator.fleet.models import Host
from orchestrator.notices import Notices
from orchestrator.pictures.asking import TOPIC, pictures_of
from orchestrator.pictures.models import GamePicture
from orchestrator.pictures.showing import outside_ones
from orchestrator.publishers.models import PublishedGame, Publisher, Upload
from orchestrator.publishers.schemas import GameForm, GamePatch
from orchestrator.publishers.status import GameStatus, UploadState, status_of

log = structlog.get_logger()

_DESCRIBED = frozenset(GameDescription.model_fields) - {"slug"}
_PICTURES = frozenset({"thumbnail", "screenshots"})
_NULLABLE = frozenset({"thumbnail", "release_date", "content_rating", "renpy_dir"})


@dataclass(frozen=True, slots=True)
class OwnedGame:
    """A game with all that its publisher sees of it; `newest` is its newest upload."""

    game: Game
    published: PublishedGame
    newest: Upload | None

    @property
    def status(self) -> GameStatus:
        return status_of(
            is_suspended=self.published.is_suspended,
            is_playable=self.published.active_build_id is not None,
            newest=UploadState(self.newest.state) if self.newest else None,
        )


@dataclass(frozen=True, slots=True)
class Cached:
    """How many hosts there are, and how many hold the active build."""

    servers: int
    cached: int


class PublishedGames:
    def __init__(self, database: Database, notices: Notices) -> None:
        self._database = database
        self._notices = notices

    async def list(self, publisher: Publisher) -> Sequence[OwnedGame]:
        """All games of a publisher, by title."""
        query = (
            select(Game, PublishedGame)
            .join(PublishedGame, PublishedGame.game_id == Game.id)
            .where(PublishedGame.publisher_id == publisher.id)
            .options(selectinload(Game.tag_rows))
        )
        async with self._database.read() as session:
            rows = (await session.execute(query)).all()
            newest = await _newest_uploads(session, [game.id for game, _ in rows])
        owned_games = [OwnedGame(game, published, newest.get(game.id)) for game, published in rows]
        return sorted(owned_games, key=lambda each: (each.game.search_text, each.game.id))

    async def create(self, publisher: Publisher, form: GameForm, *, by: Actor = COMMAND_LINE) -> OwnedGame:
        """A game that waits for its archive. InvalidRequest, Conflict `slug_taken`: slugs are unique everywhere."""
        _require_save(form.renpy_dir, form.save_paths)
        description = GameDescription.model_validate(form.model_dump(include={*_DESCRIBED, "slug"}))
        async with self._database.write() as session:
            await self._database.lock(session, f"game:{form.slug}")
            if await session.scalar(select(Game.id).where(Game.slug == form.slug)) is not None:
                raise Conflict(f"There is a game {form.slug!r} already.", code="slug_taken")
            now = await self._database.now(session)
            game = await upsert_game(session, description, now)
            self._notices.publish_after_commit(session, TOPIC)
            await session.flush()
            published = PublishedGame(
                game_id=game.id,
                publisher_id=publisher.id,
                launcher=form.launcher,
                renpy_dir=form.renpy_dir,
                save_paths=list(form.save_paths),
                updated_at=now,
            )
            session.add(published)
            record(session, by, Action.GAME_PUBLISH, form.slug, now, publisher=publisher.id)
        log.info("game.published", game=form.slug, publisher=publisher.id)
        return OwnedGame(game, published, None)

    async def get(self, publisher: Publisher, slug: str) -> OwnedGame:
        """NotFound, Forbidden for a game of somebody else."""
        async with self._database.read() as session:
            return await owned(session, publisher, slug)

    async def change(self, publisher: Publisher, slug: str, patch: GamePatch, *, by: Actor = COMMAND_LINE) -> OwnedGame:
        """Take over what the patch says. What describes the title holds at once, how it is started with the next
        upload. InvalidRequest, NotFound, Forbidden.
        """
        said = {name: getattr(patch, name) for name in patch.model_fields_set}
        empty = [name for name, value in said.items() if value is None and name not in _NULLABLE]
        if empty:
            raise InvalidRequest(f"{empty[0]}: cannot be taken back")
        if said.pop("slug", slug) != slug:
            raise InvalidRequest("slug: cannot be changed")
        async with self._database.write() as session:
            await self._database.lock(session, f"game:{slug}")
            found = await owned(session, publisher, slug)
            before = {name: getattr(found.game, name) for name in _DESCRIBED}
            described = {name: value for name, value in said.items() if name in _DESCRIBED}
            now = await self._database.now(session)
            description = GameDescription.model_validate({**before, **described, "slug": slug})
            await upsert_game(session, description, now, names_pictures=not _PICTURES.isdisjoint(described))
            self._notices.publish_after_commit(session, TOPIC)
            for name in said.keys() - _DESCRIBED:
                setattr(found.published, name, said[name])
            _require_save(found.published.renpy_dir, found.published.save_paths)
            found.published.updated_at = now
            record(session, by, Action.GAME_CHANGE, slug, now, fields=", ".join(sorted(patch.model_fields_set)))
            await mark_changed(self._database, session, [found.game.id])
        return found

    async def cached(self, found: OwnedGame) -> Cached:
        """As hosts reported last; those that were removed do not count."""
        async with self._database.read() as session:
            build_id = found.published.active_build_id
            build = await session.get(Build, build_id) if build_id else None
            held = (await session.scalars(select(Host.images).where(Host.removed_at.is_(None)))).all()
        image_id = build.image_id if build else None
        holding = sum(any(image.get("image_id") == image_id for image in images) for images in held)
        return Cached(len(held), holding if image_id else 0)

    async def pictures(self, found: OwnedGame) -> Sequence[GamePicture]:
        """Those that the game names by URL, in its order."""
        async with self._database.read() as session:
            rows = await pictures_of(session, found.game.id)
        named = outside_ones(found.game.thumbnail, found.game.screenshots)
        return [rows[url] for url in named if url in rows]

    async def set_suspended(self, slug: str, reason: str | None, *, by: Actor = COMMAND_LINE) -> GameStatus:
        """An operator's word: with a reason nobody can launch the game, what runs plays on; None takes it back.
        NotFound.
        """
        async with self._database.write() as session:
            await self._database.lock(session, f"game:{slug}")
            found = await _found(session, slug)
            if found is None:
                raise NotFound(f"There is no publisher's game {slug!r}.")
            found.published.is_suspended = reason is not None
            found.published.suspended_because = reason
            found.published.updated_at = now = await self._database.now(session)
            found.game.current_build_id = None if reason is not None else found.published.active_build_id
            if reason is None:
                record(session, by, Action.GAME_RESUME, slug, now)
            else:
                record(session, by, Action.GAME_SUSPEND, slug, now, reason=reason)
            await mark_changed(self._database, session, [found.game.id])
        log.info("game.suspended" if reason is not None else "game.resumed", game=slug)
        return found.status


async def owned(session: AsyncSession, publisher: Publisher, slug: str) -> OwnedGame:
    """In a transaction of the caller's. NotFound, Forbidden."""
    found = await _found(session, slug)
    if found is not None and found.published.publisher_id == publisher.id:
        return found
    if found is None and await session.scalar(select(Game.id).where(Game.slug == slug)) is None:
        raise NotFound(f"There is no game {slug!r}.")
    raise Forbidden(f"The game {slug!r} is not yours.")


def play_build(found: OwnedGame, build_id: str, now: datetime) -> None:
    """From now on this build is what is launched, once nobody has suspended the game. The caller marks the game as
    changed.
    """
    found.published.active_build_id = build_id
    found.published.updated_at = now
    if not found.published.is_suspended:
        found.game.current_build_id = build_id


async def _found(session: AsyncSession, slug: str) -> OwnedGame | None:
    query = (
        select(Game, PublishedGame)
        .join(PublishedGame, PublishedGame.game_id == Game.id)
        .where(Game.slug == slug)
        .options(selectinload(Game.tag_rows))
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        return None
    game, published = row
    return OwnedGame(game, published, (await _newest_uploads(session, [game.id])).get(game.id))


async def _newest_uploads(session: AsyncSession, game_ids: Sequence[str]) -> Mapping[str, Upload]:
    """One row a game is read: a game may have had thousands of uploads."""
    each = aliased(Upload)
    newest = select(each.id).where(each.game_id == Game.id).order_by(each.created_at.desc(), each.id.desc()).limit(1)
    query = select(Upload).join(Game, Upload.id == newest.scalar_subquery()).where(Game.id.in_(game_ids))
    return {upload.game_id: upload for upload in await session.scalars(query)}


def _require_save(renpy_dir: str | None, save_paths: Sequence[object]) -> None:
    if renpy_dir is None and not save_paths:
        raise InvalidRequest("renpyDir: a Ren'Py game needs it, any other game savePaths")
