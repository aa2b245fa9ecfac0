"""The library page as its address says: what is looked for, and the addresses of what lies beside it. Pure.

An address that asks for nonsense is answered with the nearest sensible page, never with an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast
from urllib.parse import urlencode

from orchestrator.catalog.views import ListedGame, Page, Sort, Wanted

LIMIT = 24
MOST_SEARCH_CHARACTERS = 200
_MOST_PAGES = 100_000
_ARTICLES = ("the ", "a ", "an ")
SORTS: Mapping[str, str] = {"title": "By title", "popular": "Most played", "createdAt": "Newest"}


@dataclass(frozen=True)
class Shelf:
    """What an address of the library asks for. `sort` is empty where the page chooses: what fits best to a search, else
    titles.
    """

    search: str = ""
    tag: str = ""
    sort: str = ""
    is_mine: bool = False
    page: int = 1

    @property
    def address(self) -> str:
        """The address that asks for just this."""
        asked = {"search": self.search, "tag": self.tag, "sort": self.sort, "mine": "1" if self.is_mine else ""}
        known = {name: value for name, value in asked.items() if value}
        query = urlencode({**known, **({"page": self.page} if self.page > 1 else {})})
        return f"/?{query}" if query else "/"

    def at(self, page: int) -> "Shelf":
        return replace(self, page=page)

    def with_tag(self, tag: str) -> "Shelf":
        """The first page of this tag as well, or of all tags when it is empty."""
        return replace(self, tag=tag, page=1)

    def of(self, *, is_mine: bool) -> "Shelf":
        return replace(self, is_mine=is_mine, page=1)

    @property
    def wanted(self) -> Wanted:
        sort = self.sort or ("relevance" if self.search else "title")
        return Wanted(
            page=self.page,
            limit=LIMIT,
            search=self.search or None,
            tag=self.tag or None,
            sort=cast("Sort", sort),
            order="desc" if sort == "createdAt" else None,
            is_mine=self.is_mine,
        )


def shelf_of(query: Mapping[str, str]) -> Shelf:
    page = query.get("page", "1")
    number = int(page) if page.isascii() and page.isdigit() and len(page) <= 6 else 1
    sort = query.get("sort", "")
    return Shelf(
        search=_text(query.get("search", "")),
        tag=_text(query.get("tag", "")),
        sort=sort if sort in SORTS else "",
        is_mine=query.get("mine") == "1",
        page=min(max(number, 1), _MOST_PAGES),
    )


def _text(value: str) -> str:
    storable = value.replace("\0", "").encode("utf-8", "ignore").decode()
    return storable.strip()[:MOST_SEARCH_CHARACTERS]


@dataclass(frozen=True)
class Card:
    """A game as its card shows it. Without a picture, or where it cannot be had, a curtain with a letter is drawn."""

    listed: ListedGame
    cloth: int
    letter: str


def cards_of(page: Page) -> tuple[Card, ...]:
    return tuple(Card(each, cloth_of(each.game.slug), letter_of(each.game.title)) for each in page.games)


def pages_of(total: int) -> int:
    return max(1, -(-total // LIMIT))


def cloth_of(slug: str) -> int:
    """One of six cloths, the same as `covers.js` gives it."""
    total = 0
    for character in slug:
        total = (total * 31 + ord(character)) % 9973
    return total % 6


def letter_of(title: str) -> str:
    """The first letter of a title that is not an article's, as `covers.js` gives it."""
    words = " ".join(title.split())
    for article in _ARTICLES:
        if words.lower().startswith(article):
            words = words[len(article) :]
            break
    return words[:1].upper() or "?"
