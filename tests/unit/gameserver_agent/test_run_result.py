"""What a game tells of its run is taken when it is small, plain and possible, and nothing else of it is looked at."""

import json
import os
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent_protocol import EndReport, ObservedState, RunResult
from gameserver_agent.saves.archive import Owner
from gameserver_agent.sessions import ending
from gameserver_agent.sessions.run_result import MOST_BYTES, folder_of, make_folder, read_result
from tests.unit.gameserver_agent.orders import order
from tests.unit.gameserver_agent.test_session_task import BUILD, Host, host

__all__ = ["host"]

TOLD: dict[str, Any] = {
    "score": 893, "distance": 313, "coins": 58, "duration": 21.87, "reason": "crashed", "seed": 5
}  # fmt: skip
RESULT = RunResult(score=893, distance=313, coins=58, duration=21.87, reason="crashed")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "session").mkdir()
    make_folder(tmp_path / "home", tmp_path / "session", Owner(os.getuid(), os.getgid(), drop=os.getuid() == 0))
    return tmp_path / "home"


def file_of(home: Path) -> Path:
    return folder_of(home) / "result.json"


def test_what_a_game_told_is_read(home: Path) -> None:
    file_of(home).write_text(json.dumps(TOLD))
    assert read_result(home, "ses1") == RESULT


def test_nothing_told_is_no_result(home: Path) -> None:
    assert read_result(home, "ses1") is None
    assert read_result(home / "elsewhere", "ses1") is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b'"893"',
        b"\xff\xfe{",
        b"[" * MOST_BYTES,
        b'{"score": 1e400}',
        json.dumps({key: value for key, value in TOLD.items() if key != "score"}).encode(),
        json.dumps(TOLD).encode()[:-1],
        json.dumps(TOLD | {"padding": "x" * MOST_BYTES}).encode(),
    ],
)
def test_what_is_not_such_an_object_is_no_result(home: Path, content: bytes) -> None:
    file_of(home).write_bytes(content)
    assert read_result(home, "ses1") is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("score", -1), ("score", "893"), ("score", 893.5), ("score", True), ("score", None), ("score", 2**53),
        ("score", float("nan")), ("distance", -1), ("distance", "313"), ("distance", []), ("coins", -1),
        ("coins", "many"), ("duration", -0.1), ("duration", float("inf")), ("duration", "21"), ("duration", 86_401),
        ("reason", "won"), ("reason", 7),
    ],
)  # fmt: skip
def test_a_figure_that_cannot_be_is_no_result(home: Path, field: str, value: object) -> None:
    file_of(home).write_text(json.dumps(TOLD | {field: value}))
    assert read_result(home, "ses1") is None


def test_a_huge_file_is_not_read_to_its_end(home: Path) -> None:
    with file_of(home).open("wb") as file:
        file.truncate(512 * 1024**2)
    tracemalloc.start()
    assert read_result(home, "ses1") is None
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1024**2


def _link(home: Path, secret: Path) -> None:
    file_of(home).symlink_to(secret)


def _link_folder(home: Path, secret: Path) -> None:
    folder_of(home).rmdir()
    folder_of(home).symlink_to(secret.parent)


def _pipe(home: Path, _secret: Path) -> None:
    os.mkfifo(file_of(home))


def _folder(home: Path, _secret: Path) -> None:
    file_of(home).mkdir()


def _gone(home: Path, _secret: Path) -> None:
    folder_of(home).rmdir()


def _file_for_folder(home: Path, _secret: Path) -> None:
    folder_of(home).rmdir()
    folder_of(home).write_text(json.dumps(TOLD))


@pytest.mark.parametrize("does", [_link, _link_folder, _pipe, _folder, _gone, _file_for_folder])
def test_no_link_is_followed_and_no_pipe_waited_for(
    home: Path, tmp_path: Path, does: Callable[[Path, Path], None]
) -> None:
    secret = tmp_path / "secret" / "result.json"
    secret.parent.mkdir()
    secret.write_text(json.dumps(TOLD))
    does(home, secret)
    assert read_result(home, "ses1") is None


async def test_the_result_comes_with_the_end_and_nothing_is_saved(host: Host) -> None:
    task = host.session(order(build=BUILD).model_copy(update={"for_result": True}))
    assert (await host.running(task)).result is None
    home = host.services.session_folder("ses1") / "home"
    (home / "a-save").write_text("of no use to anybody")
    file_of(home).write_text(json.dumps(TOLD))
    task.stop("stopped", "")
    ended = await host.ended(task)
    assert ended.state == ObservedState.ENDED
    assert ended.result == RESULT
    assert ended.end is not None
    assert ended.end.code == "stopped"
    assert host.store.sent == []
    await host.assert_nothing_is_left()
    again = host.session()
    assert again.observed().result == RESULT, "the next agent still has it"


async def test_a_game_that_tells_nothing_ends_without_a_result(host: Host) -> None:
    task = host.session(order(build=BUILD).model_copy(update={"for_result": True}))
    await host.running(task)
    task.stop("stopped", "")
    assert (await host.ended(task)).result is None
    await host.assert_nothing_is_left()


async def test_a_run_on_an_engine_that_is_away_ends_as_it_was_asked_to_with_its_result(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "TOLD_AFTER_S", 0.1)
    monkeypatch.setattr(ending, "_KILLED_WITHIN_S", 0.1)
    task = host.session(order(build=BUILD).model_copy(update={"for_result": True}))
    await host.running(task)
    file_of(host.services.session_folder("ses1") / "home").write_text(json.dumps(TOLD))
    host.runtime.is_away = True
    task.stop("stopped", "As ordered.")
    seen = await host.until(task, lambda seen: seen.state == ObservedState.ENDED)
    assert seen.result == RESULT
    assert seen.end == EndReport(code="stopped", message="As ordered.")
    assert not task.has_ended
    host.runtime.is_away = False
    after = await host.ended(task)
    assert (after.end, after.result) == (seen.end, RESULT)
    await host.assert_nothing_is_left()


async def test_a_run_that_ends_while_no_agent_is_there_is_told_by_the_next(host: Host) -> None:
    desired = order(build=BUILD, now=datetime.now(UTC)).model_copy(update={"for_result": True})
    task = host.session(desired)
    await host.running(task)
    file_of(host.services.session_folder("ses1") / "home").write_text(json.dumps(TOLD))
    await task.leave()
    [container] = await host.runtime.list_containers({})
    await host.runtime.signal(container.container_id, "SIGKILL")
    ended = await host.ended(host.session(desired))
    assert ended.result == RESULT
    assert host.store.sent == []
    await host.assert_nothing_is_left()
