"""The network between pages and a seat, which can be cut, mended and changed: a UDP relay for each connection.

A page is told the relay's port instead of the seat's, so all its packets come through here. While it is cut nothing
passes; after a change nothing passes on the old ways any more, as when a laptop goes from one network to another.
"""

import asyncio
from collections.abc import Callable

LOOPBACK = "127.0.0.1"

Address = tuple[str, int]
Taker = Callable[[bytes, Address], None]


class Network:
    """Lives on one event loop."""

    def __init__(self) -> None:
        self.is_cut = False
        self._relays: list[Relay] = []

    def cut(self) -> None:
        self.is_cut = True

    def mend(self) -> None:
        self.is_cut = False

    def change(self) -> None:
        """Every way that there is now is dead for good; new ones can be made."""
        self.close()
        self.is_cut = False

    def close(self) -> None:
        for relay in self._relays:
            relay.close()
        self._relays.clear()

    async def through(self, sdp: str) -> str:
        """The seat's answer with a relay of its own in the place of the seat, which must offer a loopback candidate."""
        lines = list[str]()
        for line in sdp.splitlines():
            words = line.split()
            if line.startswith("a=candidate:") and words[4] == LOOPBACK:
                relay = await Relay.open(self, (LOOPBACK, int(words[5])))
                self._relays.append(relay)
                words[5] = str(relay.port)
                lines.append(" ".join(words))
            elif not line.startswith("a=candidate:"):
                lines.append(line)
        return "".join(f"{line}\r\n" for line in lines)


class Relay:
    """One way between a page and a seat, whichever address the page sends from."""

    def __init__(self, network: Network, seat: Address) -> None:
        self._network = network
        self._seat = seat
        self._page: Address | None = None

    @classmethod
    async def open(cls, network: Network, seat: Address) -> "Relay":
        relay, loop = cls(network, seat), asyncio.get_running_loop()
        relay._page_side, _ = await loop.create_datagram_endpoint(lambda: Side(relay._from_page), (LOOPBACK, 0))
        relay._seat_side, _ = await loop.create_datagram_endpoint(lambda: Side(relay._from_seat), (LOOPBACK, 0))
        return relay

    @property
    def port(self) -> int:
        address: Address = self._page_side.get_extra_info("sockname")
        return address[1]

    def close(self) -> None:
        self._page_side.close()
        self._seat_side.close()

    def _from_page(self, data: bytes, source: Address) -> None:
        self._page = source
        if not self._network.is_cut:
            self._seat_side.sendto(data, self._seat)

    def _from_seat(self, data: bytes, _: Address) -> None:
        if self._page is not None and not self._network.is_cut:
            self._page_side.sendto(data, self._page)

    _page_side: asyncio.DatagramTransport
    _seat_side: asyncio.DatagramTransport


class Side(asyncio.DatagramProtocol):
    def __init__(self, take: Taker) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._take(data, addr)


def without_candidates(sdp: str) -> str:
    """The page's offer so that the seat finds the page by the packets that come through, and by nothing else."""
    kept = [line for line in sdp.splitlines() if not line.startswith(("a=candidate:", "a=end-of-candidates"))]
    return "".join(f"{line}\r\n" for line in kept)
