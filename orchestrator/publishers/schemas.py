"""The bodies of `/api/partners` and its administration, named as the public API names them (docs/compatibility.md)."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from orchestrator.catalog.definition import HomePath, Slug
from orchestrator.http import Schema, Timestamp, Wire
from orchestrator.pictures.models import PictureState
from orchestrator.publishers.status import GameStatus, UploadState


def _no_dots(name: str) -> str:
    if name in {".", ".."}:
        raise ValueError("must be the name of a file or folder")
    return name


def _once_each(tags: list[str]) -> list[str]:
    if len(set(tags)) != len(tags):
        raise ValueError("must not name a tag twice")
    return tags


_SOMETHING = r"^[^\x00]*[^\x00\s][^\x00]*$"
Title = Annotated[str, StringConstraints(max_length=200, pattern=_SOMETHING)]
Developer = Annotated[str, StringConstraints(max_length=150, pattern=_SOMETHING)]
Description = Annotated[str, StringConstraints(max_length=5000, pattern=r"^[^\x00]*$")]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, max_length=50, pattern=_SOMETHING)]
_PLAIN = r"[^\x00-\x20\x7f\"'<>\\]"
_PLAIN_BUT_SLASH = r"[^/\x00-\x20\x7f\"'<>\\]"
Address = Annotated[
    str, StringConstraints(max_length=2000, pattern=rf"^(https?://{_PLAIN}*|/({_PLAIN_BUT_SLASH}{_PLAIN}*)?)$")
]
Language = Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$")]
Rating = Annotated[str, StringConstraints(max_length=50, pattern=_SOMETHING)]
FileName = Annotated[
    str,
    StringConstraints(max_length=200, pattern=r"^[^/\\\x00-\x1f\x7f]+$"),
    AfterValidator(_no_dots),
]
SavePath = Annotated[HomePath, StringConstraints(max_length=200, pattern=r"^[^\\\x00-\x1f\x7f]+$")]


Tags = Annotated[list[Tag], Field(min_length=1, max_length=10), AfterValidator(_once_each)]
Screenshots = Annotated[list[Address], Field(max_length=20)]
Languages = Annotated[list[Language], Field(max_length=50)]
SavePaths = Annotated[list[SavePath], Field(max_length=16)]


class GameForm(Wire):
    """A new game. A Ren'Py game says `renpyDir`, any other what of its home folder is the save."""

    slug: Slug
    title: Title
    developer: Developer
    description: Description
    tags: Tags
    launcher: FileName
    renpy_dir: FileName | None = None
    save_paths: SavePaths = Field(default_factory=list)
    thumbnail: Address | None = None
    screenshots: Screenshots = Field(default_factory=list)
    release_date: date | None = None
    content_rating: Rating | None = None
    languages: Languages = Field(default_factory=list)


class GamePatch(Wire):
    """What is left out stays. `renpyDir`, `thumbnail`, `releaseDate`, `contentRating` may be taken back with null."""

    slug: Slug = ""
    title: Title = ""
    developer: Developer = ""
    description: Description = ""
    tags: Tags = Field(default_factory=list)
    launcher: FileName = ""
    renpy_dir: FileName | None = None
    save_paths: SavePaths = Field(default_factory=list)
    thumbnail: Address | None = None
    screenshots: Screenshots = Field(default_factory=list)
    release_date: date | None = None
    content_rating: Rating | None = None
    languages: Languages = Field(default_factory=list)


class CreatedGame(Schema):
    id: str
    slug: str
    status: GameStatus


class PublisherGame(Wire):
    """A game in its publisher's list."""

    id: str
    slug: str
    title: str
    developer: str
    tags: list[str]
    status: GameStatus
    created_at: Timestamp
    updated_at: Timestamp


class PublisherGames(Schema):
    games: list[PublisherGame]
    total: int


class CacheStatus(Schema):
    """How many game servers there are, and how many hold the build that is played."""

    servers: int
    cached: int


class Reason(Schema):
    """Why an archive was not taken: a code for programs, a text for people."""

    code: str
    message: str


class UploadView(Wire):
    """An upload: how far it is, or what became of it. `url` is where to go on with one that is being received."""

    id: str
    state: UploadState
    version: str | None
    size_bytes: int | None
    received_bytes: int
    digest: str | None
    reasons: list[Reason]
    version_id: str | None
    url: str | None
    created_at: Timestamp
    updated_at: Timestamp


class PictureView(Wire):
    """A picture that the game names by URL. `address` is where we show it once it is `stored`, `reason` what was wrong
    with the last try. One that is `waiting` is tried from `nextTryAt` on, one that `failed` when it is named again.
    """

    url: str
    state: PictureState
    address: str | None
    reason: Reason | None
    tries: int
    next_try_at: Timestamp | None


class PublisherGameDetails(PublisherGame):
    """`versionId` is the version that is played, `upload` the newest upload, `reason` why the game is suspended.
    `pictures` says of each URL in `thumbnail` and `screenshots` how far we are with it.
    """

    description: str
    launcher: str
    renpy_dir: str | None
    save_paths: list[str]
    thumbnail: str | None
    screenshots: list[str]
    pictures: list[PictureView]
    release_date: date | None
    content_rating: str | None
    languages: list[str]
    cache_status: CacheStatus
    version_id: str | None
    upload: UploadView | None
    reason: str | None


class GameVersionView(Wire):
    """A build of a game. `imageId` is the digest of its content."""

    id: str
    number: int
    version: str
    is_active: bool
    image_id: str
    size_bytes: int
    created_at: Timestamp


class Versions(Schema):
    versions: list[GameVersionView]


class Figures(Wire):
    """Of one version, or of all. `hours` are those of ended sessions, `bootSeconds` the mean from start to first
    picture that hosts have learned, null while nobody has played.
    """

    sessions: int
    hours: float
    crashes: int
    boot_seconds: float | None


class VersionFigures(Figures):
    version_id: str
    version: str


class GameStatistics(Figures):
    versions: list[VersionFigures]


class Acceptance(CreatedGame):
    """An archive that arrived whole and is looked at now."""

    upload: UploadView


class PublisherForm(Wire):
    name: Developer


class KeyView(Wire):
    """A key without its secret; `hint` is how that begins."""

    id: str
    hint: str
    created_at: Timestamp
    expires_at: Timestamp | None
    revoked_at: Timestamp | None
    last_used_at: Timestamp | None


class PublisherView(Wire):
    id: str
    name: str
    created_at: Timestamp


class PublisherDetails(PublisherView):
    keys: list[KeyView]


class PublisherList(Schema):
    publishers: list[PublisherView]


class Rotation(Wire):
    """For how many hours the keys before the new one stay good."""

    grace_hours: float = Field(default=24.0, ge=0, le=720)


class MadeKey(Wire):
    """`key` is shown this once."""

    publisher_id: str
    key_id: str
    key: str


class Suspension(Wire):
    reason: Annotated[str, StringConstraints(max_length=500, pattern=_SOMETHING)]


class SuspensionState(Schema):
    slug: str
    status: Literal["active", "pending_upload", "processing", "rejected", "suspended"]
