"""How much the link may be given: an estimate that follows the queue of the link, not its losses. Pure.

- A queue that stands is the only proof of too much. Then the estimate becomes a little less than what the link
  delivers, and sending rests until the queue has drained, so the delay is gone as fast as the link allows.
- Without a queue the estimate grows, slowly near the rate that was too much last, else fast. It grows only on what was
  really sent: an idle screen, whose small pictures prove nothing, neither raises nor lowers it.
- What small pictures cannot show, clusters of repeated packets do: sent at once, they arrive as fast as the link
  carries.
- Loss alone takes nothing away up to `HEAVY_LOSS`. When it is no sign of congestion, everything is sent twice instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from streaming.link_view import LinkView, updated
from streaming.transport_feedback import PacketReport

FLOOR_BPS = 250_000
START_BPS = 2_500_000
QUEUE_HIGH_S = 0.045
QUEUE_LOW_S, QUEUE_DEEP_S = 0.030, 0.100
QUEUE_DRAIN_S = 0.060
QUEUE_REST_S = 0.010
LONGEST_REST_S, SETTLE_S = 1.5, 0.12
DRAIN_SPAN_S = 0.15  # a shorter while of draining may be a receiver's that reads by fits
BACK_OFF, LEAST_STEP = 0.85, 0.7
HEAVY_LOSS = 0.10
NEAR = 1.15
MOST_OF_TOO_MUCH = 0.94
SLOW_GROWTH, FAST_GROWTH = 0.06, 0.35  # of the estimate, a second
USED, IDLE = 0.7, 0.35
STUBBORN_TIMES = 3
FIRST_PROBES, PROBE_FACTOR, PROBE_SHARE = 3, 2.0, 0.9
PROBE_S = 0.020
LEAST_PROBE_PACKETS, LARGEST_PACKET_BITS = 6, 1240 * 8
PROBE_AGAIN_S, PROBE_FIRST_S, PROBE_LONGEST_S = 0.3, 1.5, 6.0
DOUBLE_ON, DOUBLE_OFF, CALM_S = 0.025, 0.008, 2.0


@dataclass(frozen=True, slots=True)
class RateState:
    """`estimate_bps` is what the link may be given, headers included; `rest_until_s` is when the picture may go on;
    `probe_bps` asks for a cluster now, as long as `PROBE_S` at that rate. All moments are of the clock of `now`.
    """

    view: LinkView = field(default_factory=LinkView)
    is_draining: bool = False
    before_bps: float = 0.0
    least_bps: float = 0.0
    drained_bps: float = 0.0
    drained_bytes: int = 0
    drained_from_s: float = 0.0
    estimate_bps: float = START_BPS
    rest_until_s: float = float("-inf")
    react_at_s: float = float("-inf")
    backed_off_at_s: float = float("-inf")
    too_much_bps: float = float("inf")
    stubborn: int = 0
    probe_at_s: float = 0.0
    probe_pause_s: float = PROBE_FIRST_S
    probes: int = 0
    probe_bps: float | None = None
    probing_bps: float = 0.0
    is_doubled: bool = False


def is_near_limit(state: RateState) -> bool:
    """Whether the estimate is about what was too much last."""
    return state.estimate_bps * NEAR > state.too_much_bps > state.estimate_bps / NEAR


def steered(
    state: RateState, reports: Sequence[PacketReport], now: float, wanted_bps: float, in_flight_bytes: int
) -> RateState:
    """The state after one feedback. `wanted_bps` is what would be sent if the link were no limit."""
    dt_s = min(1.0, max(0.0, now - state.view.updated_at_s)) if state.view.batches else 0.0
    view = updated(state.view, reports, now)
    if state.is_draining or view.standing_s > QUEUE_HIGH_S:
        view = view.without_losses()
    state = _drained(replace(state, view=view, probe_bps=None), now, in_flight_bytes)
    if now >= state.react_at_s and view.standing_s > (QUEUE_DEEP_S if _is_idle(state) else QUEUE_HIGH_S):
        return _drained(_backed_off(state, now), now, in_flight_bytes)
    if now >= state.react_at_s and view.loss > HEAVY_LOSS:
        state = _lessened(state, now)
    elif view.standing_s < QUEUE_LOW_S:
        state = replace(_grown(state, dt_s, now), stubborn=0)
    state = _doubled(state, now)
    most_bps = max(FLOOR_BPS, wanted_bps * (2 if state.is_doubled else 1))
    state = replace(state, estimate_bps=min(most_bps, max(FLOOR_BPS, state.estimate_bps)))
    return _probing(state, now, most_bps)


def silent(state: RateState, now: float, unreported_s: float) -> RateState:
    """Nothing has been heard for `unreported_s` although packets are under way: more would only wait behind them."""
    if unreported_s < max(0.3, 3 * min(state.view.rtt_s, state.view.least_rtt_s)):
        return state
    return replace(state, rest_until_s=max(state.rest_until_s, now + 0.1))


def told_loss(state: RateState, loss: float, wanted_bps: float) -> RateState:
    """After a receiver report of a page that does not tell when packets came: losses are all that is known."""
    factor = 1 - loss / 2 if loss > HEAVY_LOSS else 1.08
    return replace(state, estimate_bps=max(FLOOR_BPS, min(wanted_bps, state.estimate_bps * factor)))


def told_limit(state: RateState, limit_bps: float, wanted_bps: float) -> RateState:
    """As `told_loss`, for a page that makes an estimate of its own: a brake alone, since it grows slowly."""
    return replace(state, estimate_bps=max(FLOOR_BPS, min(wanted_bps, state.estimate_bps, limit_bps)))


def _backed_off(state: RateState, now: float) -> RateState:
    view = state.view
    if state.stubborn >= STUBBORN_TIMES:
        return replace(state, view=view.with_new_base(), stubborn=0)
    is_draining = max(view.standing_s, view.queue_s) > QUEUE_DRAIN_S
    least_bps = LEAST_STEP * state.estimate_bps
    estimate_bps = min(state.estimate_bps, max(least_bps, BACK_OFF * view.capacity_bps))
    return replace(
        state,
        estimate_bps=max(FLOOR_BPS, estimate_bps),
        is_draining=is_draining,
        before_bps=state.estimate_bps,
        least_bps=least_bps if _is_idle(state) else 0.0,
        drained_bps=view.capacity_bps,
        drained_bytes=0,
        drained_from_s=view.heard_until_s,
        react_at_s=now + view.rtt_s + SETTLE_S,
        backed_off_at_s=now,
        too_much_bps=min(state.estimate_bps, max(view.capacity_bps, FLOOR_BPS)),
        stubborn=state.stubborn + 1,
        probe_at_s=now + PROBE_FIRST_S,
        probe_pause_s=PROBE_FIRST_S,
    )


def _is_idle(state: RateState) -> bool:
    """So little is sent that a queue can hardly be of our making, and what is delivered tells nothing of the link."""
    return state.view.sent_bps < IDLE * state.estimate_bps


def _drained(state: RateState, now: float, in_flight_bytes: int) -> RateState:
    """While a queue drains, sending rests until what is under way is no more than the way itself holds. What the link
    delivers meanwhile is all that it can.
    """
    if not state.is_draining:
        return state
    view, state = state.view, _delivered(state)
    drained_bps = state.drained_bps
    state = replace(
        state,
        estimate_bps=max(FLOOR_BPS, state.least_bps, min(state.before_bps, BACK_OFF * drained_bps)),
        too_much_bps=min(state.before_bps, max(drained_bps, FLOOR_BPS)),
    )
    rest_s = in_flight_bytes * 8 / max(drained_bps, FLOOR_BPS) - view.least_rtt_s - QUEUE_REST_S
    if rest_s <= 0:
        return replace(state, is_draining=False, rest_until_s=now, react_at_s=now + view.least_rtt_s + SETTLE_S)
    rest_s = min(LONGEST_REST_S, rest_s)
    return replace(state, rest_until_s=now + rest_s, react_at_s=now + rest_s + view.least_rtt_s + SETTLE_S)


def _delivered(state: RateState) -> RateState:
    """With what the link has delivered a second since the drain began. Only packets that have waited count, since then
    the link has never been idle in between; and the whole of that while, since of its parts some are always too fast. A
    receiver that was only late is known by its catching up at once.
    """
    newest = state.view.newest
    if newest is None or newest.last_arrival_s is None or newest.least_s <= QUEUE_LOW_S:
        return state
    span_s = newest.last_arrival_s - state.drained_from_s
    drained_bytes = state.drained_bytes + (newest.arrived_bytes if span_s > 0 else 0)
    if span_s < DRAIN_SPAN_S:
        return replace(state, drained_bytes=drained_bytes, drained_bps=max(state.drained_bps, state.view.capacity_bps))
    return replace(state, drained_bytes=drained_bytes, drained_bps=drained_bytes * 8 / span_s)


def _lessened(state: RateState, now: float) -> RateState:
    """Loss without a queue that is this heavy is a limiter's."""
    estimate_bps = state.estimate_bps * (1 - state.view.loss / 2)
    return replace(
        state,
        estimate_bps=estimate_bps,
        too_much_bps=state.estimate_bps,
        react_at_s=now + state.view.rtt_s + 0.5,
        backed_off_at_s=now,
    )


