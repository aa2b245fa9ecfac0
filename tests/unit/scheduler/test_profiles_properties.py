"""What a profile promises, whatever sessions there were."""

import json
from dataclasses import asdict, replace
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from scheduler.profiles import (
    BUCKET_GROWTH,
    EMPTY,
    FULL_SESSION_S,
    SMALLEST_CPU_CORES,
    Ema,
    Profile,
    Sample,
    reservation,
    restored,
    updated,
)
from scheduler.values import Resources

GIB = 1024**3

samples = st.builds(
    Sample,
    played_s=st.floats(min_value=0, max_value=30_000),
    cpu_cores=st.floats(min_value=0, max_value=64),
    memory_peak_bytes=st.integers(min_value=0, max_value=64 * GIB),
    boot_s=st.none() | st.floats(min_value=0, max_value=120),
    out_of_memory=st.booleans(),
    failed=st.booleans(),
    frame_s=st.none() | st.floats(min_value=0, max_value=0.2),
)
profiles = st.lists(samples, max_size=12).map(lambda seen: reduce(updated, seen, EMPTY))
resources = st.builds(
    Resources,
    cpu_cores=st.floats(min_value=0, max_value=64),
    memory_bytes=st.integers(min_value=0, max_value=64 * GIB),
    seats=st.integers(min_value=0, max_value=4),
)


@given(profiles, resources, resources)
def test_a_reservation_is_never_negative_and_never_above_the_limit(
    profile: Profile, prior: Resources, limit: Resources
) -> None:
    reserved = reservation(profile, prior, limit)
    assert 0 <= reserved.cpu_cores <= limit.cpu_cores
    assert 0 <= reserved.memory_bytes <= limit.memory_bytes
    assert reserved.seats == prior.seats


@given(profiles, samples, resources, resources)
def test_running_out_of_memory_never_lowers_a_reservation(
    profile: Profile, sample: Sample, prior: Resources, limit: Resources
) -> None:
    before = reservation(profile, prior, limit)
    after = reservation(updated(profile, replace(sample, out_of_memory=True)), prior, limit)
    assert after.cpu_cores >= before.cpu_cores
    assert after.memory_bytes >= before.memory_bytes


@given(profiles, samples, st.integers(min_value=0, max_value=64 * GIB))
def test_a_session_that_used_more_memory_never_leaves_a_lower_peak(
    profile: Profile, sample: Sample, more_bytes: int
) -> None:
    heavier = replace(sample, memory_peak_bytes=sample.memory_peak_bytes + more_bytes)
    lighter_peak = updated(profile, sample).memory_peak_bytes
    assert updated(profile, heavier).memory_peak_bytes >= lighter_peak * (1 - 1e-12)


@given(profiles, samples, st.floats(min_value=0, max_value=1))
def test_a_shorter_or_failed_session_never_weighs_more(profile: Profile, sample: Sample, share: float) -> None:
    def weight(seen: Sample) -> float:
        return updated(profile, seen).played_weight

    assert weight(replace(sample, played_s=sample.played_s * share)) <= weight(sample)
    assert weight(replace(sample, failed=True)) <= weight(replace(sample, failed=False))


@given(profiles, samples)
def test_every_session_is_counted_and_all_figures_stay_sane(profile: Profile, sample: Sample) -> None:
    after = updated(profile, sample)
    assert after.sessions == profile.sessions + 1
    assert after.ooms == profile.ooms + sample.out_of_memory
    assert min(after.cpu_mean, after.cpu_variance, after.boot_variance, after.memory_mean_bytes) >= 0
    assert (after.boot_mean_s is None) == (after.boot_weight == 0)
    assert (after.frame_mean_s is None) == (after.frame_weight == 0)
    assert restored(json.loads(json.dumps(asdict(after)))) == after


@given(profiles, samples, st.floats(0, 1), st.floats(0, 1))
def test_percentiles_rise_with_the_share_and_stay_within_what_was_seen(
    profile: Profile, sample: Sample, one: float, other: float
) -> None:
    after = updated(profile, sample)
    low, high = after.cpu_quantile(min(one, other)), after.cpu_quantile(max(one, other))
    assert (low is None) == (high is None) == (not after.cpu_buckets)
    if low is not None and high is not None:
        assert SMALLEST_CPU_CORES <= low <= high <= 64 * BUCKET_GROWTH * (1 + 1e-9)


@given(st.lists(samples, min_size=1, max_size=40))
def test_nobody_took_more_than_the_highest_percentile(seen: list[Sample]) -> None:
    whole = [replace(each, played_s=FULL_SESSION_S, out_of_memory=False, failed=False) for each in seen]
    after = reduce(updated, whole, EMPTY)
    assert (after.cpu_quantile(1.0) or 0) >= max(each.cpu_cores for each in whole) * (1 - 1e-9)
    assert (after.memory_quantile(1.0) or 0) >= max(each.memory_peak_bytes for each in whole) * (1 - 1e-9)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1)), min_size=1, max_size=30))
def test_an_average_stays_between_the_least_and_the_greatest_value(values: list[tuple[float, float]]) -> None:
    average = reduce(lambda so_far, value: so_far.updated(*value), values, Ema())
    seen = [value for value, weight in values if weight > 0]
    if not seen:
        assert average == Ema()
        return
    rounding = 1e-9 * max(1.0, *map(abs, seen))
    assert min(seen) - rounding <= average.mean <= max(seen) + rounding
    assert average.variance >= 0
