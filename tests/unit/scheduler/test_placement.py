"""The promises of placement, by example: one ordinary host and request, from which each test departs in one thing."""

from dataclasses import replace
from math import exp

import pytest

from scheduler.fleet import Fleet
from scheduler.placement import (
    DISK_HEADROOM,
    FRAGMENT_SECONDS,
    NEAR_BEST_COUNT,
    NEAR_BEST_SECONDS,
    among,
    choose,
    could_ever_fit,
    pick,
    rank,
    refusals,
    refuse,
    score,
)
from scheduler.values import HostView, Refusal, Request, Resources, Score

GIB = 1024**3
THE_GAME = "sha256:game"

REQUEST = Request(
    image_id=THE_GAME,
    image_bytes=650_000_000,
    resources=Resources(cpu_cores=1.0, memory_bytes=GIB, seats=1),
    required_labels={},
    boot_prior_s=2.0,
    boot_s={"standard": 1.5},
)

HOST = HostView(
    host_id="host-1",
    is_ready=True,
    labels={"zone": "attic"},
    capacity=Resources(cpu_cores=8.0, memory_bytes=16 * GIB, seats=8),
    reserved=Resources(cpu_cores=0.0, memory_bytes=0, seats=0),
    used=Resources(cpu_cores=0.0, memory_bytes=0, seats=0),
    disk_free_bytes=100 * GIB,
    image_ids=frozenset({THE_GAME}),
    pulling={},
    pull_bytes_per_s=12_500_000.0,
)
UNCACHED = replace(HOST, image_ids=frozenset[str]())


def test_a_host_with_room_refuses_nothing() -> None:
    assert refuse(HOST, REQUEST) is None
    assert could_ever_fit(HOST, REQUEST)


def test_each_host_is_refused_for_its_first_reason_and_counted_once() -> None:
    full = replace(HOST, reserved=replace(HOST.capacity, seats=8))
    hosts = [HOST, full, replace(full, host_id="host-2"), replace(HOST, host_id="host-3", is_ready=False)]
    fleet = Fleet([replace(host, host_id=f"host-{number}") for number, host in enumerate(hosts)])
    fleet.put(replace(HOST, host_id="gone"))  # it leaves a place without a host, which refuses nothing
    fleet.remove("gone")
    assert refusals(fleet, REQUEST) == {Refusal.NOT_READY: 1, Refusal.CPU: 2}
    elsewhere = replace(REQUEST, required_labels={"zone": "cellar", "colour": "red"})
    assert refusals(fleet, elsewhere) == {Refusal.NOT_READY: 1, Refusal.LABELS: 3}
    assert refusals(Fleet([HOST]), REQUEST) == {}


@pytest.mark.parametrize(
    ("host", "request_", "refusal"),
    [
        (replace(HOST, is_ready=False), REQUEST, Refusal.NOT_READY),
        (HOST, replace(REQUEST, required_labels={"zone": "cellar"}), Refusal.LABELS),
        (HOST, replace(REQUEST, required_labels={"zone": "attic", "gpu": "yes"}), Refusal.LABELS),
        (replace(HOST, capacity=Resources(0.5, 16 * GIB, 8)), REQUEST, Refusal.CPU),
        (replace(HOST, capacity=Resources(8.0, GIB - 1, 8)), REQUEST, Refusal.MEMORY),
        (replace(HOST, capacity=Resources(8.0, 16 * GIB, 0)), REQUEST, Refusal.SEATS),
        (UNCACHED, replace(REQUEST, is_pullable=False), Refusal.IMAGE),
    ],
)
def test_what_no_empty_host_can_give_is_refused_for_ever(host: HostView, request_: Request, refusal: Refusal) -> None:
    assert refuse(host, request_) is refusal
    assert not could_ever_fit(host, request_)
    assert rank([host], request_) == []


@pytest.mark.parametrize(
    ("reserved", "refusal"),
    [
        (Resources(7.5, 0, 0), Refusal.CPU),
        (Resources(0.0, 15 * GIB + 1, 0), Refusal.MEMORY),
        (Resources(0.0, 0, 8), Refusal.SEATS),
    ],
)
def test_what_live_sessions_hold_is_refused_only_for_now(reserved: Resources, refusal: Refusal) -> None:
    host = replace(HOST, reserved=reserved)
    assert refuse(host, REQUEST) is refusal
    assert could_ever_fit(host, REQUEST)


@pytest.mark.parametrize("capacity", [Resources(0.0, GIB, 1), Resources(1.0, 0, 1), Resources(1.0, GIB, 0)])
def test_a_host_that_offers_nothing_of_a_resource_is_refused_even_what_asks_for_none(capacity: Resources) -> None:
    nothing = replace(REQUEST, resources=Resources(0.0, 0, 0))
    assert refuse(replace(HOST, capacity=capacity), nothing) in {Refusal.CPU, Refusal.MEMORY, Refusal.SEATS}


def test_ten_tenths_of_a_core_fit_into_one_core() -> None:
    nine = sum(0.1 for _ in range(9))
    host = replace(HOST, capacity=Resources(1.0, GIB, 10), reserved=Resources(nine, 0, 9))
    assert refuse(host, replace(REQUEST, resources=Resources(0.1, 0, 1))) is None


