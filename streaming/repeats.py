"""Which packets asked for again are sent again, and which are worth repeating to learn what the link carries. Pure."""

from collections import OrderedDict, deque
from collections.abc import Iterable

from streaming.rate_control import LEAST_PROBE_PACKETS, PROBE_S
from streaming.transport_feedback import SEQUENCE_MODULO

REMEMBERED = 512
SEQUENCES_SINCE = range(4096, SEQUENCE_MODULO // 2)  # later than any repeat, and sooner than numbers seem older again
LEAST_PAUSE_S = 0.02
PROBE_MIN_BYTES = 700
PROBE_PACKETS = range(LEAST_PROBE_PACKETS, 41)


class Repeats:
    """Knows the packets of the picture by their RTP sequence numbers. `now` is seconds on any monotonic clock."""

    def __init__(self) -> None:
        self._repeated: OrderedDict[int, float] = OrderedDict()
        self._large: deque[int] = deque(maxlen=PROBE_PACKETS[-1])
        self._newest = 0
        self._given_up: int | None = None

    def give_up(self) -> None:
        """What was sent until now is not repeated any more: a keyframe will come instead."""
        self._given_up = self._newest

    def sent(self, sequence: int, size_bytes: int) -> None:
        self._newest = sequence
        if self._given_up is not None and (sequence - self._given_up) % SEQUENCE_MODULO in SEQUENCES_SINCE:
            self._given_up = None
        if size_bytes >= PROBE_MIN_BYTES:
            self._large.append(sequence)

    def wanted(self, sequences: Iterable[int], now: float, rtt_s: float) -> list[int]:
        """Without those whose last repeat may still be under way."""
        pause_s = max(LEAST_PAUSE_S, rtt_s)
        chosen = [
            each
            for each in sequences
            if not self._is_given_up(each) and now - self._repeated.get(each, float("-inf")) >= pause_s
        ]
        for sequence in chosen:
            self._repeated[sequence] = now
            self._repeated.move_to_end(sequence)
        while len(self._repeated) > REMEMBERED:
            self._repeated.popitem(last=False)
        return chosen

    def cluster(self, bitrate_bps: float, packet_bytes: int) -> list[int]:
        """The newest large packets, so many that together they are `PROBE_S` of this rate; none without large ones."""
        wanted = round(bitrate_bps / 8 * PROBE_S / packet_bytes)
        count = min(PROBE_PACKETS[-1], max(PROBE_PACKETS[0], wanted))
        large = list(self._large)
        return (large * (count // len(large) + 1))[-count:] if large else []

    def _is_given_up(self, sequence: int) -> bool:
        return self._given_up is not None and (self._given_up - sequence) % SEQUENCE_MODULO < SEQUENCE_MODULO // 2
