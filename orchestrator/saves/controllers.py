"""`/api/saves`: a player's save slots and their versions. HTTP only."""

from typing import Annotated

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, QueryParameter

from orchestrator.accounts.account import Account
from orchestrator.accounts.dependencies import provide_account, signed_in
from orchestrator.catalog.service import Catalog
from orchestrator.saves.schemas import (
    RestoreRequest,
    SavesAnswer,
    SaveView,
    VersionsAnswer,
    save_view,
    version_view,
)
from orchestrator.saves.service import SLOTS_PER_GAME, Saves

GameSlug = Annotated[str, QueryParameter(name="gameSlug", pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]


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
        return SavesAnswer(saves=[save_view(summary) for summary in summaries], slots=SLOTS_PER_GAME)

    @get("/{slot_id:str}/versions", operation_id="listSaveVersions")
    async def list_versions(
        self, slot_id: FromPath[str], account: NamedDependency[Account], saves: NamedDependency[Saves]
    ) -> VersionsAnswer:
        return VersionsAnswer(versions=[version_view(v) for v in await saves.versions(account.owner, slot_id)])

    @post("/{slot_id:str}/restore", status_code=200, operation_id="restoreSave")
    async def restore(
        self,
        slot_id: FromPath[str],
        data: JSONBody[RestoreRequest],
        account: NamedDependency[Account],
        saves: NamedDependency[Saves],
    ) -> SaveView:
        return save_view(await saves.restore(account.owner, slot_id, data.version_id))

    @get("/{slot_id:str}/versions/{version_id:str}/picture", media_type="image/jpeg", operation_id="getSavePicture")
    async def picture(
        self,
        slot_id: FromPath[str],
        version_id: FromPath[str],
        account: NamedDependency[Account],
        saves: NamedDependency[Saves],
    ) -> Response[bytes]:
        content = await saves.picture(account.owner, slot_id, version_id)
        return Response(content, headers={"Cache-Control": "private, max-age=31536000, immutable"})
