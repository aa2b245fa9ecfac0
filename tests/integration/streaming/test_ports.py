"""A seat behind a firewall or a router: the ports that were opened for it, and the address that is passed on to it."""

from pathlib import Path

import ifaddr
import pytest
from playwright.async_api import Browser, Page

from streaming.protocol import SeatConfig, SessionDescription
from tests.integration.streaming.drawing_client import COLOURS
from tests.integration.streaming.seat_support import Seat, running_seat, shows

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIRST, LAST = 21400, 21423
PUBLIC = "203.0.113.7"
SEAT_PORTS = """async () => {
  const stats = await seat.video.receiver.getStats();
  return [...stats.values()].filter(({type}) => type === "remote-candidate").map(({port}) => port);
}"""

OFFER = """async () => {
  const peer = new RTCPeerConnection();
  for (const kind of ["video", "audio"]) peer.addTransceiver(kind, {direction: "recvonly"});
  return (await peer.createOffer()).sdp;
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


async def test_a_seat_behind_a_router_offers_the_routers_address_at_its_own_ports(
    seat_folder: Path, browser: Browser
) -> None:
    """Nobody connects, so nothing is sent anywhere."""
    addresses = [address.ip for adapter in ifaddr.get_adapters() for address in adapter.ips if address.is_IPv4]
    own = [address for address in addresses if isinstance(address, str) and not address.startswith("127.")]
    config = SeatConfig(ice_addresses=("127.0.0.1", *own), udp_ports=(FIRST, LAST), public_address=PUBLIC)
    asking = await browser.new_page()
    offer = SessionDescription(type="offer", sdp=await asking.evaluate(OFFER))
    async with running_seat(seat_folder, config) as seat:
        answer = await seat.client.connect(offer)
    await asking.close()
    candidates = [line.split() for line in answer.sdp.splitlines() if line.startswith("a=candidate:")]
    ports = {address: {words[5] for words in candidates if words[4] == address} for address in ("127.0.0.1", *own)}
    outside = [words for words in candidates if words[4] == PUBLIC]
    assert own
    assert {words[5] for words in outside} == set.union(*(ports[address] for address in own))
    assert all(words[6:] == ["typ", "srflx", "raddr", words[9], "rport", words[5]] for words in outside)
    assert {words[9] for words in outside} == set(own), "loopback is not passed on"
