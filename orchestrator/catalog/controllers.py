"""`/api/games`: the catalogue as its signed-in visitor sees it."""

import math
from typing import Annotated

from litestar import Controller, delete, get, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, PathParameter, QueryParameter

from orchestrator.accounts.account import Account
from orchestrator.accounts.dependencies import provide_account, signed_in
from orchestrator.catalog.definition import MAX_SLUG_LENGTH, SLUG_PATTERN
from orchestrator.catalog.schemas import (
    FavoriteState,
    GameDetails,
    GameEntry,
    GameList,
    Pagination,
    TagCount,
    TagList,
)
from orchestrator.catalog.service import Catalog
from orchestrator.catalog.views import MOST_LISTED, ListedGame, Order, Sort, Wanted

SlugParameter = Annotated[str, PathParameter(pattern=SLUG_PATTERN, max_length=MAX_SLUG_LENGTH)]
Text = Annotated[str | None, QueryParameter(max_length=200, pattern=r"^[^\x00]*$")]


class GamesController(Controller):
    path = "/api/games"
    tags = ("Games",)
    guards = (signed_in,)
    dependencies = {"account": Provide(provide_account)}

    @get(operation_id="listGames")
    async def list_games(
        self,
        catalog: NamedDependency[Catalog],
        account: NamedDependency[Account],
        page: Annotated[int, QueryParameter(ge=1, le=1_000_000)] = 1,
        limit: Annotated[int, QueryParameter(ge=1, le=MOST_LISTED)] = 20,
        search: Text = None,
        tag: Text = None,
        sort: FromQuery[Sort] = "title",
        order: FromQuery[Order | None] = None,
        mine: FromQuery[bool] = False,
    ) -> GameList:
        """The games that can be played; a page has at most 50. Each word of `search` begins a word of the title, the
        developer, a tag or the description. `sort=relevance` puts first what has it in its title. `mine` leaves what
        the visitor has liked, played or redeemed.
        """
        wanted = Wanted(page=page, limit=limit, search=search, tag=tag, sort=sort, order=order, is_mine=mine)
        found = await catalog.list_games(account, wanted)
        pages = math.ceil(found.total / limit)
        return GameList(
            games=[entry_of(listed) for listed in found.games],
            pagination=Pagination(page=page, limit=limit, total=found.total, totalPages=pages),
        )

    @get("/tags", operation_id="listGameTags")
    async def list_tags(self, catalog: NamedDependency[Catalog]) -> TagList:
        """Every tag in use, with how many games have it."""
        return TagList(tags=[TagCount(tag=tag, games=count) for tag, count in await catalog.list_tags()])

    @get("/{slug:str}", operation_id="getGame")
    async def get_game(
        self, catalog: NamedDependency[Catalog], account: NamedDependency[Account], slug: SlugParameter
    ) -> GameDetails:
        """All about one game."""
        listed = await catalog.get_game(slug, account)
        game = listed.game
        return GameDetails.model_validate(
            {
                **entry_of(listed).model_dump(by_alias=True),
                "screenshots": game.screenshots,
                "contentRating": game.content_rating,
                "languages": game.languages,
                "needsCode": game.needs_code,
                "createdAt": game.created_at,
            }
        )

    @put("/{slug:str}/favorite", operation_id="addFavorite")
    async def add_favorite(
        self, catalog: NamedDependency[Catalog], account: NamedDependency[Account], slug: SlugParameter
    ) -> FavoriteState:
        """Put a game among the visitor's favourites."""
        await catalog.set_favorite(slug, account, is_favorite=True)
        return FavoriteState(slug=slug, isFavorite=True)

    @delete("/{slug:str}/favorite", operation_id="removeFavorite", status_code=200)
    async def remove_favorite(
        self, catalog: NamedDependency[Catalog], account: NamedDependency[Account], slug: SlugParameter
    ) -> FavoriteState:
        """Take a game from the visitor's favourites."""
        await catalog.set_favorite(slug, account, is_favorite=False)
        return FavoriteState(slug=slug, isFavorite=False)


def entry_of(listed: ListedGame) -> GameEntry:
    game = listed.game
    return GameEntry(
        id=game.id,
        slug=game.slug,
        title=game.title,
        developer=game.developer,
        description=game.description,
        tags=list(game.tags),
        thumbnail=game.thumbnail,
        releaseDate=game.release_date,
        isFavorite=listed.is_favorite,
        inLibrary=listed.in_library,
    )
