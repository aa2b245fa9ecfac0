"""Tables of the catalogue."""

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from agent_protocol import BuildSpec
from orchestrator.catalog.words import MOST_WORD_CHARACTERS
from orchestrator.database import Base, JsonDict, JsonList

_IS_LISTED = "current_build_id IS NOT NULL"


def _listed(name: str, *columns: str) -> Index:
    """An order in which games are listed. Only those that can be played are in it."""
    return Index(name, *columns, sqlite_where=text(_IS_LISTED), postgresql_where=text(_IS_LISTED))


class Game(Base):
    """A title. `search_text` is its title and developer, casefolded, for sorting alike on every database.

    `needs_code` says that only who has redeemed a code may play it. `popularity` is kept by `catalog.upkeep`, and
    `words_version` says by which rules its words were written down, 0 when they were not.
    `current_build_id` has no foreign key: the two tables would need each other before either has a row.
    """

    __tablename__ = "games"
    __table_args__ = (
        _listed("games_by_title", "search_text", "id"),
        _listed("games_by_creation", "created_at", "search_text", "id"),
        _listed("games_by_popularity", "popularity", "search_text", "id"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    developer: Mapped[str] = mapped_column(String(150))
    search_text: Mapped[str] = mapped_column(String(1000))
    description: Mapped[str] = mapped_column(Text)
    thumbnail: Mapped[str | None] = mapped_column(String(2000))
    screenshots: Mapped[JsonList]
    release_date: Mapped[date | None] = mapped_column(Date)
    content_rating: Mapped[str | None] = mapped_column(String(50))
    languages: Mapped[JsonList]
    current_build_id: Mapped[str | None] = mapped_column(String(40))
    needs_code: Mapped[bool] = mapped_column(default=False, server_default=false())
    popularity: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    words_version: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    created_at: Mapped[datetime]

    tag_rows: Mapped[list["GameTag"]] = relationship(
        order_by="GameTag.position", cascade="all, delete-orphan", lazy="raise"
    )

    @property
    def tags(self) -> list[str]:
        """Its tags in the publisher's order; only of a game that was loaded with them."""
        return [row.tag for row in self.tag_rows]


class GameTag(Base):
    __tablename__ = "game_tags"
    __table_args__ = (Index("ix_game_tags_tag", "tag"),)

    game_id: Mapped[str] = mapped_column(ForeignKey("games.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tag: Mapped[str] = mapped_column(String(50))


class GameWord(Base):
    """A word by which a game is found, and the best `place` that it stands in (`catalog.words`).

    PostgreSQL sorts it by its bytes, as SQLite does: what begins with a word is one stretch of the index.
    """

    __tablename__ = "game_words"
    __table_args__ = (Index("game_words_by_game", "game_id"), {"sqlite_with_rowid": False})

    word: Mapped[str] = mapped_column(
        String(MOST_WORD_CHARACTERS).with_variant(String(MOST_WORD_CHARACTERS, collation="C"), "postgresql"),
        primary_key=True,
    )
    game_id: Mapped[str] = mapped_column(ForeignKey("games.id", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int]


class Build(Base):
    """One immutable version of a game. `number` counts a game's builds; `spec` is a `BuildSpec`."""

    __tablename__ = "builds"
    __table_args__ = (UniqueConstraint("game_id", "number", name="uq_builds_game_id_number"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    game_id: Mapped[str] = mapped_column(ForeignKey("games.id", ondelete="CASCADE"))
    number: Mapped[int]
    version: Mapped[str] = mapped_column(String(100))
    image_id: Mapped[str] = mapped_column(String(100))
    spec: Mapped[JsonDict]
    created_at: Mapped[datetime]

    @property
    def build_spec(self) -> BuildSpec:
        return BuildSpec.model_validate(self.spec)


class Favorite(Base):
    __tablename__ = "favorites"
    __table_args__ = (Index("ix_favorites_game_id", "game_id"),)

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    game_id: Mapped[str] = mapped_column(ForeignKey("games.id", ondelete="CASCADE"), primary_key=True)
