"""What a profile learns, by example."""

import json
from dataclasses import asdict, replace

import pytest

from scheduler.profiles import (
    BUCKET_GROWTH,
    EMPTY,
    FULL_SESSION_S,
    LEAST_CPU_CORES,
    LEAST_MEMORY_BYTES,
    MEMORY_MARGIN,
    SMALLEST_CPU_CORES,
    Ema,
    Profile,
    Sample,
    reservation,
    restored,
    updated,
)
from scheduler.values import Resources

MIB = 1024**2
PRIOR = Resources(cpu_cores=1.0, memory_bytes=1024 * MIB, seats=1)
SAMPLE = Sample(
    played_s=FULL_SESSION_S,
    cpu_cores=0.2,
    memory_peak_bytes=400 * MIB,
    boot_s=1.6,
    out_of_memory=False,
    failed=False,
)


def _after(*samples: Sample) -> Profile:
    profile = EMPTY
    for sample in samples:
        profile = updated(profile, sample)
    return profile


def test_before_the_first_session_nothing_is_known_of_any_share() -> None:
    assert (EMPTY.cpu_quantile(0.9), EMPTY.memory_quantile(0.9)) == (None, None)


def test_all_of_the_sessions_are_within_the_last_bucket_however_their_weights_round() -> None:
    profile = replace(EMPTY, cpu_buckets=((0, 0.1), (1, 0.2), (2, 0.3)))
    assert profile.cpu_quantile(1.0) == SMALLEST_CPU_CORES * BUCKET_GROWTH**2
    assert profile.cpu_quantile(0.4) == SMALLEST_CPU_CORES * BUCKET_GROWTH


def test_the_first_average_is_the_first_value() -> None:
    assert Ema().updated(3.0, 0.5) == Ema(mean=3.0, variance=0.0, weight=0.5)


def test_few_values_weigh_alike() -> None:
    average = Ema().updated(1.0, 1).updated(2.0, 1).updated(6.0, 1)
    assert average.mean == pytest.approx(3.0)
    assert average.variance == pytest.approx(14 / 3)


def test_after_ten_values_a_new_one_counts_a_tenth() -> None:
    average = Ema()
    for _ in range(10):
        average = average.updated(1.0, 1)
    assert average.updated(2.0, 1).mean == pytest.approx(1.1)


def test_a_value_without_weight_changes_nothing() -> None:
    average = Ema(1.0, 0.5, 2.0)
    assert average.updated(100.0, 0.0) is average


def test_an_unknown_build_gets_the_catalogues_figures() -> None:
    assert reservation(EMPTY, PRIOR) == PRIOR


def test_one_session_moves_the_reservation_a_quarter_of_the_way() -> None:
    reserved = reservation(_after(SAMPLE), PRIOR)
    assert reserved.cpu_cores == pytest.approx(0.75 * 1.0 + 0.25 * 0.2)
    assert reserved.memory_bytes == pytest.approx((0.75 * 1024 + 0.25 * 400 * MEMORY_MARGIN) * MIB, abs=1)
    assert reserved.seats == 1


def test_many_like_sessions_bring_the_reservation_to_what_was_seen() -> None:
    reserved = reservation(_after(*[SAMPLE] * 500), PRIOR)
    assert reserved.cpu_cores == pytest.approx(0.2, rel=0.05)
    assert reserved.memory_bytes == pytest.approx(400 * MIB * MEMORY_MARGIN, rel=0.05)


def test_uneven_sessions_reserve_two_standard_deviations_more() -> None:
    uneven = Profile(sessions=1000, played_weight=1e9, cpu_mean=0.4, cpu_variance=0.01)
    assert reservation(uneven, PRIOR).cpu_cores == pytest.approx(0.6)


def test_a_higher_peak_is_reserved_at_once() -> None:
    reserved = reservation(_after(replace(SAMPLE, memory_peak_bytes=1500 * MIB)), PRIOR, Resources(2.0, 2048 * MIB, 1))
    assert reserved.memory_bytes == pytest.approx(1500 * MIB * MEMORY_MARGIN, abs=1)


def test_a_lower_peak_draws_the_memory_down_slowly() -> None:
    high = _after(replace(SAMPLE, memory_peak_bytes=800 * MIB))
    assert updated(high, SAMPLE).memory_peak_bytes == pytest.approx((800 - 0.05 * 400) * MIB)


def test_nothing_is_reserved_beyond_the_limit() -> None:
    greedy = _after(replace(SAMPLE, cpu_cores=50.0, memory_peak_bytes=10**12))
    assert reservation(greedy, PRIOR) == PRIOR


