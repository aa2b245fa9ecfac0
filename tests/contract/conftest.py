"""A private Docker Engine for the contract tests that run on the real thing."""

from tests.integration.conftest import docker_engine, tiny_image

__all__ = ["docker_engine", "tiny_image"]
