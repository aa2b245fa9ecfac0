"""What an operator's word for a game means, and what an archive tells of itself."""

from pathlib import Path

import pytest

from orchestrator.catalog.definition import InvalidDefinition
from orchestrator.embedded.game import GAMES, recipes
from orchestrator.importing import described, found, launcher_of
from orchestrator.publishers.game_archive import Glimpse


@pytest.mark.parametrize(
    ("folder", "slug", "title"),
    [
        ("garden-1.0-linux", "garden", "Garden"),
        ("GardenOfForkingPaths-1.2.3-pc", "garden-of-forking-paths", "Garden Of Forking Paths"),
        ("maze", "maze", "Maze"),
        ("a_day_in_May", "a-day-in-may", "A Day In May"),
        ("2048-linux", "2048", "2048"),
    ],
)
def test_a_folders_name_names_the_game(folder: str, slug: str, title: str) -> None:
    description = described(Glimpse(folder, (), is_renpy=True))
    assert (description.slug, description.title, description.tags) == (slug, title, ("Visual Novel",))


def test_a_folder_whose_name_says_nothing_has_to_be_described() -> None:
    with pytest.raises(InvalidDefinition, match="--about"):
        described(Glimpse("日本", (), is_renpy=False))


@pytest.mark.parametrize(
    ("startable", "launcher"), [(("garden.sh", "garden"), "garden.sh"), (("maze",), "maze"), (("a.py", "b.sh"), "b.sh")]
)
def test_the_one_launcher_is_taken(startable: tuple[str, ...], launcher: str) -> None:
    assert launcher_of(Glimpse("x", startable, is_renpy=False)) == launcher


@pytest.mark.parametrize("startable", [(), ("a", "b"), ("a.sh", "b.sh", "c")])
def test_what_could_be_the_launcher_is_named(startable: tuple[str, ...]) -> None:
    with pytest.raises(InvalidDefinition, match="launcher"):
        launcher_of(Glimpse("x", startable, is_renpy=False))


def test_a_recipe_is_found_by_its_folder_and_by_its_name() -> None:
    assert found("the-question") == GAMES / "the-question"
    assert found(str(GAMES / "the-question")) == GAMES / "the-question"
    assert found(str(GAMES / "the-question" / "game.toml")).name == "game.toml"


def test_what_is_not_there_is_answered_with_what_is(tmp_path: Path) -> None:
    with pytest.raises(InvalidDefinition, match="the-question"):
        found("no-such-game")
    with pytest.raises(InvalidDefinition, match=r"recipe\.toml"):
        found(str(tmp_path))


def test_every_recipe_has_a_name_of_its_own() -> None:
    assert "the-question" in recipes()
    assert "base" not in recipes()
