"""The promises of placement, for all hosts that Hypothesis can think of."""

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from scheduler.placement import (
    NEAR_BEST_COUNT,
    NEAR_BEST_SECONDS,
    choose,
    could_ever_fit,
    rank,
    refuse,
    score,
)
from scheduler.values import HostView, Request, Resources, Score

GIB = 1024**3
THE_GAME = "sha256:game"
ROUNDING_S = 1e-9

cores = st.floats(min_value=0, max_value=64)
sizes = st.integers(min_value=0, max_value=256 * GIB)
seats = st.integers(min_value=0, max_value=64)
amounts = st.builds(Resources, cpu_cores=cores, memory_bytes=sizes, seats=seats)
capacities = st.builds(
    Resources,
    cpu_cores=st.floats(min_value=0.5, max_value=64),
    memory_bytes=st.integers(min_value=GIB, max_value=256 * GIB),
    seats=st.integers(min_value=1, max_value=64),
)
images = st.sampled_from([THE_GAME, "sha256:second", "sha256:third"])
labels = st.dictionaries(st.sampled_from(["zone", "gpu"]), st.sampled_from(["a", "b"]))
hosts = st.builds(
    HostView,
    host_id=st.text(alphabet="abc", min_size=1, max_size=3),
    is_ready=st.booleans(),
    labels=labels,
    capacity=capacities,
    reserved=amounts,
    used=amounts,
    disk_free_bytes=sizes,
    image_ids=st.frozensets(images),
    pulling=st.dictionaries(images, st.integers(min_value=0, max_value=50 * GIB)),
    pull_bytes_per_s=st.floats(min_value=1e3, max_value=1e10),
    layers=st.frozensets(st.sampled_from(["sha256:base", "sha256:files"])),
    host_class=st.sampled_from(["standard", "attic"]),
    warm_seats=st.frozensets(st.sampled_from(["1280x720", "1920x1080"])),
    warm_titles=st.frozensets(st.sampled_from(["bld-1", "bld-2"])),
)
requests = st.builds(
    Request,
    image_id=st.just(THE_GAME),
    image_bytes=st.integers(min_value=0, max_value=50 * GIB),
    resources=amounts,
    required_labels=labels,
    boot_prior_s=st.floats(min_value=0, max_value=60),
    is_pullable=st.booleans(),
    layers=st.just({}) | st.just({"sha256:base": GIB, "sha256:files": 10**6}),
    seat_s=st.floats(min_value=0, max_value=2),
    seat_size=st.just("1280x720"),
    build_id=st.just("bld-1"),
    boot_s=st.dictionaries(st.sampled_from(["standard", "attic"]), st.floats(min_value=0, max_value=60)),
    network_s=st.dictionaries(st.sampled_from(["a", "b"]), st.floats(min_value=0, max_value=1)),
    usual_cores=st.floats(min_value=0, max_value=64),
    fragment_seconds=st.floats(min_value=0, max_value=40),
)
shares = st.floats(min_value=0, max_value=1)


def _at_least(worse: float, better: float) -> bool:
    return worse >= better - ROUNDING_S * max(1.0, abs(better))


@given(hosts, requests, amounts)
def test_more_use_never_scores_better(host: HostView, request: Request, more: Resources) -> None:
    used = host.used
    busier = replace(
        host,
        used=Resources(used.cpu_cores + more.cpu_cores, used.memory_bytes + more.memory_bytes, used.seats + more.seats),
    )
    assert _at_least(score(busier, request).load, score(host, request).load)
    assert _at_least(score(busier, request).seconds, score(host, request).seconds)


@given(hosts, requests, amounts)
def test_more_reservations_never_mean_less_load(host: HostView, request: Request, more: Resources) -> None:
    reserved = host.reserved
    fuller = replace(
        host,
        reserved=Resources(
            reserved.cpu_cores + more.cpu_cores,
            reserved.memory_bytes + more.memory_bytes,
            reserved.seats + more.seats,
        ),
    )
    assert _at_least(score(fuller, request).load, score(host, request).load)


