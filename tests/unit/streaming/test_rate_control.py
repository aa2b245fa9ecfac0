"""The estimate follows the link, in virtual time: it neither fills the queue nor leaves the link unused."""

from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.rate_control import FLOOR_BPS, RateState, silent, steered, told_limit, told_loss
from streaming.transport_feedback import PacketReport
from tests.unit.streaming.simulated_link import Conditions, Moment, SimulatedLink

WANTED_BPS = 9_000_000


def estimate(moments: list[Moment]) -> float:
    return mean(moment.estimate_bps for moment in moments)


def late_delay_s(moments: list[Moment], share: float = 0.95) -> float:
    delays = sorted(moment.delay_s for moment in moments if moment.delay_s is not None)
    return delays[int(len(delays) * share)]


def test_a_wide_link_is_used_whole_within_a_second() -> None:
    link = SimulatedLink(lambda _: Conditions(100e6, rtt_s=0.001)).run(4)
    assert link.between(1, 2)[0].estimate_bps == WANTED_BPS
    assert late_delay_s(link.between(1, 4)) < 0.005


@pytest.mark.parametrize(("rate_bps", "rtt_s"), [(1e6, 0.05), (2e6, 0.01), (2e6, 0.2), (5e6, 0.05)])
def test_a_narrow_link_is_used_without_a_queue(rate_bps: float, rtt_s: float) -> None:
    link = SimulatedLink(lambda _: Conditions(rate_bps, rtt_s)).run(20)
    settled = link.between(8, 20)
    assert 0.75 * rate_bps < estimate(settled) < 1.15 * rate_bps
    assert late_delay_s(settled) < 0.12
    assert len(settled) / 12 > 50


@pytest.mark.parametrize("seed", range(2))
def test_losses_without_a_queue_take_nothing_away(seed: int) -> None:
    clean = SimulatedLink(lambda _: Conditions(10e6, 0.02), seed=seed).run(12)
    lossy = SimulatedLink(lambda _: Conditions(10e6, 0.02, loss=0.05), seed=seed).run(12)
    assert estimate(lossy.between(5, 12)) > 0.8 * estimate(clean.between(5, 12))


def test_where_much_is_lost_everything_is_sent_twice_and_most_pictures_come_whole() -> None:
    link = SimulatedLink(lambda _: Conditions(30e6, 0.02, loss=0.05)).run(8)
    late = link.between(2, 8)
    assert all(moment.is_doubled for moment in late)
    assert sum(moment.delay_s is not None for moment in late) > 0.93 * len(late)


def test_losses_of_a_bad_time_are_forgotten_though_hardly_anything_is_sent() -> None:
    def conditions(at_s: float) -> Conditions:
        return Conditions(10e6, 0.02, loss=0.3 if at_s < 5 else 0.0)

    link = SimulatedLink(conditions, activity=lambda at_s: 0.02 if at_s > 5 else 1.0).run(12)
    assert link.state.view.loss < 0.01
    assert not link.state.is_doubled


def test_after_a_fall_the_queue_is_gone_in_a_second_and_a_half_and_the_rate_is_back_in_fifteen() -> None:
    def conditions(at_s: float) -> Conditions:
        return Conditions(1e6 if 8 <= at_s < 18 else 10e6, 0.05)

    link = SimulatedLink(conditions).run(34)
    assert late_delay_s(link.between(9.5, 18), 0.99) < 0.12
    assert estimate(link.between(10, 18)) == pytest.approx(1e6, rel=0.2)
    before = estimate(link.between(4, 8))
    assert min(moment.estimate_bps for moment in link.between(33, 34)) > 0.8 * before


@pytest.mark.parametrize("fits_s", [0.0, 0.02, 0.03, 0.045, 0.06])
@pytest.mark.parametrize("seed", [1, 2])
def test_after_a_fall_a_page_that_reads_by_fits_is_not_believed_more_than_the_link_carries(
    fits_s: float, seed: int
) -> None:
    """Whatever comes at once seems to have come by a fast link; only the whole of the drain tells."""

    def conditions(at_s: float) -> Conditions:
        return Conditions(1e6, 0.05, fits_s=fits_s) if at_s >= 8 else Conditions(10e6, 0.05)

    link = SimulatedLink(conditions, seed=seed).run(18)
    settled = link.between(9.5, 18)
    assert max(moment.estimate_bps for moment in settled) < 1e6
    assert min(moment.estimate_bps for moment in settled) > 0.8e6
    assert all(moment.delay_s is not None and moment.delay_s < 0.095 for moment in settled)


@settings(max_examples=6, deadline=None)
@given(st.floats(0.8e6, 3e6), st.floats(0.01, 0.1), st.integers(60_000, 200_000), st.integers(0, 1000))
def test_after_any_fall_the_delay_is_gone_as_soon_as_the_link_can_carry_what_waited(
    rate_bps: float, rtt_s: float, queue_bytes: int, seed: int
) -> None:
    def conditions(at_s: float) -> Conditions:
        return Conditions(rate_bps if at_s >= 8 else 10e6, rtt_s, queue_bytes=queue_bytes)

    link = SimulatedLink(conditions, seed=seed).run(16)
    drained_s = 8 + 0.2 + 3 * rtt_s + queue_bytes * 8 / rate_bps + 0.3
    late = [moment for moment in link.between(drained_s, 16) if moment.delay_s is None or moment.delay_s > 0.095]
    assert len(late) <= 0.01 * len(link.between(drained_s, 16))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1])