def _grown(state: RateState, dt_s: float, now: float) -> RateState:
    """Larger by what a queue that stayed away allows."""
    view, estimate_bps = state.view, state.estimate_bps
    if view.probed_bps is not None and state.probing_bps > 0:
        is_news = PROBE_SHARE * view.probed_bps > state.too_much_bps
        found_bps = min(state.probing_bps, PROBE_SHARE * (view.proven_bps if is_news else view.probed_bps))
        came_through = found_bps > NEAR * estimate_bps
        state = replace(
            state,
            probe_at_s=now + PROBE_AGAIN_S if came_through else state.probe_at_s,
            probe_pause_s=PROBE_FIRST_S if came_through else state.probe_pause_s,
            too_much_bps=float("inf") if found_bps > state.too_much_bps else state.too_much_bps,
            probing_bps=0.0,
        )
        estimate_bps = max(estimate_bps, found_bps)
    elif view.sent_bps > USED * estimate_bps and view.loss <= HEAVY_LOSS:
        grown_bps = estimate_bps * (1 + dt_s * (SLOW_GROWTH if is_near_limit(state) else FAST_GROWTH))
        bound_bps = MOST_OF_TOO_MUCH * state.too_much_bps if is_near_limit(state) else grown_bps
        estimate_bps = min(grown_bps, max(estimate_bps, bound_bps))
    return replace(state, estimate_bps=estimate_bps)


