"""What a fleet adds to single hosts, by example: layers, warm seats, and hosts that come and go."""

from dataclasses import replace

import pytest

from scheduler import placement
from scheduler.fleet import Fleet
from scheduler.placement import (
    Costs,
    costs,
    could_ever_fit,
    could_ever_take,
    pick,
    rank,
    refuse,
    score,
    whole_disk_bytes,
)
from scheduler.transfers import Places
from scheduler.values import Refusal, Request, Resources, seat_size
from tests.unit.scheduler.test_placement import GIB, HOST, REQUEST, THE_GAME, UNCACHED

LAYERED = replace(REQUEST, layers={"sha256:base": 640_000_000, "sha256:files": 10_000_000})


def test_only_layers_that_a_host_lacks_are_fetched() -> None:
    bare, based = UNCACHED, replace(UNCACHED, layers=frozenset({"sha256:base"}))
    assert score(bare, LAYERED).ready_s == pytest.approx(650 / 12.5 + 5.0 + 1.5)
    assert score(based, LAYERED).ready_s == pytest.approx(10 / 12.5 + 10 / 130 + 1.5)


def test_disk_is_asked_only_for_missing_layers() -> None:
    small = replace(UNCACHED, disk_free_bytes=12_000_000)
    assert refuse(small, LAYERED) is Refusal.DISK
    assert refuse(replace(small, layers=frozenset({"sha256:base"})), LAYERED) is None


def test_a_host_that_holds_nothing_of_an_image_needs_the_disk_for_all_of_it() -> None:
    assert whole_disk_bytes(replace(LAYERED, unpacked_ratio=2.0)) == 2 * 1.2 * 650_000_000
    assert whole_disk_bytes(REQUEST) == 1.2 * REQUEST.image_bytes
    assert score(UNCACHED, LAYERED).disk_bytes == whole_disk_bytes(LAYERED)
    assert score(HOST, LAYERED).disk_bytes == 0


@pytest.mark.parametrize(
    ("request_", "without", "chosen", "looks"),
    [
        (REQUEST, (), "host-1", [1]),
        (LAYERED, (), "host-1", [2]),  # one more has the largest layer
        (REQUEST, ("host-1",), "host-10", [1, 30]),
        (replace(REQUEST, image_bytes=1), (), "host-1", [1, 30]),  # nobody is far behind
        (replace(REQUEST, image_id="sha256:unknown"), (), "host-1", [30]),
    ],
)
def test_in_a_large_fleet_all_are_looked_at_only_where_those_with_the_image_do_not_decide(
    monkeypatch: pytest.MonkeyPatch, request_: Request, without: tuple[str, ...], chosen: str, looks: list[int]
) -> None:
    looked: list[int] = []

    def noted(fleet: Fleet, request: Request, places: Places | None = None) -> Costs:
        found = costs(fleet, request, places)
        looked.append(len(found.places))
        return found

    based = replace(UNCACHED, host_id="host-2", layers=frozenset({"sha256:base"}))
    rest = [replace(UNCACHED, host_id=f"host-{number}") for number in range(3, 31)]
    fleet = Fleet([HOST, based, *rest])
    monkeypatch.setattr(placement, "costs", noted)
    monkeypatch.setattr(placement, "LOOK_CLOSER_FROM", 30)
    best = pick(fleet, request_, 0.0, without)
    assert best is not None
    assert (best.host_id, looked) == (chosen, looks)


def test_in_a_large_fleet_a_gap_or_a_title_elsewhere_is_not_overlooked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "LOOK_CLOSER_FROM", 4)
    small = replace(REQUEST, image_bytes=12_500_000, usual_cores=1.0)
    filled = replace(UNCACHED, host_id="host-2", reserved=Resources(7.0, 0, 0))
    waits = replace(UNCACHED, host_id="host-2", warm_titles=frozenset({"bld-novel"}))
    for other, request in (
        (filled, replace(small, fragment_seconds=100.0)),
        (waits, replace(small, build_id="bld-novel", boot_s={}, boot_prior_s=60.0)),
    ):
        best = pick(Fleet([HOST, other, *(replace(UNCACHED, host_id=name) for name in "ab")]), request, 0.0)
        assert best is not None
        assert best.host_id == "host-2"


def test_a_pull_under_way_counts_by_what_is_still_to_come_whatever_its_layers() -> None:
    assert score(replace(UNCACHED, pulling={THE_GAME: 0}), LAYERED).ready_s == 1.5


def test_a_seat_starts_beside_the_pull_and_a_warm_one_costs_nothing() -> None:
    slow_seat = replace(REQUEST, seat_s=0.6, seat_size=seat_size(1281, 721))
    assert score(HOST, slow_seat).ready_s == pytest.approx(0.6 + 1.5)
    assert score(replace(HOST, warm_seats=frozenset({"1280x720"})), slow_seat).ready_s == 1.5
    assert score(UNCACHED, slow_seat).ready_s == score(UNCACHED, REQUEST).ready_s


