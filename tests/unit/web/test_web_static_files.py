"""Static files: what an address names, what is never named, and how long a browser may keep it."""

from pathlib import Path

import pytest

from orchestrator.web.static_files import StaticFiles, is_known


@pytest.fixture
def files(tmp_path: Path) -> StaticFiles:
    folder = tmp_path / "static"
    (folder / "js").mkdir(parents=True)
    (folder / "js" / "play.js").write_text("export {};")
    (folder / ".secret").write_text("hidden")
    (tmp_path / "outside.txt").write_text("not ours to give")
    return StaticFiles(folder)


def test_a_release_address_may_be_kept_for_ever(files: StaticFiles) -> None:
    found = files.find(files.address_of("js/play.js").removeprefix("/static/"))
    assert found is not None
    assert found.content == b"export {};"
    assert found.media_type == "text/javascript"
    assert "immutable" in found.cache_control


def test_an_address_without_a_release_is_asked_for_again(files: StaticFiles) -> None:
    found = files.find("/js/play.js")
    assert found is not None
    assert found.cache_control == "no-cache"


@pytest.mark.parametrize(
    "address", ["../outside.txt", "/js/../../outside.txt", ".secret", "js", "", "js/none.js", "/etc/passwd"]
)
def test_nothing_outside_hidden_or_missing_is_named(files: StaticFiles, address: str) -> None:
    assert files.find(address) is None


def test_the_release_changes_with_any_file(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a")
    before = StaticFiles(tmp_path).release
    (tmp_path / "a.css").write_text("b")
    assert StaticFiles(tmp_path).release != before


@pytest.mark.parametrize(
    ("header", "known"),
    [(None, False), ('"abc"', True), ('W/"abc"', True), ('"x", "abc"', True), ("*", True), ('"abcd"', False)],
)
def test_if_none_match_is_compared_weakly(header: str | None, known: bool) -> None:
    assert is_known('"abc"', header) is known
