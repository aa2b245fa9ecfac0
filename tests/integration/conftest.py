"""A private Docker Engine for the tests, and a tiny image in it."""

from collections.abc import Generator

import pytest

from tests.integration.docker_engine import DockerEngine, RunningEngine, import_tiny_image


@pytest.fixture(scope="session")
def docker_engine() -> Generator[DockerEngine]:
    with RunningEngine() as engine:
        yield engine


@pytest.fixture(scope="session")
def tiny_image(docker_engine: DockerEngine) -> str:
    """The image id of a busybox root file system in the engine."""
    return import_tiny_image(docker_engine)
