"""When each packet of a picture may leave: a token bucket. Pure: `now` is seconds on any monotonic clock.

An ordinary picture leaves at once; what is larger is spread, so that nothing occupies the link for longer than the time
of one picture. Sound and control never come here. First go packets that were lost, then the picture, then what is only
sent to be safe or to learn. Pictures need no limit here: who makes them looks at `backlog_s` first. Repeats and extras
have one, since the page says how many there are.
"""

from collections import deque
from dataclasses import dataclass
from enum import IntEnum

PACE, LIMITED_PACE = 2.0, 1.0
LEAST_BURST_BYTES = 2500
EXTRA_PACKETS = 64
REPEAT_PACKETS = 512


class Urgency(IntEnum):
    """In the order of leaving."""

    REPEAT = 0
    PICTURE = 1
    EXTRA = 2


LIMITS = {Urgency.REPEAT: REPEAT_PACKETS, Urgency.EXTRA: EXTRA_PACKETS}


@dataclass(frozen=True, slots=True)
class Waiting:
    """`probe` numbers the cluster that this packet belongs to, which must leave at once."""

    data: bytes
    urgency: Urgency
    probe: int | None = None


class Pacer:
    """A queue of packets, and when the next of them is due."""

    def __init__(self, bitrate_bps: float, fps: int) -> None:
        self._queues: dict[Urgency, deque[Waiting]] = {urgency: deque() for urgency in Urgency}
        self._waiting_bytes = 0
        self._level_bytes = 0.0
        self._filled_at = float("-inf")
        self._rate, self._burst_bytes = 0.0, 0.0
        self._rests_until = float("-inf")
        self.aim(bitrate_bps, fps)

    def aim(self, bitrate_bps: float, fps: int, *, is_limit: bool = False) -> None:
        """Give the link `bitrate_bps`, in pictures of a `fps`th of it each; `is_limit` when it bears no more."""
        self._rate = bitrate_bps / 8 * (LIMITED_PACE if is_limit else PACE)
        self._burst_bytes = max(LEAST_BURST_BYTES, bitrate_bps / 8 / fps)

    def rest(self, until: float) -> None:
        """Nothing leaves until then."""
        self._rests_until = until

    def clear(self) -> None:
        """Forgets everything that waits."""
        for queue in self._queues.values():
            queue.clear()
        self._waiting_bytes = 0

    @property
    def is_empty(self) -> bool:
        return not any(self._queues.values())

    @property
    def backlog_s(self) -> float:
        """How long what waits will take to leave, extras aside."""
        return self._waiting_bytes / self._rate

    def put(self, packet: Waiting) -> None:
        """Repeats and extras beyond their limit are dropped: a page that still misses a packet asks again."""
        queue = self._queues[packet.urgency]
        if len(queue) >= LIMITS.get(packet.urgency, float("inf")):
            return
        if packet.urgency is not Urgency.EXTRA:
            self._waiting_bytes += len(packet.data)
        queue.append(packet)

    def take(self, now: float) -> Waiting | None:
        """The next packet, if one may leave now."""
        queue = next((queue for queue in self._queues.values() if queue), None)
        if queue is None or (self.due_at(now) > now and queue[0].probe is None):
            return None
        packet = queue.popleft()
        if packet.urgency is not Urgency.EXTRA:
            self._waiting_bytes -= len(packet.data)
        self._level_bytes = max(self._level(now), -2 * self._burst_bytes) - len(packet.data)
        self._filled_at = now
        return packet

    def due_at(self, now: float) -> float:
        """When the next packet may leave."""
        level = self._level(now)
        return max(self._rests_until, now if level > 0 else now + (1 - level) / self._rate)

    def _level(self, now: float) -> float:
        return min(self._burst_bytes, self._level_bytes + (now - self._filled_at) * self._rate)
