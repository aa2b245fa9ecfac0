"""Tables of the catalogue."""

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from agent_protocol import BuildSpec
from orchestrator.database import Base, JsonDict, JsonList


class Game(Base):
    """A title. `search_text` is its title and developer, casefolded; whoever sorts by it does so outside the database,
    whose locale has an order of its own.

    `thumbnail` and `screenshots` are what its definition names, the `shown_` ones what people see: paths of ours alone
    (`pictures.asking.settle`).

    `needs_code` says that only who has redeemed a code may play it. `popularity` is kept by `catalog.upkeep`. Whoever
    changes what lists show gives it the next `revision` (`catalog.snapshot.mark_changed`).
    `current_build_id` has no foreign key: the two tables would need each other before either has a row.
    """

    __tablename__ = "games"
    __table_args__ = (Index("games_by_revision", "revision"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    developer: Mapped[str] = mapped_column(String(150))
    search_text: Mapped[str] = mapped_column(String(1000))
    description: Mapped[str] = mapped_column(Text)
    thumbnail: Mapped[str | None] = mapped_column(String(2000))
    screenshots: Mapped[JsonList]
    shown_thumbnail: Mapped[str | None] = mapped_column(String(2000))
    shown_screenshots: Mapped[JsonList] = mapped_column(default=list, server_default="[]")
    release_date: Mapped[date | None] = mapped_column(Date)
    content_rating: Mapped[str | None] = mapped_column(String(50))
    languages: Mapped[JsonList]
    current_build_id: Mapped[str | None] = mapped_column(String(40))
    needs_code: Mapped[bool] = mapped_column(default=False, server_default=false())
    popularity: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    revision: Mapped[int] = mapped_column(default=0, server_default=text("0"))
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
