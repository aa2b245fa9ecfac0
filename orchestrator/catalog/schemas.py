"""The bodies of `/api/games`, named as the public API names them (docs/compatibility.md)."""

from datetime import date

from pydantic import Field

from orchestrator.http import Schema, Timestamp


class GameEntry(Schema):
    """A game in a list. `inLibrary` says that the visitor may play it."""

    id: str
    slug: str
    title: str
    developer: str
    description: str
    tags: list[str]
    thumbnail: str | None
    release_date: date | None = Field(alias="releaseDate")
    is_favorite: bool = Field(alias="isFavorite")
    in_library: bool = Field(alias="inLibrary")


class GameDetails(GameEntry):
    """`needsCode` says that it is played by those alone who have redeemed a code for it."""

    screenshots: list[str]
    content_rating: str | None = Field(alias="contentRating")
    languages: list[str]
    needs_code: bool = Field(alias="needsCode")
    created_at: Timestamp = Field(alias="createdAt")


class Pagination(Schema):
    page: int
    limit: int
    total: int
    total_pages: int = Field(alias="totalPages")


class GameList(Schema):
    games: list[GameEntry]
    pagination: Pagination


class TagCount(Schema):
    tag: str
    games: int


class TagList(Schema):
    tags: list[TagCount]


class FavoriteState(Schema):
    slug: str
    is_favorite: bool = Field(alias="isFavorite")
