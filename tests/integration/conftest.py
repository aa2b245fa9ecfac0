"""A private Docker Engine for the tests, a tiny image in it, and what the seats of all agents share."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.chaos import seeds
from tests.integration.docker_engine import DockerEngine, RunningEngine, import_tiny_image


@pytest.fixture(scope="session")
def docker_engine() -> Generator[DockerEngine]:
    with RunningEngine() as engine:
        yield engine


@pytest.fixture(scope="session")
def seat_runtime() -> Generator[Path]:
    with seeds.seat_runtime() as folder:
        yield folder


@pytest.fixture(scope="session")
def tiny_image(docker_engine: DockerEngine) -> str:
    """The image id of a busybox root file system in the engine."""
    return import_tiny_image(docker_engine)
