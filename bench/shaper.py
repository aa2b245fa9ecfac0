"""A bad link in userspace: UDP from a page to a seat and back, with a rate, a delay, losses and a queue limit.

The page is told the shaper's port instead of the seat's, so all its packets come through here. Rate and queue hold for
the way to the page; delay and loss for both ways. Losses are drawn from a seeded generator. It runs in a thread of its
own, and sleeps until the next packet is due.
"""

import heapq
import random
import select
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"
DATAGRAM_BYTES = 2048
HEADERS_BYTES = 28
BUFFER_BYTES = 4 * 1024 * 1024
WAITING_PACKETS = 20_000


@dataclass(frozen=True, slots=True)
class LinkQuality:
    """`rtt_s` is there and back together; no `rate_bps` means that the link is no limit. `queue_bytes` is what waits at
    most before newer packets are dropped: by default as much as an ordinary home router holds.
    """

    rate_bps: float | None = None
    rtt_s: float = 0.0
    loss: float = 0.0
    queue_bytes: int = 100_000


class Shaper:
    """One link between one page and one seat: `start`, then `answer_through` for the page's answer, then `close`."""

    def __init__(self, quality: LinkQuality, seed: int = 1) -> None:
        self._quality = quality
        self._random = random.Random(seed)
        self._page_side, self._seat_side = _socket(), _socket()
        self._wake_read, self._wake_write = socket.socketpair()
        self._page: tuple[str, int] | None = None
        self._seat: tuple[str, int] | None = None
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._free_at = 0.0
        self._under_way: list[tuple[float, int, bytes, bool]] = []
        self._count = 0
        self._is_closing = False
        self.carried_bytes = 0
        self.dropped_packets = 0
        self._thread = threading.Thread(target=self._run, name="shaper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def become(self, quality: LinkQuality) -> None:
        """The link is another from now on; what is under way arrives as it would have."""
        self._quality = quality
        self._wake_write.send(b"!")

    def close(self) -> None:
        self._is_closing = True
        self._wake_write.send(b"!")
        self._thread.join()
        for each in (self._page_side, self._seat_side, self._wake_read, self._wake_write):
            each.close()

    def answer_through(self, sdp: str) -> str:
        """The seat's answer with the shaper in the place of the seat, which must offer a loopback candidate."""
        lines: list[str] = []
        for line in sdp.splitlines():
            words = line.split()
            if not line.startswith("a=candidate:"):
                lines.append(line)
            elif words[4] == LOOPBACK:
                self._seat = (LOOPBACK, int(words[5]))
                lines.append(" ".join([*words[:5], str(self._page_side.getsockname()[1]), *words[6:]]))
        return "".join(line + "\r\n" for line in lines)

    def _run(self) -> None:
        sources = [self._page_side, self._seat_side, self._wake_read]
        while not self._is_closing:
            now = time.monotonic()
            next_at = min(
                [at for at, *_ in self._under_way[:1]] + ([self._free_at] if self._queue else []), default=now + 1
            )
            readable, _, _ = select.select(sources, [], [], max(0.0, next_at - now))
            if self._wake_read in readable:
                self._wake_read.recv(4096)
            now = time.monotonic()
            for side in (self._page_side, self._seat_side):
                if side in readable:
                    self._receive(side, now)
            self._serve(now)
            while self._under_way and self._under_way[0][0] <= now:
                _, _, data, is_for_page = heapq.heappop(self._under_way)
                self._deliver(data, is_for_page)

    def _receive(self, side: socket.socket, now: float) -> None:
        while True:
            try:
                data, source = side.recvfrom(DATAGRAM_BYTES)
            except (BlockingIOError, ConnectionRefusedError):
                return
            if side is self._page_side:
                self._page = source
                self._leave(data, now, is_for_page=False)
            elif self._quality.rate_bps is None:
                self._leave(data, now, is_for_page=True)
            elif self._queued_bytes + len(data) + HEADERS_BYTES > self._quality.queue_bytes:
                self.dropped_packets += 1
            else:
                if not self._queue:
                    self._free_at = max(self._free_at, now + _seconds(data, self._quality.rate_bps))
                self._queue.append(data)
                self._queued_bytes += len(data) + HEADERS_BYTES

    def _serve(self, now: float) -> None:
        """`_free_at` is when the first of the queue has left the link whole."""
        while self._queue and self._free_at <= now:
            data = self._queue.popleft()
            self._queued_bytes -= len(data) + HEADERS_BYTES
            self._leave(data, self._free_at, is_for_page=True)
            if self._queue:
                self._free_at += _seconds(self._queue[0], self._quality.rate_bps)

    def _leave(self, data: bytes, at: float, *, is_for_page: bool) -> None:
        if self._random.random() < self._quality.loss or len(self._under_way) >= WAITING_PACKETS:
            self.dropped_packets += 1
            return
        self._count += 1
        heapq.heappush(self._under_way, (at + self._quality.rtt_s / 2, self._count, data, is_for_page))

    def _deliver(self, data: bytes, is_for_page: bool) -> None:
        side, target = (self._page_side, self._page) if is_for_page else (self._seat_side, self._seat)
        if target is not None:
            try:
                side.sendto(data, target)
            except (BlockingIOError, ConnectionRefusedError):
                self.dropped_packets += 1
            else:
                self.carried_bytes += len(data) if is_for_page else 0


def offer_through(sdp: str) -> str:
    """The page's offer without its candidates, so that the seat finds the page by the packets that come through."""
    kept = [line for line in sdp.splitlines() if not line.startswith(("a=candidate:", "a=end-of-candidates"))]
    return "".join(line + "\r\n" for line in kept)


def _seconds(data: bytes, rate_bps: float | None) -> float:
    return 0.0 if rate_bps is None else (len(data) + HEADERS_BYTES) * 8 / rate_bps


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    made.setblocking(False)
    made.bind((LOOPBACK, 0))
    return made
