"""A seat behind a firewall: its stream keeps to the ports that were opened for it."""

import pytest
from playwright.async_api import Page

from streaming.protocol import SeatConfig
from tests.integration.streaming.drawing_client import COLOURS
from tests.integration.streaming.seat_support import Seat, shows

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIRST, LAST = 21400, 21423
SEAT_PORTS = """async () => {
  const stats = await seat.video.receiver.getStats();
  return [...stats.values()].filter(({type}) => type === "remote-candidate").map(({port}) => port);
}"""


@pytest.fixture
def config() -> SeatConfig:
    return SeatConfig(ice_addresses=("127.0.0.1",), udp_ports=(FIRST, LAST))


async def test_a_stream_keeps_to_the_ports_that_the_operator_opened(seat: Seat, page: Page) -> None:
    async with seat.drawing():
        await shows(page, COLOURS[0])
    ports: list[int] = await page.evaluate(SEAT_PORTS)
    assert ports
    assert all(FIRST <= port <= LAST for port in ports)
