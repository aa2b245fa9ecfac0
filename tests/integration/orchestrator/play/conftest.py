"""The clocks in a test's hand."""

import pytest

from orchestrator.services import Services
from tests.integration.orchestrator.play.clock import Clock


@pytest.fixture
async def clock(services: Services, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(services, monkeypatch)
    await clock.settle()
    return clock
