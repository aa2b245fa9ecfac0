"""Games as lists and pages show them, and what a list is asked for. Values alone."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

Sort = Literal["title", "createdAt", "popular", "relevance"]
Order = Literal["asc", "desc"]
MOST_LISTED = 50


@dataclass(frozen=True, slots=True)
class GameView:
    """A game that can be played. `search_text` is what titles are sorted by."""

    id: str
    slug: str
    title: str
    developer: str
    search_text: str
    description: str
    tags: tuple[str, ...]
    thumbnail: str | None
    screenshots: tuple[str, ...]
    release_date: date | None
    content_rating: str | None
    languages: tuple[str, ...]
    needs_code: bool
    popularity: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ListedGame:
    """A game as one account sees it. `in_library` says that it may be played."""

    game: GameView
    is_favorite: bool
    in_library: bool


@dataclass(frozen=True, slots=True)
class Page:
    games: tuple[ListedGame, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is asked for. `search` is words, `tag` matches exactly, `is_mine` leaves what the account has liked,
    played or redeemed. `limit` is `MOST_LISTED` at most.
    """

    page: int = 1
    limit: int = 20
    search: str | None = None
    tag: str | None = None
    sort: Sort = "title"
    order: Order | None = None
    is_mine: bool = False
