"""How many copies of an image are wanted, where the next ones go, and which can be spared."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.copies import Image, fetches, spare, wanted_copies, wanted_now
from scheduler.fleet import Fleet
from scheduler.values import HostView
from tests.unit.scheduler.test_placement import GIB, HOST

BARE = replace(HOST, image_ids=frozenset[str](), disk_free_bytes=10 * GIB)
images = st.dictionaries(
    st.sampled_from("abcdef"),
    st.builds(Image, bytes=st.integers(1, 50 * GIB), demand=st.just(0.0) | st.floats(min_value=1e-3, max_value=1e6)),
)


def _fleet(*held: str) -> Fleet:
    return Fleet(
        replace(BARE, host_id=f"host-{number}", image_ids=frozenset(names.split())) for number, names in enumerate(held)
    )


@given(images, st.integers(0, 200 * GIB), st.integers(0, 50), st.floats(0, 1))
def test_copies_fit_the_budget_and_follow_demand(
    wanted: dict[str, Image], budget_bytes: int, hosts: int, full_share: float
) -> None:
    copies = wanted_copies(wanted, budget_bytes, hosts, full_share)
    assert copies.keys() == wanted.keys()
    assert all(0 <= count <= hosts for count in copies.values())
    assert sum(wanted[name].bytes * count for name, count in copies.items()) <= budget_bytes
    by_demand = sorted(wanted, key=lambda name: wanted[name].demand)
    assert [copies[name] for name in by_demand] == sorted(copies[name] for name in by_demand)
    assert all(copies[name] == 0 for name in wanted if wanted[name].demand == 0)


def test_with_room_for_all_every_host_gets_what_is_asked_for() -> None:
    assert wanted_copies({"a": Image(GIB, 5.0), "b": Image(GIB, 0.0)}, 1000 * GIB, 4, 0.5) == {"a": 4, "b": 0}


def test_when_every_second_host_is_full_twice_the_demand_is_worth_one_copy_more() -> None:
    asked = {"a": Image(GIB, 8.0), "b": Image(GIB, 4.0), "c": Image(GIB, 2.0)}
    assert wanted_copies(asked, 6 * GIB, 10, 0.5) == {"a": 3, "b": 2, "c": 1}


def test_a_copy_goes_where_most_room_is_left_beside_what_is_kept() -> None:
    fleet = _fleet("a", "", "")
    fleet.put(replace(BARE, host_id="host-2", disk_free_bytes=20 * GIB))
    asked = {"a": Image(2 * GIB, 1.0), "b": Image(2 * GIB, 1.0)}
    assert fetches(fleet, asked, {"a": 1, "b": 1}) == [("host-2", "b")]
    assert fetches(fleet, asked, {"a": 1, "b": 3}) == [("host-2", "b")]
    assert fetches(fleet, asked, {"a": 3, "b": 3}) == [("host-2", "b"), ("host-1", "a")]


def test_nothing_is_fetched_where_a_transfer_runs_or_no_room_is() -> None:
    asked = {"a": Image(2 * GIB, 1.0)}
    assert fetches(Fleet([replace(BARE, pulling={"other": 1})]), asked, {"a": 1}) == []
    assert fetches(Fleet([replace(BARE, pulling={"a": 1})]), asked, {"a": 1}) == []
    assert fetches(Fleet([replace(BARE, disk_free_bytes=2 * GIB)]), asked, {"a": 1}) == []
    assert fetches(Fleet([replace(BARE, is_ready=False)]), asked, {"a": 1}) == []


def test_room_that_is_for_sessions_alone_is_not_filled_unasked() -> None:
    asked = {"a": Image(2 * GIB, 1.0)}
    filled = Fleet([replace(BARE, disk_kept_free_bytes=8 * GIB)])
    assert fetches(filled, asked, {"a": 1}) == []
    assert wanted_now(filled, asked, 0.5) == {"a": 0}
    assert fetches(Fleet([replace(BARE, disk_kept_free_bytes=20 * GIB)]), asked, {"a": 1}) == []
    assert fetches(Fleet([replace(BARE, disk_kept_free_bytes=7 * GIB)]), asked, {"a": 1}) == [(BARE.host_id, "a")]


def test_what_could_not_be_fetched_goes_elsewhere_and_its_host_gets_something_else() -> None:
    asked = {"a": Image(2 * GIB, 1.0), "b": Image(2 * GIB, 1.0)}
    broken = replace(BARE, host_id="host-0", unfetchable=frozenset({"a"}))
    fleet = Fleet([broken, replace(BARE, host_id="host-1", disk_free_bytes=5 * GIB)])
    assert fetches(fleet, asked, {"a": 2, "b": 1}) == [("host-1", "a"), ("host-0", "b")]
    fleet.put(replace(broken, unfetchable=frozenset[str]()))
    assert fetches(fleet, asked, {"a": 2, "b": 1}) == [("host-0", "a"), ("host-1", "b")]


def test_only_copies_beyond_the_wanted_ones_are_spare() -> None:
    known = {"a": Image(GIB, 2.0), "b": Image(GIB, 1.0), "c": Image(GIB, 0.0)}
    fleet = _fleet("a b", "a", "c foreign")
    assert spare(fleet, known, {"a": 1, "b": 1, "c": 0}) == {"host-0": {"a"}, "host-2": {"c"}}
    assert spare(fleet, known, {"a": 2, "b": 1, "c": 1}) == {}


def test_what_nobody_asks_for_is_spare_everywhere_and_else_the_fullest_hosts_let_go() -> None:
    known = {"a": Image(6 * GIB, 2.0), "b": Image(3 * GIB, 1.0), "old": Image(0, 0.0)}
    fleet = _fleet("a old", "a b old", "a b")
    found = spare(fleet, known, {"a": 2, "b": 1, "old": 0})
    # The second is as full as the third; once it may let go of b, the third is the fullest.
    assert found == {"host-0": {"old"}, "host-1": {"old", "b"}, "host-2": {"a"}}


def test_a_copy_on_a_host_that_is_not_ready_counts_for_nothing() -> None:
    fleet = _fleet("a", "a")
    fleet.put(replace(BARE, host_id="host-0", image_ids=frozenset({"a"}), is_ready=False))
    assert spare(fleet, {"a": Image(GIB, 1.0)}, {"a": 1}) == {}
    assert spare(fleet, {"a": Image(GIB, 0.0)}, {"a": 0}) == {"host-1": {"a"}}


held = st.lists(st.frozensets(st.sampled_from("abcdef")), max_size=6)


@given(images, held, st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 6)), st.sets(st.integers(0, 5)))
def test_if_every_host_drops_all_that_it_may_the_wanted_copies_are_left(
    known: dict[str, Image], caches: list[frozenset[str]], wanted: dict[str, int], away: set[int]
) -> None:
    hosts = [
        replace(BARE, host_id=str(number), image_ids=cache, is_ready=number not in away)
        for number, cache in enumerate(caches)
    ]
    found = spare(Fleet(hosts), known, wanted)
    for host in hosts:
        assert found.get(host.host_id, frozenset()) <= (host.image_ids & known.keys() if host.is_ready else set())
    for name in known:
        holders = [host.host_id for host in hosts if host.is_ready and name in host.image_ids]
        kept = [host_id for host_id in holders if name not in found.get(host_id, ())]
        assert len(kept) == min(len(holders), wanted.get(name, 0))


@pytest.mark.parametrize(("ready", "copies"), [(4, 4), (0, 0)])
def test_only_hosts_that_are_ready_are_counted_on(ready: int, copies: int) -> None:
    hosts: list[HostView] = [replace(BARE, host_id=f"host-{number}", is_ready=number < ready) for number in range(6)]
    assert wanted_now(Fleet(hosts), {"a": Image(GIB, 1.0)}, 0.5) == {"a": copies}
