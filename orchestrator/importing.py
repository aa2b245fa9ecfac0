"""A game that the operator brings: a TOML file that describes an image, a recipe of Debian packages, or an archive.

Its image is made where that is needed, and is in the engine or the registry afterwards. It writes nothing to the
database.
"""

import asyncio
import re
import tempfile
import tomllib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console

from orchestrator.archives.errors import ArchiveRefused
from orchestrator.catalog.definition import (
    ArchiveDescription,
    GameDefinition,
    InvalidDefinition,
    load_archive_description,
    load_definition,
)
from orchestrator.catalog.images import EngineImage
from orchestrator.catalog.sources import image_of
from orchestrator.embedded.game import GAMES, build_image, has_recipe, recipes
from orchestrator.publishers.game_archive import Glimpse, look_into, read_game
from orchestrator.publishers.image import build_of
from orchestrator.publishers.layer import Layer, LayerWriter
from orchestrator.publishers.where import DestinationOf
from orchestrator.settings import Settings

ARCHIVES = (".tar.gz", ".tgz")
BASE = GAMES / "base"

_READ_BYTES = 1024**2
_TOP_FOLDER = re.compile(r"(?P<name>.+?)(?:-(?P<version>\d[\w.]{0,99}))?(?:-(?:linux|pc|lin))?", re.IGNORECASE)
_WORD_ENDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[\s_-]+")


@dataclass(frozen=True)
class Brought:
    definition: GameDefinition
    image: EngineImage


@dataclass(frozen=True)
class Importer:
    """`docker_host` is the engine at hand, None for the one of the environment; progress is shown on `console`."""

    settings: Settings
    docker_host: str | None
    console: Console
    push_to: str | None = None

    async def bring(self, what: str, about: Path | None = None) -> Brought:
        """`what` is a TOML file, a folder with `recipe.toml` and `game.toml`, the name of one in `deploy/games`, or an
        archive, which `about` describes. Raises `InvalidDefinition`, `ImageUnavailable` and `GameNotBuilt`.
        """
        path = found(what)
        if path.name.endswith(ARCHIVES):
            return await self._archive(path, about)
        if about is not None:
            raise InvalidDefinition("--about describes an archive; everything else describes itself.")
        definition = load_definition(path / "game.toml" if path.is_dir() else path)
        if path.is_dir():
            await build_image(path, definition.title, self.docker_host, self.console)
        image = await image_of(
            definition,
            push_to=self.push_to,
            registry=self.settings.registry,
            insecure=self.settings.insecure_registries,
            docker_host=self.docker_host,
        )
        return Brought(definition, image)

    async def _archive(self, archive: Path, about: Path | None) -> Brought:
        if self.push_to is not None:
            raise InvalidDefinition("An archive's image goes to the registry of ORCHESTRATOR_REGISTRY, without --push.")
        try:
            glimpse = await asyncio.to_thread(lambda: look_into(_pieces(archive)))
            description = described(glimpse) if about is None else load_archive_description(about)
            launcher = description.launcher or launcher_of(glimpse)
            image = await self._laid_on_the_base(archive, description.slug, launcher)
        except ArchiveRefused as refusal:
            raise InvalidDefinition(f"{archive}: {refusal.message}") from refusal
        version = description.version or _name_and_version(glimpse.folder)[1] or "1"
        build = build_of(version, launcher, image, description.save_paths, is_renpy=glimpse.is_renpy)
        fields = description.model_dump(exclude={"launcher", "version", "save_paths"})
        return Brought(GameDefinition.model_validate({**fields, "build": build}), image)

    async def _laid_on_the_base(self, archive: Path, slug: str, launcher: str) -> EngineImage:
        recipe = tomllib.loads((BASE / "recipe.toml").read_text(encoding="utf-8"))
        if recipe["image"] == self.settings.base_image:
            await build_image(BASE, "What every game needs", self.docker_host, self.console)
        destination = await DestinationOf(self.settings, self.docker_host)()
        with tempfile.TemporaryDirectory(prefix="import-", dir=self.settings.data) as work:
            file = Path(work, "layer")

            def write() -> Layer:
                with file.open("wb") as handle:
                    writer = LayerWriter(handle)
                    read_game(_pieces(archive), launcher, writer.take)
                    return writer.finish()

            layer = await asyncio.to_thread(write)
            return await destination.store(slug, launcher, layer, file)


def found(what: str) -> Path:
    """The file or folder that is meant. Raises `InvalidDefinition`, with the names of our own recipes."""
    path = Path(what)
    if path.is_file() or (path.is_dir() and has_recipe(path)):
        return path
    if "/" not in what and has_recipe(GAMES / what):
        return GAMES / what
    if path.is_dir():
        raise InvalidDefinition(f"{what}: a folder of a game has a recipe.toml and a game.toml.")
    raise InvalidDefinition(f"There is no {what}. Recipes by name: {', '.join(recipes()) or 'none here'}.")


def described(glimpse: Glimpse) -> ArchiveDescription:
    """What the archive's own names tell, where nobody says more. Raises `InvalidDefinition`."""
    name, _ = _name_and_version(glimpse.folder)
    words = [word for word in _WORD_ENDS.split(name) if word]
    slug = re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")
    title = " ".join(word[0].upper() + word[1:] for word in words)
    tag = "Visual Novel" if glimpse.is_renpy else "Imported"
    try:
        return ArchiveDescription(slug=slug, title=title, developer="Unknown", description="", tags=(tag,))
    except ValidationError as error:
        raise InvalidDefinition(
            f"The folder {glimpse.folder!r} gives the game no name: describe it by --about."
        ) from error


def launcher_of(glimpse: Glimpse) -> str:
    """The one that starts the game. Raises `InvalidDefinition` where that is not plain."""
    scripts = [name for name in glimpse.startable if name.endswith(".sh")] or list(glimpse.startable)
    if len(scripts) == 1:
        return scripts[0]
    seen = f"one of {', '.join(scripts)}" if scripts else "none that may be executed was found"
    raise InvalidDefinition(f"Say in --about which file is the launcher: {seen}.")


def _name_and_version(folder: str) -> tuple[str, str | None]:
    """`garden-1.0-linux` is the game garden, version 1.0."""
    matched = _TOP_FOLDER.fullmatch(folder)
    return (matched["name"], matched["version"]) if matched else (folder, None)


def _pieces(archive: Path) -> Generator[bytes]:
    with archive.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            yield piece