def test_matching_labels_are_accepted() -> None:
    assert refuse(HOST, replace(REQUEST, required_labels={"zone": "attic"})) is None


def test_disk_is_asked_for_the_missing_bytes_with_headroom() -> None:
    needed = int(REQUEST.image_bytes * DISK_HEADROOM)
    assert refuse(replace(UNCACHED, disk_free_bytes=needed), REQUEST) is None
    short = replace(UNCACHED, disk_free_bytes=needed - 1)
    assert refuse(short, REQUEST) is Refusal.DISK
    assert could_ever_fit(short, REQUEST)


def test_a_cached_image_needs_no_disk() -> None:
    assert refuse(replace(HOST, disk_free_bytes=0), REQUEST) is None


@pytest.mark.parametrize("host", [HOST, replace(UNCACHED, pulling={THE_GAME: 1000})])
def test_an_image_without_registry_runs_where_it_is_or_is_arriving(host: HostView) -> None:
    assert refuse(host, replace(REQUEST, is_pullable=False)) is None


def test_the_score_of_an_idle_cached_host_is_its_boot() -> None:
    result = score(replace(HOST, capacity=Resources(80.0, 80 * GIB, 80)), REQUEST)
    assert result == Score("host-1", 1.5, 1.5, load=1 / 80, stranded=0.0, fragments=result.fragments)
    assert result.fragments == pytest.approx(0.0)


def test_an_unknown_boot_is_taken_from_the_request() -> None:
    assert score(replace(HOST, host_class="other"), REQUEST).ready_s == 2.0


def test_an_uncached_image_costs_its_transfer_and_unpacking() -> None:
    assert score(UNCACHED, REQUEST).ready_s == pytest.approx(650 / 12.5 + 5.0 + 1.5)


def test_of_two_hosts_the_one_that_shares_the_base_layers_wins() -> None:
    layers = {"sha256:base": 200_000_000, "sha256:game": 45_000_000}
    wanted = replace(REQUEST, layers=layers, unpacked_ratio=2.6)
    stranger = replace(UNCACHED, host_id="stranger")
    relative = replace(UNCACHED, host_id="relative", layers=frozenset({"sha256:base", "sha256:another"}))
    for draw in (0.0, 0.5, 0.99):
        found = pick(Fleet([stranger, relative]), wanted, draw)
        assert found is not None
        assert found.host_id == "relative"
    assert score(relative, wanted).ready_s == pytest.approx(45 / 12.5 + 45 * 2.6 / 130 + 1.5)
    assert score(stranger, wanted).ready_s == pytest.approx(245 / 12.5 + 245 * 2.6 / 130 + 1.5)


def test_disk_is_asked_for_the_layers_that_are_missing_as_they_lie_there() -> None:
    wanted = replace(REQUEST, layers={"sha256:base": 1000, "sha256:game": 100}, unpacked_ratio=2.5)
    relative = replace(UNCACHED, layers=frozenset({"sha256:base"}))
    assert refuse(replace(relative, disk_free_bytes=300), wanted) is None
    assert refuse(replace(relative, disk_free_bytes=299), wanted) is Refusal.DISK


def test_a_host_that_is_nearly_done_pulling_counts_as_nearly_ready() -> None:
    pulling = replace(UNCACHED, pulling={THE_GAME: 1_300_000})
    assert score(pulling, REQUEST).ready_s == pytest.approx(1.3 / 12.5 + 0.01 + 1.5)


def test_other_transfers_share_the_line() -> None:
    small = replace(UNCACHED, pulling={"sha256:other": 125_000_000})
    large = replace(UNCACHED, pulling={"sha256:other": 650_000_000_000})
    alone = score(UNCACHED, REQUEST).ready_s
    assert score(small, REQUEST).ready_s == pytest.approx(alone + 10)
    assert score(large, REQUEST).ready_s == pytest.approx(alone + 650 / 12.5)


def test_a_cached_host_does_not_wait_for_the_transfers_of_others() -> None:
    assert score(replace(HOST, pulling={"sha256:other": 10**12}), REQUEST).ready_s == 1.5


def test_load_is_the_busiest_resource_and_counts_unreserved_use_by_half() -> None:
    host = replace(HOST, reserved=Resources(3.0, GIB, 1), used=Resources(5.0, 2 * GIB, 1))
    assert score(host, REQUEST).load == pytest.approx((3 + 1 + 0.5 * 2) / 8)


def test_a_host_filled_to_the_brim_costs_twenty_five_seconds_less_the_gap_that_is_gone() -> None:
    full = replace(HOST, capacity=Resources(8.0, 8 * GIB, 8), reserved=Resources(7.0, 7 * GIB, 7))
    result = score(full, replace(REQUEST, fragment_seconds=10.0))
    assert result.fragments == pytest.approx(-exp(-1))  # a gap of one core, where sessions take one on average
    assert result.seconds == pytest.approx(1.5 + 25 - 10 * exp(-1))


