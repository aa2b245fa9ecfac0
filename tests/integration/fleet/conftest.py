"""A fleet that is opened for one test."""

import secrets
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.integration.docker_engine import DockerEngine
from tests.integration.fleet.fleet import Fleet
from tests.s3_server import S3Server, faulty_way


@pytest.fixture
async def fleet(
    docker_engine: DockerEngine, seat_runtime: Path, s3_server: S3Server, s3_bucket: str, s3_keys: None
) -> AsyncGenerator[Fleet]:
    async with faulty_way(s3_server.endpoint) as store:
        fleet = Fleet(docker_engine, seat_runtime, f"s3://{s3_bucket}/{secrets.token_hex(4)}", store)
        async with fleet.opened():
            yield fleet
