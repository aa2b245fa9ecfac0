"""A link in virtual time: a queue with a limit, a rate, a delay and losses, and a page that reports as Chromium does.

Pictures are sent through the real controller, so that a minute of play takes a moment to test.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from streaming.link_view import HEADERS_BYTES
from streaming.rate_control import RateState, steered
from streaming.transport_feedback import PacketReport

PACKET_BYTES = 1150
FEEDBACK_S = 0.05
OFFSET_S = 1000.0  # the receiver's clock is another one


@dataclass(frozen=True)
class Conditions:
    """With `fits_s` the page's machine is busy: it reads what has come only so often, and all of it at once."""

    rate_bps: float
    rtt_s: float = 0.05
    loss: float = 0.0
    queue_bytes: int = 100_000
    fits_s: float = 0.0


@dataclass(frozen=True)
class Moment:
    """What held when a picture was sent; `delay_s` is what it took beyond the way itself, None when part was lost."""

    at_s: float
    estimate_bps: float
    delay_s: float | None
    is_doubled: bool


@dataclass
class SimulatedLink:
    conditions: Callable[[float], Conditions]
    wanted_bps: float = 9_000_000
    fps: int = 60
    activity: Callable[[float], float] = lambda _: 1.0
    seed: int = 1
    state: RateState = field(default_factory=RateState)
    moments: list[Moment] = field(default_factory=list[Moment])

    def run(self, until_s: float) -> "SimulatedLink":
        rng = random.Random(self.seed)
        now, next_feedback = 0.0, FEEDBACK_S
        free_at, arrived = 0.0, list[PacketReport]()
        probe = 0

        def send(size: int, of_probe: int | None) -> float | None:
            nonlocal free_at
            here = self.conditions(now)
            wire = size + HEADERS_BYTES
            waiting = max(0.0, free_at - now) * here.rate_bps / 8
            if waiting + wire > here.queue_bytes:
                arrived.append(PacketReport(now, None, size, of_probe))
                return None
            free_at = max(free_at, now) + wire * 8 / here.rate_bps
            at = free_at + here.rtt_s / 2 + rng.uniform(0, 0.001)
            if here.fits_s > 0:
                at = (int(at / here.fits_s) + 1) * here.fits_s + rng.uniform(0, 0.001)
            is_lost = rng.random() < here.loss
            arrived.append(PacketReport(now, None if is_lost else round((at + OFFSET_S) * 4000) / 4000, size, of_probe))
            return None if is_lost else free_at - now

        def report() -> None:
            nonlocal arrived
            here = self.conditions(now)
            told = [
                each
                for each in arrived
                if (each.arrived_at_s or each.sent_at_s + OFFSET_S) <= now - here.rtt_s / 2 + OFFSET_S
            ]
            arrived = [each for each in arrived if each not in told]
            if told:
                in_flight = sum(each.size_bytes for each in arrived)
                self.state = steered(self.state, told, now, self.wanted_bps, in_flight)

        while now < until_s:
            now += 1 / self.fps
            if now >= next_feedback:
                report()
                next_feedback += FEEDBACK_S
            if self.state.probe_bps is not None:
                probe += 1
                for _ in range(min(40, max(6, round(self.state.probe_bps * 0.02 / 8 / 1200)))):
                    send(PACKET_BYTES, probe)
                self.state = replace(self.state, probe_bps=None)
            if now < self.state.rest_until_s:
                continue
            share = 0.46 if self.state.is_doubled else 0.92
            size = self.state.estimate_bps * share / 8 / self.fps * self.activity(now) * rng.uniform(0.7, 1.3)
            packets = max(1, round(size / PACKET_BYTES))
            delays = [send(PACKET_BYTES if size > PACKET_BYTES else max(60, int(size)), None) for _ in range(packets)]
            if self.state.is_doubled:
                delays = [
                    first if first is not None else second
                    for first, second in zip(delays, [send(PACKET_BYTES, None) for _ in delays], strict=True)
                ]
            whole = [delay for delay in delays if delay is not None]
            self.moments.append(
                Moment(
                    now,
                    self.state.estimate_bps,
                    max(whole) if len(whole) == len(delays) else None,
                    self.state.is_doubled,
                )
            )
        return self

    def between(self, start_s: float, end_s: float) -> list[Moment]:
        return [moment for moment in self.moments if start_s <= moment.at_s < end_s]