def test_an_idle_screen_lowers_nothing(share: float) -> None:
    link = SimulatedLink(lambda _: Conditions(10e6, 0.05), activity=lambda at_s: share if at_s > 5 else 1.0).run(25)
    assert min(moment.estimate_bps for moment in link.between(6, 25)) >= link.between(4, 5)[0].estimate_bps
    assert late_delay_s(link.between(6, 25)) < 0.05


def test_small_pictures_alone_find_out_what_the_link_carries() -> None:
    link = SimulatedLink(lambda _: Conditions(10e6, 0.05), activity=lambda _: 0.05).run(15)
    assert link.state.estimate_bps > 0.8 * WANTED_BPS


def test_a_way_that_becomes_longer_is_no_queue_for_long() -> None:
    link = SimulatedLink(lambda at_s: Conditions(10e6, 0.05 if at_s < 5 else 0.15)).run(16)
    assert estimate(link.between(12, 16)) > 0.9 * WANTED_BPS


def test_a_receiver_that_was_late_once_costs_little() -> None:
    """A busy machine reads nothing for a third of a second, and then everything at once."""
    state, packets = RateState(estimate_bps=8e6, probe_at_s=100.0), list[PacketReport]()
    for place in range(600):
        arrived_at_s = place * 0.005 + 0.05
        late = 1.3 + (arrived_at_s - 1.0) / 100 if 1.0 <= arrived_at_s < 1.3 else arrived_at_s
        packets.append(PacketReport(place * 0.005, late, 1100))
    for turn in range(60):
        now = turn * 0.05
        told = [each for each in packets if now - 0.075 <= (each.arrived_at_s or 0.0) < now - 0.025]
        if told:
            state = steered(state, told, now, WANTED_BPS, 20_000)
    assert state.estimate_bps > 5e6


def test_where_a_limiter_drops_what_is_too_much_the_rate_comes_down_to_it() -> None:
    link = SimulatedLink(lambda _: Conditions(3e6, 0.03, queue_bytes=6_000)).run(16)
    assert 1.5e6 < estimate(link.between(6, 16)) < 3.6e6


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(3e5, 5e7), st.floats(0.0, 0.3), st.floats(0.0, 0.3), st.integers(3_000, 300_000)),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 1000),
)
def test_whatever_the_link_does_the_estimate_stays_within_its_bounds(
    phases: list[tuple[float, float, float, int]], seed: int
) -> None:
    def conditions(at_s: float) -> Conditions:
        rate_bps, rtt_s, loss, queue_bytes = phases[min(int(at_s / 3), len(phases) - 1)]
        return Conditions(rate_bps, rtt_s, loss, queue_bytes)

    link = SimulatedLink(conditions, seed=seed).run(3 * len(phases))
    assert all(FLOOR_BPS <= moment.estimate_bps <= 2 * WANTED_BPS for moment in link.moments)
    assert link.state.rest_until_s <= 3 * len(phases) + 2.0


@settings(max_examples=4, deadline=None)
@given(st.floats(1e6, 8e6), st.floats(0.005, 0.15), st.integers(0, 1000))
def test_on_a_steady_link_the_estimate_does_not_swing(rate_bps: float, rtt_s: float, seed: int) -> None:
    link = SimulatedLink(lambda _: Conditions(rate_bps, rtt_s), seed=seed).run(16)
    estimates = [moment.estimate_bps for moment in link.between(8, 16)]
    assert max(estimates) < 1.7 * min(estimates)


def test_when_nothing_is_heard_nothing_more_is_sent() -> None:
    state = RateState()
    assert silent(state, 10.0, 0.1) is state
    assert silent(state, 10.0, 0.5).rest_until_s > 10.0


def test_without_told_arrivals_losses_and_the_pages_own_estimate_steer() -> None:
    state = RateState(estimate_bps=4e6)
    assert told_loss(state, 0.0, WANTED_BPS).estimate_bps > 4e6
    assert told_loss(state, 0.4, WANTED_BPS).estimate_bps == pytest.approx(3.2e6)
    assert told_loss(state, 0.0, 3e6).estimate_bps == 3e6
    assert told_limit(state, 2e6, WANTED_BPS).estimate_bps == 2e6
    assert told_limit(state, 1.0, WANTED_BPS).estimate_bps == FLOOR_BPS
    assert told_limit(state, 8e6, WANTED_BPS).estimate_bps == 4e6


def test_packets_that_are_far_between_prove_no_queue() -> None:
    state = RateState()
    for turn in range(8):
        now = 0.2 * turn
        late_s = 0.0 if turn < 2 else 0.3
        state = steered(state, [PacketReport(now, now + 0.05 + late_s, 300)], now + 0.4, WANTED_BPS, 300)
        assert state.view.standing_s == 0
