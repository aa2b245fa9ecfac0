"""Which engine is used; and that one that was asked for is never silently replaced."""

from pathlib import Path

import pytest

from orchestrator.embedded import engine_api
from orchestrator.embedded.engine import find_engine, private_engine_of
from orchestrator.embedded.errors import NoEngine
from orchestrator.embedded.private_engine import PrivateEngine


def test_no_engine_is_found_where_there_is_none(tmp_path: Path) -> None:
    assert find_engine({}, tmp_path / "docker.sock") is None


def test_an_engine_asked_for_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NoEngine, match="unset DOCKER_HOST"):
        find_engine({"DOCKER_HOST": f"unix://{tmp_path}/docker.sock"}, tmp_path / "other.sock")


def test_an_engine_on_another_machine_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NoEngine, match="not on this machine"):
        find_engine({"DOCKER_HOST": "tcp://192.0.2.1:2375"}, tmp_path / "docker.sock")


def test_the_private_engine_of_a_folder_is_spoken_to_only_where_no_other_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, usual = PrivateEngine(tmp_path).docker_host, tmp_path / "docker.sock"
    running = {Path(private.removeprefix("unix://"))}
    monkeypatch.setattr(engine_api, "answers", running.__contains__)
    assert private_engine_of(tmp_path, {}, usual) == private
    assert private_engine_of(tmp_path, {"DOCKER_HOST": "unix:///elsewhere"}, usual) is None
    running.add(usual)
    assert private_engine_of(tmp_path, {}, usual) is None
    running.clear()
    assert private_engine_of(tmp_path, {}, usual) is None
