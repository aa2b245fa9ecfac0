"""Which engine is used; and that one that was asked for is never silently replaced."""

from pathlib import Path

import pytest

from orchestrator.embedded.engine import find_engine
from orchestrator.embedded.errors import NoEngine


def test_no_engine_is_found_where_there_is_none(tmp_path: Path) -> None:
    assert find_engine({}, tmp_path / "docker.sock") is None


def test_an_engine_asked_for_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NoEngine, match="unset DOCKER_HOST"):
        find_engine({"DOCKER_HOST": f"unix://{tmp_path}/docker.sock"}, tmp_path / "other.sock")


def test_an_engine_on_another_machine_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NoEngine, match="not on this machine"):
        find_engine({"DOCKER_HOST": "tcp://192.0.2.1:2375"}, tmp_path / "docker.sock")
