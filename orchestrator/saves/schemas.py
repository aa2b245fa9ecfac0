"""The wire of `/api/saves`."""

from datetime import datetime
from typing import Any

from pydantic import Field

from orchestrator.http import Timestamp, Wire
from orchestrator.saves.keeping import KEPT_FOR
from orchestrator.saves.models import SaveVersion
from orchestrator.saves.service import VersionSummary
from orchestrator.saves.slots import SlotSummary


class SaveView(Wire):
    """`picture` is a path, or null when the newest version has none; `inUse` while a game is played from this slot.
    `playSeconds` counts the sessions that are over.
    """

    id: str
    game_slug: str
    slot: int
    label: str | None
    last_played_at: Timestamp
    size_bytes: int
    picture: str | None
    in_use: bool
    play_seconds: int


class DeletedSaveView(SaveView):
    """A slot that can be brought back until `goneAt`. `slot` is the number that it had."""

    deleted_at: Timestamp
    gone_at: Timestamp


class SavesAnswer(Wire):
    saves: list[SaveView]
    slots: int
    deleted: list[DeletedSaveView]


class SavePatch(Wire):
    """`label` names the slot; null or nothing visible takes its name away."""

    label: str | None = Field(max_length=1000)


class VersionView(Wire):
    """`isSide` marks an archive that came too late to be the newest state by itself, `isUploaded` one that its owner
    handed in.
    """

    id: str
    created_at: Timestamp
    size_bytes: int
    is_head: bool
    is_side: bool
    is_uploaded: bool
    picture: str | None


class VersionsAnswer(Wire):
    versions: list[VersionView]


class RestoreRequest(Wire):
    version_id: str = Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=64)


def save_view(summary: SlotSummary) -> SaveView:
    return SaveView(**_of_slot(summary))


def deleted_view(summary: SlotSummary) -> DeletedSaveView:
    """Of a slot that is deleted."""
    deleted_at = summary.slot.deleted_at
    assert isinstance(deleted_at, datetime)
    return DeletedSaveView(**_of_slot(summary), deleted_at=deleted_at, gone_at=deleted_at + KEPT_FOR)


def _of_slot(summary: SlotSummary) -> dict[str, Any]:
    slot = summary.slot
    return {
        "id": slot.id,
        "game_slug": summary.game_slug,
        "slot": slot.number,
        "label": slot.label,
        "last_played_at": slot.last_played_at,
        "size_bytes": summary.head.size_bytes,
        "picture": _picture(summary.head),
        "in_use": summary.is_played,
        "play_seconds": round(summary.played_s),
    }


def version_view(summary: VersionSummary) -> VersionView:
    version = summary.version
    return VersionView(
        id=version.id,
        created_at=version.created_at,
        size_bytes=version.size_bytes,
        is_head=summary.is_head,
        is_side=version.is_side,
        is_uploaded=version.is_uploaded,
        picture=_picture(version),
    )


def _picture(version: SaveVersion) -> str | None:
    if version.picture_key is None:
        return None
    return f"/api/saves/{version.slot_id}/versions/{version.id}/picture"
