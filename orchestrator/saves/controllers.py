"""`/api/saves`: a player's save slots and their versions. HTTP only."""

from typing import Annotated

from litestar import Controller, Response, delete, get, patch, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response import Stream

from orchestrator.accounts.account import Account
from orchestrator.accounts.dependencies import provide_account, signed_in
from orchestrator.api_operations import takes
from orchestrator.catalog.service import Catalog
from orchestrator.http import AnyRequest, received
from orchestrator.saves.keeping import SlotKeeping
from orchestrator.saves.schemas import (
    DeletedSaveView,
    RestoreRequest,
    SavePatch,
    SavesAnswer,
    SaveView,
    VersionsAnswer,
    deleted_view,
    save_view,
    version_view,
)
from orchestrator.saves.service import Saves
from orchestrator.saves.slots import SLOTS_PER_GAME
from orchestrator.saves.transfers import SaveTransfers

_ARCHIVE = "application/zstd"

GameSlug = Annotated[str, QueryParameter(name="gameSlug", pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]
VersionId = Annotated[str | None, QueryParameter(name="versionId", pattern=r"^[A-Za-z0-9_-]+$", max_length=64)]


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
        slot_keeping: NamedDependency[SlotKeeping],
    ) -> SavesAnswer:
        """The slots of a game that hold something, and those that were deleted and can be brought back."""
        found = await catalog.get_game(game_slug, account)
        return SavesAnswer(
            saves=[save_view(summary) for summary in await saves.slots(account.owner, found.game.id)],
            slots=SLOTS_PER_GAME,
            deleted=[deleted_view(summary) for summary in await slot_keeping.deleted(account.owner, found.game.id)],
        )

    @patch("/{slot_id:str}", operation_id="changeSave")
    async def change(
        self,
        slot_id: FromPath[str],
        data: JSONBody[SavePatch],
        account: NamedDependency[Account],
        slot_keeping: NamedDependency[SlotKeeping],
    ) -> SaveView:
        """Name a slot: one line of at most 60 characters, kept as text."""
        return save_view(await slot_keeping.label(account.owner, slot_id, data.label))

    @delete("/{slot_id:str}", status_code=200, operation_id="deleteSave")
    async def delete_slot(
        self, slot_id: FromPath[str], account: NamedDependency[Account], slot_keeping: NamedDependency[SlotKeeping]
    ) -> DeletedSaveView:
        """Delete a slot. For 30 days it can be brought back. 409 `slot_in_use` while it is played."""
        return deleted_view(await slot_keeping.delete(account.owner, slot_id))

    @post("/{slot_id:str}/undelete", status_code=200, operation_id="undeleteSave")
    async def undelete(
        self, slot_id: FromPath[str], account: NamedDependency[Account], slot_keeping: NamedDependency[SlotKeeping]
    ) -> SaveView:
        """Bring a deleted slot back, under its number or another free one. 409 `slots_full` when there is none."""
        return save_view(await slot_keeping.restore(account.owner, slot_id))

    @get("/{slot_id:str}/download", media_type=_ARCHIVE, operation_id="downloadSave")
    async def download(
        self,
        slot_id: FromPath[str],
        account: NamedDependency[Account],
        save_transfers: NamedDependency[SaveTransfers],
        version_id: VersionId = None,
    ) -> Stream:
        """The archive of a version (tar, zstd), of the newest one without `versionId`."""
        found = await save_transfers.download(account.owner, slot_id, version_id)
        headers = {
            "Content-Disposition": f'attachment; filename="{found.file_name}"',
            "Content-Length": str(found.size_bytes),
        }
        return Stream(found.body, media_type=_ARCHIVE, headers=headers)

    # The archive is bounded by what the game's build allows.
    @put(
        "/{slot_id:str}/upload",
        status_code=200,
        operation_id="uploadSave",
        request_max_body_size=None,
        operation_class=takes(_ARCHIVE),
    )
    async def upload(
        self,
        request: AnyRequest,
        slot_id: FromPath[str],
        account: NamedDependency[Account],
        save_transfers: NamedDependency[SaveTransfers],
    ) -> SaveView:
        """Make an archive, of the kind that `download` gives, the newest version of its slot. 400 `not_a_save` and
        `save_too_large`, 409 `slot_in_use`.
        """
        return save_view(await save_transfers.upload(account.owner, slot_id, received(request)))

    @get("/{slot_id:str}/versions", operation_id="listSaveVersions")
    async def list_versions(
        self, slot_id: FromPath[str], account: NamedDependency[Account], saves: NamedDependency[Saves]
    ) -> VersionsAnswer:
        """Every version of a slot, the newest first."""
        return VersionsAnswer(versions=[version_view(v) for v in await saves.versions(account.owner, slot_id)])

    @post("/{slot_id:str}/restore", status_code=200, operation_id="restoreSave")
    async def restore(
        self,
        slot_id: FromPath[str],
        data: JSONBody[RestoreRequest],
        account: NamedDependency[Account],
        saves: NamedDependency[Saves],
    ) -> SaveView:
        """Go on from an earlier version with the next launch. 409 `slot_in_use` while the slot is being played."""
        return save_view(await saves.restore(account.owner, slot_id, data.version_id))

    @get("/{slot_id:str}/versions/{version_id:str}/picture", media_type="image/jpeg", operation_id="getSavePicture")
    async def picture(
        self,
        slot_id: FromPath[str],
        version_id: FromPath[str],
        account: NamedDependency[Account],
        saves: NamedDependency[Saves],
    ) -> Response[bytes]:
        """The last picture of a version, 404 where it has none."""
        content = await saves.picture(account.owner, slot_id, version_id)
        return Response(content, headers={"Cache-Control": "private, max-age=31536000, immutable"})
