"""`/api/saves`: a player's save slots. HTTP only."""

from typing import Annotated

from litestar import Controller, get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter
from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from orchestrator.accounts.account import Account
from orchestrator.accounts.dependencies import provide_account, signed_in
from orchestrator.catalog.service import Catalog
from orchestrator.http import Schema, Timestamp
from orchestrator.saves.service import SLOTS_PER_GAME, Saves

GameSlug = Annotated[str, QueryParameter(name="gameSlug", pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]


class SaveView(Schema):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    id: str
    game_slug: str
    slot: int
    label: str | None
    last_played_at: Timestamp
    size_bytes: int


class SavesAnswer(Schema):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    saves: list[SaveView]
    slots: int


class SaveController(Controller):
    path = "/api/saves"
    tags = ("saves",)
    guards = (signed_in,)
    dependencies = {"account": Provide(provide_account)}

    @get("/", operation_id="listSaves")
    async def list_saves(
        self,
        game_slug: GameSlug,
        account: NamedDependency[Account],
        catalog: NamedDependency[Catalog],
        saves: NamedDependency[Saves],
    ) -> SavesAnswer:
        found = await catalog.get_game(game_slug, account)
        summaries = await saves.slots(account.owner, found.game.id)
        return SavesAnswer(
            saves=[
                SaveView(
                    id=summary.slot.id,
                    game_slug=game_slug,
                    slot=summary.slot.number,
                    label=summary.slot.label,
                    last_played_at=summary.slot.last_played_at,
                    size_bytes=summary.size_bytes,
                )
                for summary in summaries
            ],
            slots=SLOTS_PER_GAME,
        )
