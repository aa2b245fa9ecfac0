"""`/api/partners/games`: a publisher's games. HTTP only."""

from typing import Annotated

from litestar import Controller, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, PathParameter

from orchestrator.audit.recording import Actor
from orchestrator.catalog.definition import MAX_SLUG_LENGTH, SLUG_PATTERN
from orchestrator.publishers import views
from orchestrator.publishers.dependencies import provide_publisher, provide_publisher_actor, with_key
from orchestrator.publishers.games import OwnedGame, PublishedGames
from orchestrator.publishers.models import Publisher
from orchestrator.publishers.schemas import (
    CreatedGame,
    GameForm,
    GamePatch,
    GameStatistics,
    PublisherGameDetails,
    PublisherGames,
    Versions,
)
from orchestrator.publishers.versions import GameVersions

SlugParameter = Annotated[str, PathParameter(pattern=SLUG_PATTERN, max_length=MAX_SLUG_LENGTH)]
VersionId = Annotated[str, PathParameter(pattern=r"^[0-9a-z]+$", max_length=40)]


class PublishedGamesController(Controller):
    path = "/api/partners/games"
    tags = ("Publishers",)
    guards = (with_key,)
    dependencies = {"publisher": Provide(provide_publisher), "actor": Provide(provide_publisher_actor)}

    @get(operation_id="listPublishedGames")
    async def list_games(
        self, published_games: NamedDependency[PublishedGames], publisher: NamedDependency[Publisher]
    ) -> PublisherGames:
        """Every game of this publisher, by title."""
        found = await published_games.list(publisher)
        return PublisherGames(games=[views.entry(owned) for owned in found], total=len(found))

    @post(operation_id="createPublishedGame", status_code=201)
    async def create_game(
        self,
        data: JSONBody[GameForm],
        published_games: NamedDependency[PublishedGames],
        publisher: NamedDependency[Publisher],
        actor: NamedDependency[Actor],
    ) -> CreatedGame:
        """A new game, which waits for its archive. 409 `slug_taken`: slugs are unique in the whole installation."""
        found = await published_games.create(publisher, data, by=actor)
        return CreatedGame(id=found.game.id, slug=found.game.slug, status=found.status)

    @get("/{slug:str}", operation_id="getPublishedGame")
    async def get_game(
        self,
        slug: SlugParameter,
        published_games: NamedDependency[PublishedGames],
        publisher: NamedDependency[Publisher],
    ) -> PublisherGameDetails:
        """All about one game, and how many game servers hold it."""
        return await _details(published_games, await published_games.get(publisher, slug))

    @patch("/{slug:str}", operation_id="changePublishedGame")
    async def change_game(
        self,
        slug: SlugParameter,
        data: JSONBody[GamePatch],
        published_games: NamedDependency[PublishedGames],
        publisher: NamedDependency[Publisher],
        actor: NamedDependency[Actor],
    ) -> PublisherGameDetails:
        """Change what is said, nothing else. `launcher`, `renpyDir` and `savePaths` hold from the next upload on."""
        return await _details(published_games, await published_games.change(publisher, slug, data, by=actor))

    @get("/{slug:str}/versions", operation_id="listVersions")
    async def list_versions(
        self, slug: SlugParameter, game_versions: NamedDependency[GameVersions], publisher: NamedDependency[Publisher]
    ) -> Versions:
        """Every version that was accepted, the newest first."""
        found, builds = await game_versions.list(publisher, slug)
        return Versions(versions=[views.version(build, found.published) for build in builds])

    @post("/{slug:str}/versions/{version_id:str}/activate", operation_id="activateVersion", status_code=200)
    async def activate(
        self,
        slug: SlugParameter,
        version_id: VersionId,
        game_versions: NamedDependency[GameVersions],
        publisher: NamedDependency[Publisher],
        actor: NamedDependency[Actor],
    ) -> Versions:
        """Launches get this version from now on; who plays another one plays on."""
        await game_versions.activate(publisher, slug, version_id, by=actor)
        found, builds = await game_versions.list(publisher, slug)
        return Versions(versions=[views.version(build, found.published) for build in builds])

    @get("/{slug:str}/statistics", operation_id="getStatistics")
    async def statistics(
        self, slug: SlugParameter, game_versions: NamedDependency[GameVersions], publisher: NamedDependency[Publisher]
    ) -> GameStatistics:
        """Sessions, hours, crashes and boot time, of all versions and of each."""
        return views.statistics(await game_versions.statistics(publisher, slug))


async def _details(published_games: PublishedGames, found: OwnedGame) -> PublisherGameDetails:
    return views.details(found, await published_games.cached(found), await published_games.pictures(found))