def _doubled(state: RateState, now: float) -> RateState:
    """Whether everything is sent twice: many losses, and none of our making."""
    is_calm = now - state.backed_off_at_s > CALM_S and state.view.standing_s < QUEUE_LOW_S
    loss = state.view.loss
    is_doubled = loss > DOUBLE_OFF if state.is_doubled else loss > DOUBLE_ON and is_calm
    return replace(state, is_doubled=is_doubled)


def _probing(state: RateState, now: float, most_bps: float) -> RateState:
    if now < state.probe_at_s or state.estimate_bps >= most_bps or state.view.standing_s > QUEUE_LOW_S:
        return state
    factor = PROBE_FACTOR * (1.5 if state.probes < FIRST_PROBES else 1)
    pause_s = PROBE_AGAIN_S if state.probes < FIRST_PROBES else state.probe_pause_s
    probe_bps = min(most_bps * NEAR, state.estimate_bps * factor)
    rest_s = max(PROBE_S * probe_bps, LEAST_PROBE_PACKETS * LARGEST_PACKET_BITS) / state.estimate_bps
    return replace(
        state,
        rest_until_s=max(state.rest_until_s, now + rest_s),
        probe_bps=probe_bps,
        probing_bps=probe_bps,
        probes=state.probes + 1,
        probe_at_s=now + pause_s,
        probe_pause_s=min(PROBE_LONGEST_S, 2 * pause_s),
    )
