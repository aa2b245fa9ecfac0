"""The wire of `/api/saves`."""

from pydantic import Field

from orchestrator.http import Timestamp, Wire
from orchestrator.saves.models import SaveVersion
from orchestrator.saves.service import SlotSummary, VersionSummary


class SaveView(Wire):
    """`picture` is a path, or null when the newest version has none; `inUse` while a game is played from this slot."""

    id: str
    game_slug: str
    slot: int
    label: str | None
    last_played_at: Timestamp
    size_bytes: int
    picture: str | None
    in_use: bool


class SavesAnswer(Wire):
    saves: list[SaveView]
    slots: int


class VersionView(Wire):
    """`isSide` marks an archive that came too late to be the newest state by itself."""

    id: str
    created_at: Timestamp
    size_bytes: int
    is_head: bool
    is_side: bool
    picture: str | None


class VersionsAnswer(Wire):
    versions: list[VersionView]


class RestoreRequest(Wire):
    version_id: str = Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=64)


def save_view(summary: SlotSummary) -> SaveView:
    slot = summary.slot
    return SaveView(
        id=slot.id,
        game_slug=summary.game_slug,
        slot=slot.number,
        label=slot.label,
        last_played_at=slot.last_played_at,
        size_bytes=summary.head.size_bytes,
        picture=_picture(summary.head),
        in_use=summary.is_played,
    )


def version_view(summary: VersionSummary) -> VersionView:
    version = summary.version
    return VersionView(
        id=version.id,
        created_at=version.created_at,
        size_bytes=version.size_bytes,
        is_head=summary.is_head,
        is_side=version.is_side,
        picture=_picture(version),
    )


def _picture(version: SaveVersion) -> str | None:
    if version.picture_key is None:
        return None
    return f"/api/saves/{version.slot_id}/versions/{version.id}/picture"
