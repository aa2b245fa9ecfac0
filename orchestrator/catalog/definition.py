"""A game as its publisher describes it, and the TOML file that says it. It reads no engine and no database."""

import tomllib
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from agent_protocol import BuildSpec, Display, Limits, Request

SLUG_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
MAX_SLUG_LENGTH = 100

_RESERVED_SLUGS = frozenset({"tags"})  # a path of its own below /api/games
_BUILD_DEFAULTS = BuildSpec(build_id="", image="", image_id="")


class InvalidDefinition(ValueError):
    """The file cannot be used; the message says why in one line."""


def _not_reserved(slug: str) -> str:
    if slug in _RESERVED_SLUGS:
        raise ValueError("is reserved")
    return slug


def _below_home(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise ValueError("must be a path below the home folder")
    return path


Slug = Annotated[
    str, StringConstraints(pattern=SLUG_PATTERN, max_length=MAX_SLUG_LENGTH), AfterValidator(_not_reserved)
]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)]
LabelText = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f=]+$", max_length=200)]
GamepadName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]*$", max_length=32)]
Picture = Annotated[str, StringConstraints(pattern=r"^(https?://|/([^/]|$))", max_length=2000)]  # no //host/path
HomePath = Annotated[str, AfterValidator(_below_home)]
Loaded = TypeVar("Loaded", bound=BaseModel)


class _Definition(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BuildDefinition(_Definition):
    """What a `BuildSpec` needs beyond what the engine knows of the image. `[build.labels]` are those that a host must
    have, such as `gpu = "yes"`.
    """

    version: str = Field(min_length=1, max_length=100)
    image: str = Field(min_length=1, max_length=500)
    command: tuple[str, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict)
    display: Display = Display()
    gamepad: dict[GamepadName, GamepadName] = Field(default_factory=dict, max_length=32)
    limits: Limits = Limits()
    request: Request = Request()
    required_labels: dict[LabelText, LabelText] = Field(default_factory=dict, max_length=16, alias="labels")
    stop_signal: str = Field(default=_BUILD_DEFAULTS.stop_signal, pattern=r"^SIG[A-Z0-9]+$")
    stop_grace_s: float = Field(default=_BUILD_DEFAULTS.stop_grace_s, ge=0, le=25)
    save_paths: tuple[HomePath, ...] = ()
    save_excludes: tuple[str, ...] = _BUILD_DEFAULTS.save_excludes
    waits_at_title: bool = False


class GameDescription(_Definition):
    """What people read of a game. Lengths are those of the public API (docs/compatibility.md)."""

    slug: Slug
    title: str = Field(min_length=1, max_length=200)
    developer: str = Field(min_length=1, max_length=150)
    description: str = Field(max_length=5000)
    tags: tuple[Tag, ...] = Field(min_length=1, max_length=10)
    thumbnail: Picture | None = None
    screenshots: tuple[Picture, ...] = Field(default=(), max_length=20)
    release_date: date | None = None
    content_rating: str | None = Field(default=None, max_length=50)
    languages: tuple[str, ...] = ()


class GameDefinition(GameDescription):
    """A game and how it is run. With `needs_code` only who has redeemed a code may play it; without a word on it, it
    stays as it was, which is everyone's for a new game.
    """

    needs_code: bool | None = None
    build: BuildDefinition


class ArchiveDescription(GameDescription):
    """What people read of a game that comes as an archive, and what the archive does not say. Without a `launcher` it
    is the one that the archive has, and without `save_paths` all of the home folder is the save.
    """

    needs_code: bool | None = None
    version: str | None = Field(default=None, min_length=1, max_length=100)
    launcher: str | None = Field(default=None, min_length=1, max_length=255)
    save_paths: tuple[HomePath, ...] = ()


def load_definition(path: Path) -> GameDefinition:
    """The definition in a TOML file. InvalidDefinition when it cannot be read or a field is wrong."""
    return _load(path, GameDefinition)


def load_archive_description(path: Path) -> ArchiveDescription:
    """As `load_definition`."""
    return _load(path, ArchiveDescription)


def _load(path: Path, model: type[Loaded]) -> Loaded:
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidDefinition(f"{path}: {error}") from error
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidDefinition(f"{path}: {field}: {first['msg']}") from error
