"""The TOML file of a game: what it says is kept, what is wrong is named."""

from datetime import date
from pathlib import Path

import pytest

from orchestrator.catalog.definition import InvalidDefinition, load_definition

GOOD = """
slug = "the-question"
title = "The Question"
developer = "Someone"
description = "Short."
tags = ["Romance", "Mystery"]
release_date = 2015-01-01
content_rating = "Everyone"
languages = ["en"]
thumbnail = "/static/games/the-question.png"

[build]
version = "1.0"
image = "playhouse/the-question:1.0"
command = ["/usr/games/the_question"]
stop_grace_s = 5
save_paths = [".renpy"]

[build.display]
width = 1280
height = 720
fps = 30

[build.gamepad]
south = "Enter"

[build.limits]
cpu_cores = 1.0
memory_bytes = 1073741824
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "game.toml"


def test_a_definition_says_what_its_file_says(file: Path) -> None:
    file.write_text(GOOD)
    definition = load_definition(file)
    assert definition.tags == ("Romance", "Mystery")
    assert definition.release_date == date(2015, 1, 1)
    assert definition.build.display.fps == 30
    assert definition.build.gamepad == {"south": "Enter"}
    assert definition.build.limits.cpu_cores == 1.0
    assert definition.build.limits.pids == 256
    assert definition.build.save_paths == (".renpy",)


@pytest.mark.parametrize(
    ("good", "bad", "field"),
    [
        ('slug = "the-question"', 'slug = "The Question"', "slug"),
        ('slug = "the-question"', 'slug = "tags"', "slug"),
        ('slug = "the-question"', f'slug = "{"a" * 101}"', "slug"),
        ('title = "The Question"', "", "title"),
        ('tags = ["Romance", "Mystery"]', "tags = []", "tags"),
        ('tags = ["Romance", "Mystery"]', 'colour = "red"\ntags = ["Romance"]', "colour"),
        ('save_paths = [".renpy"]', 'save_paths = ["../../etc"]', "build.save_paths.0"),
        ('save_paths = [".renpy"]', 'save_paths = ["/etc"]', "build.save_paths.0"),
        ('thumbnail = "/static', 'thumbnail = "javascript:', "thumbnail"),
        ("fps = 30", "fps = 0", "build.display.fps"),
        ('south = "Enter"', 'south = "no such thing"', "build.gamepad.south"),
        ("stop_grace_s = 5", "stop_grace_s = 500", "build.stop_grace_s"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(file: Path, good: str, bad: str, field: str) -> None:
    assert good in GOOD
    file.write_text(GOOD.replace(good, bad))
    with pytest.raises(InvalidDefinition, match=rf"game\.toml: {field}: ") as raised:
        load_definition(file)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [b"slug = ", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(InvalidDefinition, match=r"game\.toml"):
        load_definition(file)