def test_a_game_that_idles_still_gets_the_least() -> None:
    idle = Profile(sessions=10**9, played_weight=1e15)
    assert reservation(idle, PRIOR) == Resources(LEAST_CPU_CORES, LEAST_MEMORY_BYTES, 1)


def test_a_limit_below_the_least_wins() -> None:
    small = Resources(0.01, MIB, 1)
    assert reservation(EMPTY, small) == small


def test_a_short_session_weighs_its_share() -> None:
    short = replace(SAMPLE, played_s=FULL_SESSION_S / 10, cpu_cores=5.0)
    profile = updated(_after(SAMPLE), short)
    assert profile.played_weight == pytest.approx(1.1)
    assert profile.cpu_mean == pytest.approx(0.2 + 0.1 / 1.1 * 4.8)


def test_a_failed_session_weighs_a_tenth() -> None:
    failed = replace(SAMPLE, failed=True, memory_peak_bytes=800 * MIB)
    profile = updated(_after(SAMPLE), failed)
    assert profile.played_weight == pytest.approx(1.1)
    assert profile.memory_peak_bytes == pytest.approx(440 * MIB)


def test_a_session_never_played_teaches_only_its_boot() -> None:
    profile = updated(EMPTY, replace(SAMPLE, played_s=0.0))
    assert profile == Profile(sessions=1, boot_weight=1.0, boot_mean_s=1.6)


def test_a_session_without_first_frame_leaves_the_boot_unknown() -> None:
    assert _after(replace(SAMPLE, boot_s=None)).boot_mean_s is None


def test_boots_are_averaged_with_their_variance() -> None:
    profile = _after(SAMPLE, replace(SAMPLE, boot_s=2.0))
    assert profile.boot_mean_s == pytest.approx(1.8)
    assert profile.boot_variance == pytest.approx(0.04)


@pytest.mark.parametrize(("peak", "raised"), [(400, 500), (1000, 1200)])
def test_out_of_memory_raises_the_peak_at_once(peak: int, raised: int) -> None:
    before = _after(SAMPLE)
    after = updated(before, replace(SAMPLE, memory_peak_bytes=peak * MIB, out_of_memory=True, cpu_cores=9.0))
    assert after.memory_peak_bytes == raised * MIB
    assert after.ooms == 1
    assert after.sessions == 2
    assert (after.cpu_mean, after.memory_mean_bytes) == (before.cpu_mean, before.memory_mean_bytes)


def test_nine_of_ten_sessions_got_by_on_the_ninetieth_percentile() -> None:
    profile = _after(*[SAMPLE] * 19, replace(SAMPLE, cpu_cores=3.0, memory_peak_bytes=4000 * MIB))
    cpu_cores, memory_bytes = profile.cpu_quantile(0.9), profile.memory_quantile(0.9)
    assert cpu_cores is not None
    assert memory_bytes is not None
    assert 0.2 <= cpu_cores <= 0.2 * BUCKET_GROWTH
    assert 400 * MIB <= memory_bytes <= 400 * MIB * BUCKET_GROWTH


def test_what_a_build_took_long_ago_is_forgotten_by_the_percentile() -> None:
    profile = _after(*[replace(SAMPLE, cpu_cores=3.0)] * 50)
    assert (profile.cpu_quantile(0.9) or 0) >= 3.0
    for _ in range(50):
        profile = updated(profile, SAMPLE)
    assert (profile.cpu_quantile(0.9) or 9) <= 0.2 * BUCKET_GROWTH
    for _ in range(200):
        profile = updated(profile, SAMPLE)
    assert len(profile.cpu_buckets) == 1, "and takes no room any more"


def test_the_time_between_pictures_is_averaged_over_sessions_that_moved() -> None:
    assert _after(SAMPLE).frame_mean_s is None
    profile = _after(replace(SAMPLE, frame_s=0.020), SAMPLE, replace(SAMPLE, frame_s=0.030))
    assert profile.frame_mean_s == pytest.approx(0.025)
    assert profile.frame_weight == 2


def test_a_profile_survives_storage() -> None:
    profile = _after(SAMPLE, replace(SAMPLE, out_of_memory=True), replace(SAMPLE, boot_s=None, frame_s=0.02))
    assert restored(json.loads(json.dumps(asdict(profile)))) == profile


def test_a_profile_of_another_version_is_read_as_far_as_it_is_known() -> None:
    older = {"sessions": 3, "played_weight": 2.0, "cpu_mean": 0.5}
    assert restored(older) == Profile(sessions=3, played_weight=2.0, cpu_mean=0.5)
    assert restored({**older, "gpu_mean": 0.9}) == restored(older)
