"""The image builder: what its progress means, and what counts as the same recipe."""

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from orchestrator.catalog.definition import load_definition
from orchestrator.embedded.game import DEMO, GAMES


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The builder in a copy of its folder, so that its parts can be changed."""
    folder = tmp_path / "games"
    shutil.copytree(GAMES, folder)
    found = importlib.util.spec_from_file_location("game_image_builder", folder / "build.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    monkeypatch.setitem(sys.modules, "game_image_builder", module)
    found.loader.exec_module(module)
    return module


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
        "Get:1 http://deb.debian.org/debian trixie/main amd64 game amd64 1 [1 kB]",
        "Unpacking game (1) ...",
        "Setting up game (1) ...",
    ]
    assert list(builder._progress(iter(lines), [])) == [
        ("lists", 0, 1),
        ("lists", 1, 1),
        ("fetch base", 1, 2),
        ("fetch base", 2, 2),
        ("install base", 1, 4),
        ("install base", 2, 4),
        ("install base", 3, 4),
        ("install base", 4, 4),
        ("fetch game", 1, 1),
        ("install game", 1, 2),
        ("install game", 2, 2),
    ]


def test_the_digest_follows_every_part_of_the_image(builder: ModuleType) -> None:
    folder = Path(str(builder.__file__)).parent
    demo = folder / DEMO.name
    parts = (
        folder / "runtime" / "runtime.toml",
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


def test_the_catalogue_entry_names_the_image_that_is_made(builder: ModuleType) -> None:
    definition = load_definition(DEMO / "game.toml")
    recipe = builder.read_recipe(DEMO)
    assert definition.build.image == recipe.image
    assert definition.build.command == recipe.command


@pytest.mark.parametrize(
    "setting", ['Acquire::http::Proxy "http://proxy:3128"', 'Acquire::https::CaInfo "/etc/ca.pem"']
)
def test_proxy_and_certificate_settings_of_apt_are_taken_along(builder: ModuleType, setting: str) -> None:
    assert builder.APT_SETTINGS.match(f"{setting};")
    assert not builder.APT_SETTINGS.match('APT::Architecture "amd64";')
