"""What is fetched unasked: what people play, where there is room, one at a time, and never in anybody's way."""

from dataclasses import replace

import pytest

from scheduler.copies import Image
from scheduler.fleet import Fleet
from scheduler.prepull import demand, full_share, plan
from scheduler.values import NOTHING, HostView, Resources

GB = 10**9
EMPTY = HostView(
    host_id="a",
    is_ready=True,
    labels={},
    capacity=Resources(4.0, 8 * GB, 4),
    reserved=NOTHING,
    used=NOTHING,
    disk_free_bytes=100 * GB,
    image_ids=frozenset(),
    pulling={},
    pull_bytes_per_s=1e8,
)
HOSTS = [replace(EMPTY, host_id=name) for name in "abc"]
BOTH = {"hit": Image(GB, 100.0), "rare": Image(GB, 0.001)}


def test_demand_halves_with_each_window() -> None:
    assert demand([4, 0, 4]) == 5.0
    assert demand([]) == 0.0


def test_the_game_that_people_play_is_fetched_and_what_nobody_plays_is_not() -> None:
    found = plan(HOSTS, {"hit": Image(GB, 5.0), "unplayed": Image(GB, 0.0)}, {})
    assert {image for _, image in found.fetches} == {"hit"}
    assert found.wanted["hit"] >= 1
    assert found.wanted["unplayed"] == 0


def test_a_copy_that_nobody_asks_for_is_spare_and_one_that_is_on_its_way_is_no_copy_yet() -> None:
    hosts = [replace(HOSTS[0], image_ids=frozenset({"hit", "unplayed"})), *HOSTS[1:]]
    found = plan(hosts, {"hit": Image(GB, 5.0), "unplayed": Image(GB, 0.0)}, {"b": ("hit",)})
    assert found.spare == {"a": {"unplayed"}}


def test_an_order_is_not_given_twice() -> None:
    ordered: dict[str, tuple[str, ...]] = {}
    wanted = plan(HOSTS, {"hit": Image(GB, 5.0)}, {}).wanted["hit"]
    for _ in range(wanted):  # a copy of each image in a round
        [(host, image)] = plan(HOSTS, {"hit": Image(GB, 5.0)}, ordered).fetches
        assert host not in ordered
        ordered[host] = (image,)
    assert plan(HOSTS, {"hit": Image(GB, 5.0)}, ordered).fetches == []


def test_a_host_with_an_order_or_a_transfer_gets_no_other() -> None:
    pulling = [replace(host, pulling={"other": GB}) for host in HOSTS[1:]]
    assert plan([HOSTS[0], *pulling], BOTH, {"a": ("gone",)}).fetches == []


def test_no_host_without_room_or_out_of_reach_is_asked() -> None:
    small, away = replace(HOSTS[0], disk_free_bytes=GB), replace(HOSTS[1], is_ready=False)
    orders = plan([small, away, HOSTS[2]], BOTH, {}).fetches
    assert {host for host, _ in orders} <= {"c"}
    assert plan([small, away], BOTH, {}).fetches == []


def test_an_order_that_has_been_carried_out_is_a_copy() -> None:
    holders = [replace(host, image_ids=frozenset({"hit"})) for host in HOSTS]
    assert plan(holders, {"hit": Image(GB, 5.0)}, {"a": ("hit",)}).fetches == []


@pytest.mark.parametrize(("sessions", "share"), [(0, 0.0), (1, 0.0), (4, 1 / 3)])
def test_a_host_is_full_when_the_usual_session_finds_no_room(sessions: int, share: float) -> None:
    busy = replace(EMPTY, host_id="a", reserved=Resources(float(sessions), sessions * GB, sessions))
    assert full_share(Fleet([busy, *HOSTS[1:]])) == pytest.approx(share)
