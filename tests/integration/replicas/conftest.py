"""A house with two replicas."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

import pytest

from orchestrator.services import open_services
from orchestrator.settings import Settings
from tests.integration.orchestrator.conftest import add_game
from tests.integration.replicas.house import House, Replica


@pytest.fixture
def database_kind() -> str:
    return "postgresql"


@pytest.fixture
async def house(settings: Settings) -> AsyncGenerator[House]:
    """With the game `the-question`."""
    async with open_services(settings) as services, AsyncExitStack() as closing:
        await add_game(services)
        house = House(settings, services, Replica(settings), Replica(settings), closing)
        for replica in (house.a, house.b):
            closing.push_async_callback(replica.kill)
        await asyncio.gather(house.a.start(), house.b.start())
        yield house
