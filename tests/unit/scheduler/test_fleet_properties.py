"""A fleet that is kept says what a fleet that is made anew says, whatever became of its hosts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler import placement
from scheduler.fleet import Fleet
from scheduler.placement import choose, pick, rank, refuse, score
from scheduler.values import HostView, Request, Resources
from tests.unit.scheduler.test_placement_properties import amounts, hosts, requests

IDS = ["a", "b", "c", "d", "e"]
steps = st.one_of(
    hosts,
    st.sampled_from(IDS),
    st.tuples(st.sampled_from(IDS), amounts),
)


@given(st.lists(steps, max_size=24), requests, st.floats(min_value=0, max_value=1, exclude_max=True))
def test_a_fleet_updated_by_difference_decides_like_one_made_anew(
    history: list[HostView | str | tuple[str, Resources]], request: Request, draw: float
) -> None:
    kept = Fleet()
    for step in history:
        match step:
            case HostView():
                kept.put(step)
            case str():
                kept.remove(step)
            case (host_id, reserved):
                if host_id in kept:
                    kept.reserve(host_id, reserved)
    anew = Fleet(sorted(kept, key=lambda host: host.host_id))
    assert len(kept) == len(anew)
    assert rank(kept, request) == rank(anew, request)
    assert pick(kept, request, draw) == pick(anew, request, draw) == choose(rank(anew, request), draw)


@given(
    st.lists(hosts, max_size=12, unique_by=lambda host: host.host_id),
    requests,
    st.floats(min_value=0, max_value=1, exclude_max=True),
    st.frozensets(st.text(alphabet="abc", min_size=1, max_size=1)),
)
def test_a_large_fleet_where_few_are_looked_at_decides_like_one_where_all_are(
    fleet: list[HostView], request: Request, draw: float, without: frozenset[str]
) -> None:
    whole = Fleet(fleet)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(placement, "LOOK_CLOSER_FROM", 0)
        found = pick(whole, request, draw, without)
    assert found == pick(whole, request, draw, without)


@given(st.lists(hosts, max_size=8, unique_by=lambda host: host.host_id), requests)
def test_a_host_is_judged_alike_alone_and_among_others(fleet: list[HostView], request: Request) -> None:
    alone = {host.host_id: score(host, request) for host in fleet if refuse(host, request) is None}
    assert {found.host_id: found for found in rank(fleet, request)} == alone


@given(st.lists(hosts, max_size=8, unique_by=lambda host: host.host_id), requests, st.integers(1, 4))
def test_the_best_few_are_the_beginning_of_all(fleet: list[HostView], request: Request, most: int) -> None:
    assert rank(fleet, request, most) == rank(fleet, request)[:most]
