"""What the reports of packets say of the link: how much waits in its queue, how much it delivers, how much it loses.

Pure: every batch of reports gives a new view. Delay is told against the least delay of the last tens of seconds, so the
two clocks need not agree. What stands in the queue is the least delay of some tens of milliseconds (as in CoDel, RFC
8289): a picture that arrives as a burst is no queue.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from streaming.transport_feedback import PacketReport

WINDOW_S = 0.3
SENT_WINDOW_S = 1.0
STANDING_S = 0.08
DEEP_S = 0.08
STANDING_PACKETS = 4
BASE_EPOCH_S = 8.0
RTT_CREEP_S = 0.0001  # a batch: a way that has become longer is believed within half a minute
LOSS_HALF_LIFE_S = 1.0
LOSS_PRIOR_PACKETS = 20.0
PROBE_PACKETS = 5
HEADERS_BYTES = 38  # IP, UDP and the authentication tag, which the link carries too


@dataclass(frozen=True, slots=True)
class Batch:
    """One feedback's packets. `least_s` and `last_s` are delays over the base that held then; nothing
    arrived when `last_arrival_s` is None. `told_at_s` is our clock.
    """

    told_at_s: float
    packets: int
    sent_bytes: int
    arrived_bytes: int
    last_arrival_s: float | None = None
    least_s: float = 0.0
    last_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LinkView:
    """`standing_s` is the queue that does not go away, `queue_s` that of the newest packet; `capacity_bps` what the
    link delivered lately, which is all that it can while a queue stands; `loss` forgets with time, whether packets
    flow or not; `probed_bps` is what the newest cluster of this batch came through with, and
    `proven_bps` the same if the page read it without delay: a busy one reads all of it at once, as from a fast link.
    `heard_until_s` is the newest arrival, on the page's clock.
    """

    base_s: tuple[float, float] = (float("inf"), float("inf"))
    base_since_s: float = 0.0
    batches: tuple[Batch, ...] = ()
    rtt_s: float = 0.1
    least_rtt_s: float = float("inf")
    standing_s: float = 0.0
    queue_s: float = 0.0
    capacity_bps: float = 0.0
    sent_bps: float = 0.0
    lost_packets: float = 0.0
    told_packets: float = 0.0
    updated_at_s: float = 0.0
    probed_bps: float | None = None
    proven_bps: float = 0.0
    probe_parts: tuple[PacketReport, ...] = field(default=())
    heard_until_s: float = float("-inf")

    @property
    def loss(self) -> float:
        """Between 0 and 1. A few packets alone prove nothing."""
        return self.lost_packets / (self.told_packets + LOSS_PRIOR_PACKETS)

    @property
    def newest(self) -> Batch | None:
        return self.batches[-1] if self.batches else None

    def without_losses(self) -> "LinkView":
        """What a full queue drops says nothing of the link once the queue is gone."""
        return replace(self, lost_packets=0.0)

    def with_new_base(self) -> "LinkView":
        """The path has become longer: what looked like a queue is its delay."""
        return replace(self, base_s=(float("inf"), float("inf")), batches=(), standing_s=0.0, queue_s=0.0)


def updated(view: LinkView, reports: Sequence[PacketReport], now: float) -> LinkView:
    """The view after one feedback, which came at `now` on the clock of sending."""
    arrived = [(report, report.arrived_at_s) for report in reports if report.arrived_at_s is not None]
    delays = [at - report.sent_at_s for report, at in arrived]
    base, since = _base(view, delays, now)
    least = min(base)
    fading = 0.5 ** (max(0.0, now - view.updated_at_s) / LOSS_HALF_LIFE_S)
    batch = Batch(
        told_at_s=now,
        packets=len(reports),
        sent_bytes=sum(report.size_bytes + HEADERS_BYTES for report in reports),
        arrived_bytes=sum(report.size_bytes + HEADERS_BYTES for report, _ in arrived),
        last_arrival_s=max((at for _, at in arrived), default=None),
        least_s=min(delays) - least if delays else 0.0,
        last_s=delays[-1] - least if delays else 0.0,
    )
    batches = tuple(each for each in (*view.batches, batch) if now - each.told_at_s <= SENT_WINDOW_S)
    standing_s, capacity_bps = _standing(batches)
    rtt_s = now - max((report.sent_at_s for report, _ in arrived), default=now - view.rtt_s)
    probed_bps, proven_bps, parts = _probed(view.probe_parts, reports, least)
    return replace(
        view,
        base_s=base,
        base_since_s=since,
        batches=batches,
        rtt_s=rtt_s if not view.batches else view.rtt_s + (rtt_s - view.rtt_s) / 8,
        least_rtt_s=min(rtt_s, view.least_rtt_s + RTT_CREEP_S),
        standing_s=standing_s,
        queue_s=batch.last_s if delays else view.queue_s,
        capacity_bps=view.capacity_bps if capacity_bps is None else capacity_bps,
        sent_bps=_sent(batches),
        lost_packets=view.lost_packets * fading + len(reports) - len(arrived),
        told_packets=view.told_packets * fading + len(reports),
        updated_at_s=now,
        probed_bps=probed_bps,
        proven_bps=proven_bps,
        probe_parts=parts,
        heard_until_s=max([view.heard_until_s, *(at for _, at in arrived)]),
    )


def _base(view: LinkView, delays: Sequence[float], now: float) -> tuple[tuple[float, float], float]:
    """The least delay of this epoch and of the one before, and since when this one lasts."""
    older, newer = view.base_s
    since = view.base_since_s
    if now - since > BASE_EPOCH_S:
        older, newer, since = newer, float("inf"), now
    return (older, min([newer, *delays])), since


def _standing(batches: Sequence[Batch]) -> tuple[float, float | None]:
    """The least delay of the newest batches that together are long and many enough to tell, and what they delivered a
    second. Too few prove no queue.
    """
    heard = [(batch, batch.last_arrival_s) for batch in batches if batch.last_arrival_s is not None]
    least, packets, arrived_bytes = float("inf"), 0, 0
    for (batch, _), (_, earlier_s) in zip(reversed(heard[1:]), reversed(heard[:-1]), strict=True):
        least, packets = min(least, batch.least_s), packets + batch.packets
        arrived_bytes += batch.arrived_bytes
        span_s = heard[-1][1] - earlier_s
        if packets >= STANDING_PACKETS and (span_s >= STANDING_S or (span_s > 0 and least >= DEEP_S)):
            return least, arrived_bytes * 8 / span_s
        if span_s > WINDOW_S:
            break
    return 0.0, None


def _sent(batches: Sequence[Batch]) -> float:
    if len(batches) < 2:
        return 0.0
    return sum(batch.sent_bytes for batch in batches[1:]) * 8 / max(1e-3, batches[-1].told_at_s - batches[0].told_at_s)


def _probed(
    before: tuple[PacketReport, ...], reports: Sequence[PacketReport], least_s: float
) -> tuple[float | None, float, tuple[PacketReport, ...]]:
    """How fast the newest cluster came through, once that can be told: by the time between its packets, and by all that
    its last one took. And what is known of it until then.
    """
    newest = max((report.probe for report in (*before, *reports) if report.probe is not None), default=None)
    if newest is None:
        return None, 0.0, ()
    parts = tuple(report for report in (*before, *reports) if report.probe == newest)
    arrivals = sorted(
        (part.arrived_at_s, part.sent_at_s, part.size_bytes + HEADERS_BYTES)
        for part in parts
        if part.arrived_at_s is not None
    )
    if len(arrivals) < PROBE_PACKETS or not any(report.probe == newest for report in reports):
        return None, 0.0, parts
    first_s, (last_s, sent_s, _) = arrivals[0][0], arrivals[-1]
    total_bits, first_bits = 8 * sum(size for *_, size in arrivals), 8 * arrivals[0][2]
    return (
        (total_bits - first_bits) / max(last_s - first_s, 1e-3),
        total_bits / max(last_s - sent_s - least_s, 1e-3),
        parts,
    )
