"""The image builder: what its progress means, and what counts as the same recipe."""

import importlib
import shutil
import sys
from collections.abc import Generator
from pathlib import Path
from types import ModuleType

import pytest

from orchestrator.catalog.definition import load_definition
from orchestrator.embedded.game import DEMO, GAMES, recipes

WEB = GAMES.parents[1] / "orchestrator" / "web"


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[ModuleType]:
    """The builder in a copy of its folder, so that its parts can be changed."""
    folder = tmp_path / "games"
    shutil.copytree(GAMES, folder)
    monkeypatch.syspath_prepend(str(folder))
    yield importlib.import_module("build")
    for name in [name for name in sys.modules if name == "build" or name.partition(".")[0] == "image_builder"]:
        del sys.modules[name]


def test_progress_counts_downloads_and_both_halves_of_an_installation(builder: ModuleType) -> None:
    lines = [
        "I: running apt-get update...",
        "Get:1 http://deb.debian.org/debian trixie InRelease [140 kB]",
        "I: downloading packages with apt...",
        "0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded.",
        "Get:1 http://deb.debian.org/debian trixie/main amd64 a amd64 1 [1 kB]",
        "Get:2 http://deb.debian.org/debian trixie/main amd64 b amd64 1 [1 kB]",
        "I: installing essential packages...",
        "Unpacking a (1) ...",
        "Unpacking b (1) ...",
        "Setting up a (1) ...",
        "Setting up b (1) ...",
        "I: installing remaining packages inside the chroot...",
        "0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.",
        "Get:1 http://deb.debian.org/debian trixie/main amd64 libgl1 amd64 1 [1 kB]",
        "Unpacking libgl1 (1) ...",
        "Setting up libgl1 (1) ...",
    ]
    assert list(builder.debian.progress(iter(lines), [], "base", "runtime")) == [
        ("lists", 0, 1),
        ("lists", 1, 1),
        ("fetch base", 1, 2),
        ("fetch base", 2, 2),
        ("install base", 1, 4),
        ("install base", 2, 4),
        ("install base", 3, 4),
        ("install base", 4, 4),
        ("fetch runtime", 1, 1),
        ("install runtime", 1, 2),
        ("install runtime", 2, 2),
    ]


def test_the_digest_follows_every_part_of_the_image(builder: ModuleType) -> None:
    folder = Path(str(builder.__file__)).parent
    demo = folder / DEMO.name
    parts = (
        folder / "image_builder" / "debian.py",
        folder / "runtime" / "runtime.toml",
        folder / "base" / "recipe.toml",
        demo / "recipe.toml",
        demo / "precompile.py",
        next((demo / "files").rglob("*.rpy")),
    )
    seen = {builder.read_recipe(demo).digest}
    for part in parts:
        part.write_text(part.read_text() + "\n# changed\n")
        seen.add(builder.read_recipe(demo).digest)
    assert len(seen) == 1 + len(parts)


def test_the_catalogue_entry_is_no_part_of_the_image(builder: ModuleType) -> None:
    demo = Path(str(builder.__file__)).parent / DEMO.name
    before = builder.read_recipe(demo).digest
    (demo / "game.toml").write_text("changed")
    assert builder.read_recipe(demo).digest == before


@pytest.mark.parametrize("name", recipes())
def test_a_catalogue_entry_names_the_image_that_is_made(builder: ModuleType, name: str) -> None:
    definition = load_definition(GAMES / name / "game.toml")
    recipe = builder.read_recipe(GAMES / name)
    assert definition.slug == name
    assert definition.build.image == recipe.image
    assert definition.build.command == recipe.command
    assert definition.build.save_paths


@pytest.mark.parametrize("name", recipes())
def test_a_games_pictures_are_there_and_small(name: str) -> None:
    definition = load_definition(GAMES / name / "game.toml")
    pictures = [definition.thumbnail, *definition.screenshots]
    assert len(pictures) >= 3
    for picture in pictures:
        assert picture is not None
        assert (WEB / picture.lstrip("/")).stat().st_size <= 150_000


def test_what_a_game_changes_in_its_root_is_seen(builder: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "usr" / "games").mkdir(parents=True)
    (tmp_path / "dev").mkdir()
    for name in ("kept", "replaced", "rewritten", "allowed"):
        (tmp_path / "usr" / name).write_text("before")
    before = builder._contents(tmp_path)
    beside = tmp_path / "usr" / "beside"
    beside.write_text("before")
    beside.replace(tmp_path / "usr" / "replaced")
    (tmp_path / "usr" / "rewritten").write_text("after")
    (tmp_path / "usr" / "allowed").chmod(0o755)
    (tmp_path / "usr" / "games" / "new").write_text("new")
    (tmp_path / "dev" / "null").write_text("an engine's")
    after = builder._contents(tmp_path)
    changed = sorted(path for path, seen in after.items() if before.get(path) != seen)
    assert changed == ["usr/allowed", "usr/games/new", "usr/replaced", "usr/rewritten"]


@pytest.mark.parametrize(
    "setting", ['Acquire::http::Proxy "http://proxy:3128"', 'Acquire::https::CaInfo "/etc/ca.pem"']
)
def test_proxy_and_certificate_settings_of_apt_are_taken_along(builder: ModuleType, setting: str) -> None:
    assert builder.debian.APT_SETTINGS.match(f"{setting};")
    assert not builder.debian.APT_SETTINGS.match('APT::Architecture "amd64";')