def test_a_warm_seat_of_another_size_is_none() -> None:
    slow_seat = replace(REQUEST, seat_s=0.6, seat_size=seat_size(1280, 720))
    assert score(replace(HOST, warm_seats=frozenset({"1920x1080"})), slow_seat).ready_s == pytest.approx(0.6 + 1.5)


def test_a_warm_title_saves_seat_and_boot_and_one_of_another_build_nothing() -> None:
    waits = replace(HOST, warm_titles=frozenset({"bld-novel"}))
    assert score(waits, replace(REQUEST, seat_s=0.6, build_id="bld-novel")).ready_s == 0
    assert score(waits, replace(REQUEST, build_id="bld-novel-2")).ready_s == 1.5


def test_warm_seats_give_way_to_a_session() -> None:
    warm = Resources(0.5, GIB, 2)
    full = replace(HOST, reserved=Resources(7.5, 16 * GIB, 8), used=Resources(0.0, 0, 0))
    assert refuse(full, REQUEST) is Refusal.CPU
    assert refuse(replace(full, yielding=warm), REQUEST) is None


def test_who_refused_is_not_picked_again() -> None:
    fleet = Fleet([HOST, replace(UNCACHED, host_id="host-2")])
    first = pick(fleet, REQUEST, 0.0)
    assert first is not None
    assert first.host_id == "host-1"
    second = pick(fleet, REQUEST, 0.0, {"host-1", "unknown"})
    assert second is not None
    assert second.host_id == "host-2"
    assert pick(fleet, REQUEST, 0.0, {"host-1", "host-2"}) is None


def test_each_place_that_could_ever_take_a_session_is_named() -> None:
    fleet = Fleet(
        [HOST, replace(HOST, host_id="away", is_ready=False), replace(HOST, host_id="full", reserved=HOST.capacity)]
    )
    could = could_ever_take(fleet, REQUEST)
    assert {fleet.view_at(int(place)).host_id for place in could.nonzero()[0]} == {HOST.host_id, "full"}
    assert not could_ever_take(fleet, replace(REQUEST, required_labels={"gpu": "yes"})).any()


def test_whether_any_host_could_ever_fit_leaves_out_those_that_failed() -> None:
    full = replace(HOST, reserved=Resources(8.0, 0, 8))
    assert could_ever_fit(Fleet([full]), REQUEST)
    assert not could_ever_fit(Fleet([full]), REQUEST, {"host-1"})
    assert not could_ever_fit(Fleet(), REQUEST)


def test_a_forgotten_host_is_gone_and_its_place_is_used_again() -> None:
    fleet = Fleet([HOST])
    fleet.remove("host-1")
    fleet.remove("host-1")
    assert (len(fleet), "host-1" in fleet, list(fleet)) == (0, False, [])
    assert rank(fleet, REQUEST) == []
    with pytest.raises(LookupError, match="no host has the place 0"):
        fleet.view_at(0)
    fleet.put(UNCACHED)
    assert rank(fleet, REQUEST) == [score(UNCACHED, REQUEST)]


def test_what_is_reserved_for_an_unknown_host_is_an_error() -> None:
    with pytest.raises(KeyError):
        Fleet().reserve("nobody", HOST.reserved)


def test_images_that_every_host_let_go_are_forgotten() -> None:
    fleet = Fleet([HOST])
    fleet.put(UNCACHED)
    assert fleet.holds("image", THE_GAME) is None


def test_transfers_of_many_images_come_and_go() -> None:
    many = {f"sha256:{number}": 1_000_000 for number in range(20)}
    fleet = Fleet([replace(UNCACHED, pulling=many), replace(UNCACHED, host_id="host-2", pulling=many)])
    alone = score(UNCACHED, REQUEST).ready_s
    assert [found.ready_s for found in rank(fleet, REQUEST)] == [pytest.approx(alone + 20 / 12.5)] * 2
    fleet.put(UNCACHED)
    assert rank(fleet, REQUEST)[0] == score(UNCACHED, REQUEST)


def test_a_fleet_grows_and_keeps_what_it_knows() -> None:
    fleet = Fleet([HOST])
    for number in range(2, 30):
        fleet.put(replace(UNCACHED, host_id=f"host-{number}"))
    for reserved in (Resources(8.0, 0, 8), HOST.reserved, HOST.reserved):
        fleet.reserve("host-1", reserved)
    assert len(fleet) == 29
    assert rank(fleet, REQUEST, 3) == [
        score(HOST, REQUEST),
        *(score(replace(UNCACHED, host_id=host_id), REQUEST) for host_id in ("host-10", "host-11")),
    ]
