"""What can be done with the catalogue: look, search, add a build, like a game. No HTTP and no Docker."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import CompoundSelect, and_, bindparam, delete, exists, select, union
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from agent_protocol import BuildSpec
from orchestrator.accounts.account import Account
from orchestrator.audit.recording import COMMAND_LINE, Action, Actor, record
from orchestrator.catalog.definition import BuildDefinition, GameDefinition, GameDescription
from orchestrator.catalog.images import EngineImage
from orchestrator.catalog.models import Build, Favorite, Game, GameTag
from orchestrator.catalog.snapshot import CatalogSnapshot, mark_changed
from orchestrator.catalog.views import MOST_LISTED, GameView, ListedGame, Page, Wanted
from orchestrator.database import Database, Prepared, insert_unless_there
from orchestrator.errors import NotFound
from orchestrator.ids import new_id
from orchestrator.library.models import LibraryEntry
from orchestrator.pictures.asking import settle
from orchestrator.play.models import Session

_PLACES = [f"game{place}" for place in range(MOST_LISTED)]
_ACCOUNT = bindparam("account_id")
_SEEN = Prepared(
    select(
        Game.id,
        exists().where(Favorite.account_id == _ACCOUNT, Favorite.game_id == Game.id).label("is_liked"),
        exists().where(LibraryEntry.account_id == _ACCOUNT, LibraryEntry.game_id == Game.id).label("is_owned"),
    ).where(Game.id.in_([bindparam(name, "") for name in _PLACES]))
)

log = structlog.get_logger()


@dataclass(frozen=True)
class AddedBuild:
    """`is_new` is False when the catalogue had this very build already."""

    build_id: str
    is_new: bool


class Catalog:
    def __init__(self, database: Database, snapshot: CatalogSnapshot) -> None:
        self._database = database
        self._snapshot = snapshot

    async def list_games(self, account: Account, wanted: Wanted) -> Page:
        """One page of the games that can be played (`finding.GameIndex.find`), as the account sees them."""
        games = await self._snapshot.fresh(self._database)
        found = games.find(wanted, await self._own(account) if wanted.is_mine else ())
        return Page(await self._seen(account, found.games), found.total)

    async def get_game(self, slug: str, account: Account) -> ListedGame:
        """One game that can be played. NotFound."""
        game = (await self._snapshot.fresh(self._database)).get(slug)
        if game is None:
            raise _no_such_game(slug)
        (listed,) = await self._seen(account, (game,))
        return listed

    async def list_tags(self) -> Sequence[tuple[str, int]]:
        """Every tag of a game that can be played, with how many games have it, in alphabetical order."""
        return (await self._snapshot.fresh(self._database)).tags

    async def common_tags(self, most: int, also: str = "") -> list[str]:
        """The tags that most games have, in alphabetical order, and `also` when it is not empty."""
        counted = sorted(await self.list_tags(), key=lambda tag: (-tag[1], tag[0]))
        tags = {tag for tag, _ in counted[:most]}
        return sorted(tags | ({also} if also else set()), key=str.casefold)

    async def set_favorite(self, slug: str, account: Account, *, is_favorite: bool) -> None:
        """Like a game, or no longer. Doing it twice changes nothing. NotFound."""
        async with self._database.write() as session:
            game, _ = await self.launchable(session, slug)
            if is_favorite:
                await insert_unless_there(session, Favorite, account_id=account.id, game_id=game.id)
            else:
                favorite = and_(Favorite.account_id == account.id, Favorite.game_id == game.id)
                await session.execute(delete(Favorite).where(favorite))

    async def launchable(self, session: AsyncSession, slug: str) -> tuple[Game, Build]:
        """The game and the build that a launch would run, as this transaction sees them. NotFound."""
        statement = select(Game, Build).join(Build, Build.id == Game.current_build_id).where(Game.slug == slug)
        row = (await session.execute(statement)).one_or_none()
        if row is None:
            raise _no_such_game(slug)
        return row[0], row[1]

    async def list_builds(self) -> list[tuple[Game, Build]]:
        """Every game with its current build, by slug, for the operator."""
        statement = select(Game, Build).join(Build, Build.id == Game.current_build_id).order_by(Game.slug)
        async with self._database.read() as session:
            return [(game, build) for game, build in (await session.execute(statement)).all()]

    async def add_game(self, definition: GameDefinition, image: EngineImage, *, by: Actor = COMMAND_LINE) -> AddedBuild:
        """Make this definition the game's current one.

        A build never changes: whatever differs in it (version, image, limits) makes a new one, and the very same
        definition makes none. What describes the title is simply brought up to date.
        """
        async with self._database.write() as session:
            await self._database.lock(session, f"game:{definition.slug}")
            now = await self._database.now(session)
            game = await upsert_game(session, definition, now)
            was_locked = game.needs_code
            if definition.needs_code is not None:
                game.needs_code = definition.needs_code
            build, is_new = await add_build(session, game.id, definition.build, image, now)
            game.current_build_id = build.id
            if is_new or game.needs_code != was_locked:
                details = {"version": build.version, "needs_code": game.needs_code}
                record(session, by, Action.GAME_ADD, game.slug, now, **details)
            await mark_changed(self._database, session, [game.id])
        if is_new:
            log.info("build.added", game=definition.slug, build_id=build.id, version=build.version)
        return AddedBuild(build.id, is_new)

    async def _own(self, account: Account) -> set[str]:
        async with self._database.statements(is_write=False) as session:
            return set(await session.scalars(_own(account)))

    async def _seen(self, account: Account, games: Sequence[GameView]) -> tuple[ListedGame, ...]:
        """With what the account has to do with each."""
        ids = dict(zip(_PLACES[: len(games)], (game.id for game in games), strict=True))
        rows = await self._database.rows(_SEEN, {"account_id": account.id, **ids})
        liked = {row.id for row in rows if row.is_liked}
        owned = {row.id for row in rows if row.is_owned}
        return tuple(ListedGame(game, game.id in liked, not game.needs_code or game.id in owned) for game in games)


async def upsert_game(
    session: AsyncSession, definition: GameDescription, now: datetime, *, names_pictures: bool = True
) -> Game:
    """The game of this slug, made where it is missing, described as `definition` says. The caller holds the lock
    `game:{slug}`, and marks it as changed. Where the definition `names_pictures`, those that could not be had are asked
    for once more.
    """
    found = select(Game).where(Game.slug == definition.slug).options(selectinload(Game.tag_rows))
    game = (await session.execute(found)).scalar_one_or_none()
    if game is None:
        game = Game(id=new_id("clx"), slug=definition.slug, created_at=now, tag_rows=[])
        session.add(game)
    game.title = definition.title
    game.developer = definition.developer
    game.search_text = f"{definition.title}\n{definition.developer}".casefold()
    game.description = definition.description
    game.thumbnail = definition.thumbnail
    game.screenshots = list(definition.screenshots)
    game.release_date = definition.release_date
    game.content_rating = definition.content_rating
    game.languages = list(definition.languages)
    if game.tags != list(definition.tags):
        game.tag_rows.clear()
        await session.flush()
        game.tag_rows.extend(GameTag(position=position, tag=tag) for position, tag in enumerate(definition.tags))
    await session.flush()
    await settle(session, game, now, is_named_again=names_pictures)
    return game


async def add_build(
    session: AsyncSession, game_id: str, definition: BuildDefinition, image: EngineImage, now: datetime
) -> tuple[Build, bool]:
    """The build of this definition and image, and whether it is new: a game never has the very same one twice. The
    caller holds the lock `game:{slug}`.
    """
    statement = select(Build).where(Build.game_id == game_id).order_by(Build.number)
    builds = (await session.execute(statement)).scalars().all()
    for known in builds:
        if known.version == definition.version and known.build_spec == _spec(known.id, definition, image):
            return known, False
    build_id = new_id("bld")
    build = Build(
        id=build_id,
        game_id=game_id,
        number=len(builds) + 1,
        version=definition.version,
        image_id=image.image_id,
        spec=_spec(build_id, definition, image).model_dump(mode="json"),
        created_at=now,
    )
    session.add(build)
    return build, True


def _spec(build_id: str, definition: BuildDefinition, image: EngineImage) -> BuildSpec:
    fields = definition.model_dump(exclude={"version"})
    if image.reference is not None:
        fields["image"] = image.reference
    return BuildSpec(
        build_id=build_id,
        image_id=image.image_id,
        manifest_digest=image.manifest_digest,
        size_bytes=image.size_bytes or 0,
        layers=dict(image.layers),
        **fields,
    )


def _own(account: Account) -> CompoundSelect[str]:
    """What the account has liked, redeemed or played."""
    return union(
        select(Favorite.game_id).where(Favorite.account_id == account.id),
        select(LibraryEntry.game_id).where(LibraryEntry.account_id == account.id),
        select(Session.game_id).where(Session.owner == account.owner),
    )


def _no_such_game(slug: str) -> NotFound:
    return NotFound(f"There is no game {slug!r}.")