@given(hosts, requests, shares)
def test_the_same_share_of_cpu_and_memory_more_scores_better_by_a_filled_gap_alone(
    host: HostView, request: Request, share: float
) -> None:
    fuller = replace(
        host,
        reserved=Resources(
            host.reserved.cpu_cores + share * host.capacity.cpu_cores,
            host.reserved.memory_bytes + round(share * host.capacity.memory_bytes),
            host.reserved.seats,
        ),
    )
    with_more, with_less = score(fuller, request), score(host, request)
    gap_s = request.fragment_seconds * (with_more.fragments - with_less.fragments)
    assert with_more.seconds - gap_s >= with_less.seconds - 1e-6


@given(hosts, requests)
def test_a_cached_host_is_never_behind_its_uncached_twin(host: HostView, request: Request) -> None:
    cached = replace(host, image_ids=host.image_ids | {THE_GAME})
    uncached = replace(host, image_ids=host.image_ids - {THE_GAME}, layers=frozenset[str](), pulling={})
    with_image, without = score(cached, request), score(uncached, request)
    assert with_image.seconds <= without.seconds
    if request.image_bytes > 0 and not request.seat_s:
        assert with_image.ready_s < without.ready_s


@given(hosts, requests, st.integers(min_value=0, max_value=50 * GIB))
def test_a_transfer_more_never_scores_better(host: HostView, request: Request, left: int) -> None:
    idle = replace(host, pulling={"sha256:second": left})
    busy = replace(host, pulling={"sha256:second": left, "sha256:third": left})
    assert score(busy, request).seconds >= score(idle, request).seconds


@given(hosts, requests)
def test_a_pull_under_way_beats_one_that_has_yet_to_start(host: HostView, request: Request) -> None:
    missing = replace(host, image_ids=frozenset(), layers=frozenset(), pulling={})
    image_bytes = sum(request.layers.values()) or request.image_bytes
    under_way = replace(missing, pulling={THE_GAME: image_bytes // 2})
    assert score(under_way, request).ready_s <= score(missing, request).ready_s


@given(hosts, requests)
def test_what_fits_now_could_ever_fit(host: HostView, request: Request) -> None:
    if refuse(host, request) is None:
        assert could_ever_fit(host, request)


@given(hosts, requests, amounts)
def test_freeing_a_host_never_makes_it_refuse(host: HostView, request: Request, freed: Resources) -> None:
    reserved = host.reserved
    emptier = replace(
        host,
        reserved=Resources(
            max(0.0, reserved.cpu_cores - freed.cpu_cores),
            max(0, reserved.memory_bytes - freed.memory_bytes),
            max(0, reserved.seats - freed.seats),
        ),
    )
    if refuse(host, request) is None:
        assert refuse(emptier, request) is None


@given(st.lists(hosts, max_size=8, unique_by=lambda host: host.host_id), requests, st.randoms(use_true_random=False))
def test_rank_is_complete_sorted_and_the_same_in_any_order(
    fleet: list[HostView], request: Request, shuffler: Random
) -> None:
    ranked = rank(fleet, request)
    assert {found.host_id for found in ranked} == {host.host_id for host in fleet if refuse(host, request) is None}
    assert [(found.seconds, found.host_id) for found in ranked] == sorted(
        (found.seconds, found.host_id) for found in ranked
    )
    shuffler.shuffle(fleet)
    assert rank(fleet, request) == ranked


@given(
    st.lists(st.floats(min_value=0, max_value=5), min_size=1, max_size=8),
    st.floats(min_value=0, max_value=1, exclude_max=True),
)
def test_choose_returns_only_the_near_best(seconds: list[float], draw: float) -> None:
    ranked = [Score(str(place), value, value, 0.0, 0.0, 0.0) for place, value in enumerate(sorted(seconds))]
    chosen = choose(ranked, draw)
    assert chosen in ranked[:NEAR_BEST_COUNT]  # all are loaded alike
    assert chosen is not None
    assert chosen.seconds <= ranked[0].seconds + NEAR_BEST_SECONDS