def test_of_two_hosts_the_one_whose_gap_is_filled_is_quicker_than_the_one_whose_gap_is_broken() -> None:
    """A game of two cores finds a place afterwards, which it would not if the larger gap had been broken."""
    small, large = replace(HOST, host_id="small"), replace(HOST, host_id="large")
    small, large = (
        replace(host, reserved=Resources(8.0 - gap, 2 * GIB, 2)) for host, gap in ((small, 1.0), (large, 2.0))
    )
    assert score(small, REQUEST).fragments < score(large, REQUEST).fragments
    assert rank([large, small], replace(REQUEST, resources=Resources(2.0, GIB, 1)))[0].host_id == "large"


def test_games_that_take_no_cores_break_nothing() -> None:
    nothing = replace(REQUEST, resources=Resources(0.0, GIB, 1), usual_cores=0.0)
    assert score(HOST, nothing).fragments == 0


def test_a_gap_is_worth_the_more_the_fuller_the_fleet() -> None:
    half, full = replace(HOST, reserved=Resources(4.0, GIB, 2)), replace(HOST, reserved=Resources(8.0, GIB, 5))
    assert among(Fleet([half]), REQUEST) == replace(REQUEST, usual_cores=2.0)
    assert among(Fleet([full]), REQUEST) == replace(REQUEST, usual_cores=1.6, fragment_seconds=FRAGMENT_SECONDS)
    absent = replace(full, host_id="absent", is_ready=False)
    assert among(Fleet([absent]), REQUEST) == replace(REQUEST, usual_cores=1.0)


def test_stranding_one_resource_costs_seconds() -> None:
    lopsided = replace(HOST, reserved=Resources(3.0, 0, 1))
    result = score(lopsided, REQUEST)
    assert result.stranded == pytest.approx(4 / 8 - 1 / 16)
    assert result.seconds == pytest.approx(1.5 + 2 * result.stranded)


def test_each_second_of_delay_costs_twenty_of_waiting() -> None:
    near, far = score(HOST, REQUEST), score(HOST, replace(REQUEST, network_s={"host-1": 0.08, "unknown": 1.0}))
    assert far.seconds - near.seconds == pytest.approx(1.6)


def test_a_region_stands_for_its_hosts_and_who_was_not_measured_counts_as_told() -> None:
    here = replace(HOST, labels={"region": "east"})
    said = replace(REQUEST, region_s={"east": 0.1, "west": 0.9}, elsewhere_s=0.3)
    assert score(here, said).seconds - score(here, REQUEST).seconds == pytest.approx(2.0)
    assert score(HOST, said).seconds - score(HOST, REQUEST).seconds == pytest.approx(6.0)


def test_rank_puts_the_cached_host_first_and_leaves_out_the_full_one() -> None:
    full = replace(HOST, host_id="full", reserved=Resources(8.0, 0, 0))
    cold = replace(UNCACHED, host_id="cold")
    assert [found.host_id for found in rank([full, cold, HOST], REQUEST)] == ["host-1", "cold"]


def test_an_overfull_cached_host_gives_way_when_a_pull_is_quicker() -> None:
    overfull = replace(HOST, host_id="overfull", used=Resources(40.0, 0, 0))
    cold = replace(UNCACHED, host_id="cold", pull_bytes_per_s=125_000_000.0)
    assert [found.host_id for found in rank([overfull, cold], REQUEST)] == ["cold", "overfull"]


def _scores(*seconds: float) -> list[Score]:
    return [Score(f"host-{place}", value, value, 0.0, 0.0, 0.0) for place, value in enumerate(seconds)]


def test_nothing_can_be_chosen_from_nothing() -> None:
    assert choose([], 0.5) is None


def test_each_of_the_near_best_can_be_drawn_and_no_more_than_three() -> None:
    ranked = _scores(1.0, 1.0 + NEAR_BEST_SECONDS / 2, 1.0 + NEAR_BEST_SECONDS, 1.0 + NEAR_BEST_SECONDS)
    drawn = [choose(ranked, draw) for draw in (0.0, 0.33, 0.34, 0.66, 0.67, 1 - 2**-53)]
    assert drawn == [ranked[0], ranked[0], ranked[1], ranked[1], ranked[2], ranked[2]]
    assert len(set(drawn)) == NEAR_BEST_COUNT


def test_of_the_near_best_those_with_most_room_are_drawn() -> None:
    loads = [0.5, 0.1, 0.4, 0.2, 0.3]
    ranked = [replace(found, load=load) for found, load in zip(_scores(*[1.0] * 5), loads, strict=True)]
    assert [choose(ranked, draw) for draw in (0.0, 0.5, 0.9)] == [ranked[1], ranked[3], ranked[4]]


def test_a_host_clearly_behind_is_never_drawn() -> None:
    ranked = _scores(1.0, 1.01 + NEAR_BEST_SECONDS)
    assert choose(ranked, 0.99) == ranked[0]


@pytest.mark.parametrize("draw", [-0.1, 1.0, float("nan")])
def test_a_draw_outside_its_range_is_an_error(draw: float) -> None:
    with pytest.raises(ValueError, match="draw must be in"):
        choose(_scores(1.0), draw)
