"""Whom a page measures, and what that says of all hosts."""

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.fleet.distance import MOST_PROBES, Distances, ProbedHost, distances, probes

NEAR = ProbedHost("hst1", "https://one.example", None)
FAR = ProbedHost("hst2", "https://two.example", None)
EAST = ProbedHost("hst3", "https://three.example", "east")
EAST_TOO = ProbedHost("hst4", "https://four.example", "east")
draws = st.floats(min_value=0, max_value=1, exclude_max=True)


def test_where_there_is_one_place_nothing_is_measured() -> None:
    assert probes([], 0.0) == probes([NEAR], 0.5) == probes([EAST, EAST_TOO], 0.5) == []
    assert probes([NEAR, ProbedHost("hst9", NEAR.public_url, None)], 0.5) == []


def test_one_host_stands_for_its_region() -> None:
    assert {host.host_id for host in probes([NEAR, EAST, EAST_TOO], 0.0)} == {"hst1", "hst3"}
    assert {host.host_id for host in probes([NEAR, EAST, EAST_TOO], 0.6)} == {"hst1", "hst4"}


@given(count=st.integers(2, 40), draw=draws)
def test_never_more_than_a_few_are_measured_and_none_twice(count: int, draw: float) -> None:
    hosts = [ProbedHost(f"hst{number}", f"https://{number}.example", None) for number in range(count)]
    chosen = probes(hosts, draw)
    assert len(chosen) == len(set(chosen)) == min(count, MOST_PROBES)


def test_what_was_measured_holds_for_the_host_or_its_region_and_its_mean_elsewhere() -> None:
    said = distances({"hst1": 0.1, "hst3": 0.2, "hst4": 0.3, "unknown": 1.0}, [NEAR, FAR, EAST, EAST_TOO])
    assert (said.host_s, said.region_s) == ({"hst1": 0.1}, {"east": 0.2})
    assert abs(said.elsewhere_s - 0.2) < 1e-9


def test_who_measured_nothing_says_nothing() -> None:
    assert distances({}, [NEAR]) == distances({"unknown": 1.0}, [NEAR]) == Distances()
