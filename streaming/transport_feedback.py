"""Transport-wide congestion control: when each packet left, when it arrived, and which never did.

The wire is draft-holmer-rmcat-transport-wide-cc-extensions-01: each packet carries a number of its transport, and the
page tells some twenty times a second when it received which. Strangers write these bytes: parsing is pure and raises
ValueError. Nothing here knows sockets or aiortc.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

RTPFB, TRANSPORT_FEEDBACK = 205, 15
SEQUENCE_MODULO = 1 << 16
TICK_US = 250
REFERENCE_US = 64_000
REFERENCE_MODULO_US = (1 << 24) * REFERENCE_US
REMEMBERED_PACKETS = 4096

_HEADER = struct.Struct("!BBH")
_FIXED = struct.Struct("!IIHHI")
_LOST, _SMALL, _LARGE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class TransportFeedback:
    """`arrivals_us[n]` is the receiver's clock for packet `first + n`, modulo 2^16; None when it has not come."""

    first: int
    arrivals_us: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class PacketReport:
    """One packet's fate. Sent and arrived are seconds of two clocks that only run alike; `probe` numbers a cluster."""

    sent_at_s: float
    arrived_at_s: float | None
    size_bytes: int
    probe: int | None = None


def split_rtcp(data: bytes) -> tuple[bytes, list[TransportFeedback]]:
    """A compound RTCP packet without its transport feedback, and that feedback. Raises ValueError."""
    rest: list[bytes] = []
    found: list[TransportFeedback] = []
    position = 0
    while position < len(data):
        if len(data) - position < _HEADER.size:
            raise ValueError("the packet ends within a header")
        first, kind, words = _HEADER.unpack_from(data, position)
        end = position + 4 + 4 * words
        if end > len(data):
            raise ValueError("the packet is longer than its datagram")
        if kind == RTPFB and first & 0x1F == TRANSPORT_FEEDBACK:
            found.append(parse_feedback(data[position + 4 : end]))
            if sum(len(feedback.arrivals_us) for feedback in found) > REMEMBERED_PACKETS:
                raise ValueError("the feedback tells of more packets than are remembered")
        else:
            rest.append(data[position:end])
        position = end
    return b"".join(rest), found


def parse_feedback(body: bytes) -> TransportFeedback:
    """What follows the RTCP header of one transport feedback packet. Raises ValueError."""
    if len(body) < _FIXED.size:
        raise ValueError("the feedback is too short")
    _, _, first, count, reference = _FIXED.unpack_from(body)
    if count > REMEMBERED_PACKETS:
        raise ValueError("the feedback tells of more packets than are remembered")
    symbols: list[int] = []
    position = _FIXED.size
    while len(symbols) < count:
        if position + 2 > len(body):
            raise ValueError("the feedback ends within its symbols")
        symbols += _symbols(int.from_bytes(body[position : position + 2]), count - len(symbols))
        position += 2
    now_us = (reference >> 8) * REFERENCE_US
    arrivals: list[int | None] = []
    for symbol in symbols:
        if symbol == _LOST:
            arrivals.append(None)
            continue
        size = 1 if symbol == _SMALL else 2
        if position + size > len(body) or symbol > _LARGE:
            raise ValueError("the feedback ends within its times")
        now_us += TICK_US * int.from_bytes(body[position : position + size], signed=symbol == _LARGE)
        position += size
        arrivals.append(now_us)
    return TransportFeedback(first, tuple(arrivals))


def _symbols(chunk: int, wanted: int) -> list[int]:
    if not chunk & 0x8000:
        return [chunk >> 13 & 3] * min(chunk & 0x1FFF, wanted) or _no_progress()
    bits, width, mask = (14, 1, 1) if not chunk & 0x4000 else (7, 2, 3)
    return [chunk >> width * (bits - 1 - place) & mask for place in range(bits)][:wanted]


def _no_progress() -> list[int]:
    raise ValueError("a run of no packets")


class SentPackets:
    """What was sent on one transport and not yet reported; the oldest are forgotten."""

    def __init__(self) -> None:
        self._next = 0
        self._sent: dict[int, tuple[PacketReport, int]] = {}
        self._sent_bytes = 0
        self._told_bytes = 0
        self._clock_us: int | None = None

    @property
    def in_flight_bytes(self) -> int:
        """Sent after the newest packet whose fate is known."""
        return self._sent_bytes - self._told_bytes

    def number(self, sent_at_s: float, size_bytes: int, probe: int | None = None) -> int:
        """The transport's number for a packet that leaves now."""
        number = self._next
        self._sent_bytes += size_bytes
        self._sent[number] = PacketReport(sent_at_s, None, size_bytes, probe), self._sent_bytes
        self._sent.pop((number - REMEMBERED_PACKETS) % SEQUENCE_MODULO, None)
        self._next = (number + 1) % SEQUENCE_MODULO
        return number

    def reported(self, feedback: TransportFeedback) -> list[PacketReport]:
        """The fate of each packet that this feedback is the first to tell of, in the order of sending."""
        return list(self._matched(feedback))

    def _matched(self, feedback: TransportFeedback) -> Iterator[PacketReport]:
        for place, arrival_us in enumerate(feedback.arrivals_us):
            found = self._sent.pop((feedback.first + place) % SEQUENCE_MODULO, None)
            if found is None:
                continue
            sent, total_bytes = found
            self._told_bytes = max(self._told_bytes, total_bytes)
            arrived = None if arrival_us is None else self._unwrapped(arrival_us) / 1e6
            yield PacketReport(sent.sent_at_s, arrived, sent.size_bytes, sent.probe)

    def _unwrapped(self, arrival_us: int) -> int:
        """The receiver's clock starts again every twelve days."""
        last = arrival_us if self._clock_us is None else self._clock_us
        laps = round((last - arrival_us) / REFERENCE_MODULO_US)
        self._clock_us = arrival_us + laps * REFERENCE_MODULO_US
        return self._clock_us
