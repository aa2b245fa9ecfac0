"""The bytes of a pull from the engine's lines, as Docker 20.10 writes them."""

import pytest

from gameserver_agent.runtime.pull_progress import PullProgress

BASE, GAME = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def line(layer: str, status: str, current: int | None = None, total: int | None = None) -> dict[str, object]:
    detail = {} if current is None else {"current": current, "total": total}
    return {"id": layer.removeprefix("sha256:")[:12], "status": status, "progressDetail": detail}


def test_with_known_layers_the_whole_is_known_before_the_first_byte() -> None:
    progress = PullProgress({BASE: 1000, GAME: 50})
    assert progress.total_bytes is None
    assert progress.learn(line(BASE, "Pulling fs layer"))
    assert progress.learn(line(GAME, "Pulling fs layer"))
    assert (progress.done_bytes, progress.total_bytes) == (0, 1050)
    assert not progress.learn(line(GAME, "Waiting"))
    assert progress.learn(line(BASE, "Downloading", 400, 1000))
    assert (progress.done_bytes, progress.total_bytes) == (400, 1050)


def test_a_pull_is_in_line_while_all_that_is_to_come_waits() -> None:
    """The engine says so once for each layer, and fetches three layers at a time of all pulls together."""
    progress = PullProgress()
    progress.learn(line(BASE, "Pulling fs layer"))
    progress.learn(line(GAME, "Pulling fs layer"))
    assert not progress.learn(line(BASE, "Waiting"))
    assert progress.learn(line(GAME, "Waiting"))
    assert progress.is_in_line
    assert progress.learn(line(BASE, "Downloading", 1, 1000))
    assert not progress.is_in_line
    assert progress.learn(line(BASE, "Pull complete"))
    assert progress.is_in_line
    assert progress.learn(line(GAME, "Already exists"))
    assert not progress.is_in_line


def test_layers_that_are_there_do_not_count() -> None:
    progress = PullProgress({BASE: 1000, GAME: 50})
    progress.learn(line(BASE, "Already exists"))
    progress.learn(line(GAME, "Pulling fs layer"))
    assert progress.total_bytes == 50


def test_without_known_layers_each_names_its_size_when_it_begins() -> None:
    progress = PullProgress()
    assert not progress.learn(line(BASE, "Pulling fs layer"))
    assert not progress.learn(line(BASE, "Download complete"))
    assert progress.learn(line(BASE, "Downloading", 1, 1000))
    assert progress.learn(line(GAME, "Downloading", 2, 50))
    assert (progress.done_bytes, progress.total_bytes) == (3, 1050)


def test_unpacking_moves_though_no_byte_comes() -> None:
    progress = PullProgress({GAME: 50})
    progress.learn(line(GAME, "Downloading", 50, 50))
    assert not progress.learn(line(GAME, "Verifying Checksum"))
    assert not progress.learn(line(GAME, "Download complete"))
    assert progress.learn(line(GAME, "Extracting", 20, 50))
    assert not progress.learn(line(GAME, "Extracting", 20, 50))
    assert progress.learn(line(GAME, "Pull complete"))
    assert (progress.done_bytes, progress.unpacked_bytes) == (50, 50)


@pytest.mark.parametrize(
    "strange",
    [
        {"status": "Digest: sha256:aa"},
        {"id": 5, "status": "Downloading"},
        {"id": "x", "status": "Downloading", "progressDetail": {"current": "many", "total": 0}},
        {"id": "x", "status": "Extracting"},
    ],
)
def test_other_lines_move_nothing(strange: dict[str, object]) -> None:
    assert not PullProgress().learn(strange)
