"""A page of games in SQL: which are found, in what order, as one account sees them."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Subquery,
    UnaryExpression,
    and_,
    exists,
    false,
    func,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from orchestrator.accounts.account import Account
from orchestrator.catalog.models import Favorite, Game, GameTag, GameWord
from orchestrator.catalog.words import search_words, worst_place
from orchestrator.library.models import LibraryEntry
from orchestrator.play.models import Session

Sort = Literal["title", "createdAt", "popular", "relevance"]
Order = Literal["asc", "desc"]

_BEYOND = "\U0010ffff"


@dataclass(frozen=True)
class ListedGame:
    """A game as one account sees it. `in_library` says that it may be played."""

    game: Game
    is_favorite: bool
    in_library: bool


@dataclass(frozen=True)
class Page:
    games: tuple[ListedGame, ...]
    total: int


@dataclass(frozen=True)
class Wanted:
    """What a list is asked for. `search` is words, `tag` matches exactly, `is_mine` leaves what the account has liked,
    played or redeemed.
    """

    page: int = 1
    limit: int = 20
    search: str | None = None
    tag: str | None = None
    sort: Sort = "title"
    order: Order | None = None
    is_mine: bool = False


async def find(session: AsyncSession, account: Account, wanted: Wanted) -> Page:
    """One page of the games that can be played. Without `order` titles and dates ascend, and the most popular and what
    fits the search best come first.
    """
    matches = [_matching(word, number) for number, word in enumerate(search_words(wanted.search or ""))]
    source: FromClause = Game.__table__
    for match in matches:
        source = source.join(match, match.c.game_id == Game.id)
    conditions = _conditions(account, wanted, has_words=bool(matches))
    total = (await session.execute(select(func.count()).select_from(source).where(*conditions))).scalar_one()
    ordering = _ordering(wanted.sort, wanted.order, matches)
    ids = select(Game.id).select_from(source).where(*conditions).order_by(*ordering)
    chosen = list(await session.scalars(ids.limit(wanted.limit).offset((wanted.page - 1) * wanted.limit)))
    seen = {row[0].id: ListedGame(*row) for row in await session.execute(seen_by(account).where(Game.id.in_(chosen)))}
    return Page(tuple(seen[game_id] for game_id in chosen), total)


def seen_by(account: Account) -> Select[Game, bool, bool]:
    """What a `ListedGame` is made of; the caller narrows it."""
    likes = exists().where(Favorite.game_id == Game.id, Favorite.account_id == account.id)
    has = exists().where(LibraryEntry.game_id == Game.id, LibraryEntry.account_id == account.id)
    return select(Game, likes, or_(Game.needs_code.is_(False), has)).options(selectinload(Game.tag_rows))


def _matching(word: str, number: int) -> Subquery:
    """The games with a word that begins like this one, each with the best place that it stands in."""
    begins_so = and_(GameWord.word >= word, GameWord.word < word + _BEYOND)
    found = select(GameWord.game_id, func.min(GameWord.place).label("place"))
    return found.where(begins_so, GameWord.place <= worst_place(word)).group_by(GameWord.game_id).subquery(f"w{number}")


def _conditions(account: Account, wanted: Wanted, *, has_words: bool) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Game.current_build_id.is_not(None)]
    if wanted.search and wanted.search.strip() and not has_words:
        conditions.append(false())  # there is no letter in it by which anything could be found
    if wanted.tag:
        conditions.append(Game.id.in_(select(GameTag.game_id).where(GameTag.tag == wanted.tag)))
    if wanted.is_mine:
        conditions.append(
            or_(
                Game.id.in_(select(Favorite.game_id).where(Favorite.account_id == account.id)),
                Game.id.in_(select(LibraryEntry.game_id).where(LibraryEntry.account_id == account.id)),
                Game.id.in_(select(Session.game_id).where(Session.owner == account.owner)),
            )
        )
    return conditions


def _ordering(sort: Sort, order: Order | None, matches: list[Subquery]) -> list[UnaryExpression[Any]]:
    """The chosen column, then the title, then the id: pages never overlap."""
    by_title: list[UnaryExpression[Any]] = [Game.search_text.asc(), Game.id.asc()]
    if sort == "popular":
        return [Game.popularity.asc() if order == "asc" else Game.popularity.desc(), *by_title]
    if sort == "relevance":
        places = [match.c.place for match in matches]
        if not places:
            return by_title
        worst = sum(places[1:], places[0])
        return [worst.desc() if order == "desc" else worst.asc(), *by_title]
    column = Game.search_text if sort == "title" else Game.created_at
    return [column.desc() if order == "desc" else column.asc(), *by_title]
