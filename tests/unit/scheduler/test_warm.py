"""How many seats a host keeps waiting."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.warm import (
    EMPTY_HANDED,
    KEPT_FREE_SHARE,
    MOST_SEATS,
    MOST_TITLES,
    REPLACED_WITHIN_S,
    TITLE_FROM_PER_S,
    Room,
    Size,
    enough,
    titles,
    waiting,
)

SMALL, LARGE, HUGE = (640, 360), (1280, 720), (1920, 1080)
GIB = 1024**3
ROOM = Room(seats=4, memory_bytes=12 * GIB, whole_memory_bytes=16 * GIB, used_cores_share=0.2, used_memory_share=0.3)
SEAT_BYTES = 150 * 1024**2

rates = st.floats(min_value=0, max_value=100)
sizes = st.sampled_from([SMALL, LARGE, HUGE])
rooms = st.builds(
    Room,
    seats=st.integers(-2, 20),
    memory_bytes=st.integers(-GIB, 32 * GIB),
    whole_memory_bytes=st.just(32 * GIB),
    used_cores_share=st.floats(0, 1),
    used_memory_share=st.floats(0, 1),
)


def test_a_host_keeps_one_seat_of_the_size_that_is_wanted_most() -> None:
    assert waiting({SMALL: 1e-5, LARGE: 2e-5}, 1, ROOM, {}, SEAT_BYTES) == {LARGE: 1}
    assert waiting({}, 1, ROOM, {}, SEAT_BYTES) == {}


def test_more_people_find_more_seats_and_more_hosts_share_them() -> None:
    busy_hour = {SMALL: 0.01, LARGE: 0.2}
    assert waiting(busy_hour, 1, ROOM, {}, SEAT_BYTES) == {LARGE: 4}
    assert waiting(busy_hour, 1, replace(ROOM, seats=20), {}, SEAT_BYTES) == {LARGE: 5, SMALL: 1}
    assert waiting(busy_hour, 10, ROOM, {}, SEAT_BYTES) == {LARGE: 1}


@pytest.mark.parametrize(("mean", "count"), [(0.0, 0), (0.05, 0), (0.06, 1), (0.5, 2), (1.0, 3), (4.0, 8), (100.0, 8)])
def test_few_launches_go_empty_handed(mean: float, count: int) -> None:
    assert enough(mean / REPLACED_WITHIN_S, 1) == count


def test_a_busy_machine_starts_none_and_keeps_what_is_there() -> None:
    busy = replace(ROOM, used_cores_share=0.9)
    assert waiting({LARGE: 0.2}, 1, busy, {}, SEAT_BYTES) == {}
    assert waiting({LARGE: 0.2}, 1, busy, {LARGE: 2, SMALL: 1}, SEAT_BYTES) == {LARGE: 2}


def test_sessions_go_first() -> None:
    wanted = {LARGE: 0.2}
    assert waiting(wanted, 1, replace(ROOM, seats=1), {LARGE: 4}, SEAT_BYTES) == {LARGE: 1}
    assert waiting(wanted, 1, replace(ROOM, seats=0), {LARGE: 4}, SEAT_BYTES) == {}
    assert waiting(wanted, 1, replace(ROOM, memory_bytes=GIB), {LARGE: 4}, SEAT_BYTES) == {}
    assert waiting(wanted, 1, replace(ROOM, used_memory_share=0.95), {LARGE: 4}, SEAT_BYTES) == {}


@given(st.dictionaries(sizes, rates), st.integers(0, 10_000), rooms, st.dictionaries(sizes, st.integers(0, 8)))
def test_what_waits_never_takes_what_a_session_has_reserved(
    demand: dict[Size, float], hosts: int, room: Room, here: dict[Size, int]
) -> None:
    wanted = waiting(demand, hosts, room, here, SEAT_BYTES)
    count = sum(wanted.values())
    assert all(wanted.values())
    assert wanted.keys() <= demand.keys()
    assert count <= min(MOST_SEATS, max(0, room.seats))
    assert count == 0 or count * SEAT_BYTES <= room.memory_bytes - KEPT_FREE_SHARE * room.whole_memory_bytes


@given(rates, st.integers(1, 1000))
def test_enough_is_the_quantile_of_a_poisson_process(launches_per_s: float, hosts: int) -> None:
    mean = launches_per_s / hosts * REPLACED_WITHIN_S
    count = enough(launches_per_s, hosts)

    def at_most(most: int) -> float:
        return sum(math.exp(-mean) * mean**some / math.factorial(some) for some in range(most + 1))

    assert count == MOST_SEATS or at_most(count) >= 1 - EMPTY_HANDED - 1e-9
    assert count == 0 or at_most(count - 1) < 1 - EMPTY_HANDED + 1e-9


def test_a_game_waits_at_its_title_where_it_is_likely_to_be_asked_for_within_the_hour() -> None:
    needed = {"novel": GIB // 2, "opera": GIB}
    once_an_hour = TITLE_FROM_PER_S
    assert titles({"novel": once_an_hour}, 1, ROOM, {}, needed) == {"novel": 1}
    assert titles({"novel": once_an_hour}, 2, ROOM, {}, needed) == {}
    assert titles({"novel": 2 * once_an_hour, "opera": 3 * once_an_hour}, 2, ROOM, {}, needed) == {
        "novel": 1,
        "opera": 1,
    }
    assert titles({"novel": 0.1}, 1, ROOM, {}, needed) == {"novel": 3}
    assert titles({}, 1, ROOM, {}, {}) == {}


def test_sessions_and_seats_go_before_titles() -> None:
    wanted, needed = {"novel": 0.05, "opera": 0.01}, {"novel": GIB, "opera": 8 * GIB}
    assert titles(wanted, 1, replace(ROOM, seats=0), {"novel": 2}, needed) == {}
    assert titles(wanted, 1, replace(ROOM, seats=1), {"novel": 2}, needed) == {"novel": 1}
    assert titles(wanted, 1, replace(ROOM, memory_bytes=3 * GIB), {}, needed) == {"novel": 1}
    assert titles(wanted, 1, replace(ROOM, used_memory_share=0.95), {"novel": 1}, needed) == {}
    busy = replace(ROOM, used_cores_share=0.9)
    assert titles(wanted, 1, busy, {}, needed) == {}
    assert titles(wanted, 1, busy, {"novel": 1}, needed) == {"novel": 1}


builds = st.sampled_from(["chess", "novel", "opera"])


@given(st.dictionaries(builds, rates), st.integers(0, 10_000), rooms, st.dictionaries(builds, st.integers(0, 8)))
def test_titles_never_take_what_a_session_has_reserved(
    demand: dict[str, float], hosts: int, room: Room, here: dict[str, int]
) -> None:
    needed = {"chess": GIB // 8, "novel": GIB // 2, "opera": 2 * GIB}
    wanted = titles(demand, hosts, room, here, needed)
    count, taken = sum(wanted.values()), sum(needed[build] * count for build, count in wanted.items())
    assert all(wanted.values())
    assert wanted.keys() <= demand.keys()
    assert count <= min(MOST_TITLES, max(0, room.seats))
    assert count == 0 or taken <= room.memory_bytes - KEPT_FREE_SHARE * room.whole_memory_bytes
