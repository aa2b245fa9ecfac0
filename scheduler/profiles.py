"""Learns what one build needs on one class of hosts, and says how much to reserve for its next session.

Each session that ends is one `Sample`; nothing older is kept. Only what was seen between first frame and stop signal
counts, so pulling, restoring and stopping never look like the game. CPU and boot are exponential moving averages with
their variance (T. Finch, "Incremental calculation of weighted mean and variance", 2009, section 9); memory is a decayed
peak, since a mean is the wrong thing to reserve where too little kills the game (compare Kubernetes' vertical pod
autoscaler: recommender, peaks per interval and a margin). Nine of ten sessions are kept as that autoscaler does, in a
histogram whose buckets grow and whose weights fade. It decides nothing about where a session runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from math import ceil, floor, log, sqrt
from typing import Any

from scheduler.values import Resources

SMOOTHING = 0.1
"""Share of a full session in the average once ten are known; until then all sessions weigh alike."""

FULL_SESSION_S = 300.0
"""A session of five minutes of play, or more, counts whole; a shorter one as the share of it that it is."""

FAILED_WEIGHT = 0.1
"""What a crash leaves of a session's weight: it may have crashed because it was unlike the others."""

PRIOR_SESSIONS = 3.0
"""n0: the catalogue's figure weighs as much as this many full sessions."""

CPU_SIGMAS = 2.0
"""CPU is reserved at mean + this many standard deviations."""

MEMORY_MARGIN = 1.15
"""Memory is reserved at the decayed peak times this: the vertical pod autoscaler's margin of 15 %."""

PEAK_DECAY = 0.05
"""How far one full session draws the peak down to its own: an outlier is half forgotten after 14."""

BUCKET_GROWTH = 1.05
"""Each bucket is 5 % wider than the one below, so a percentile is told no more than 5 % too high."""

FADED = 1e-3
"""A bucket with less than this much of a full session is left out: about 135 full sessions after its only one."""

SMALLEST_CPU_CORES = 0.01
SMALLEST_MEMORY_BYTES = 1024.0**2
"""What the lowest bucket holds, and everything below."""

OOM_FACTOR = 1.2
OOM_BYTES = 100 * 1024**2
"""Running out of memory raises the peak by a fifth, at the least by 100 MiB: the vertical pod autoscaler's step."""

LEAST_CPU_CORES = 0.05
LEAST_MEMORY_BYTES = 64 * 1024**2
"""Least reservation, within the limit: a game known only from its title screen does not get by on nothing."""


@dataclass(frozen=True, slots=True)
class Ema:
    """A moving average. `weight` is the evidence so far in full sessions; up to `1 / SMOOTHING` of them it is the plain
    weighted mean.
    """

    mean: float = 0.0
    variance: float = 0.0
    weight: float = 0.0

    def updated(self, value: float, weight: float) -> "Ema":
        """The average after one more `value` that weighs `weight` full sessions, from 0 (no change) to 1."""
        if weight <= 0:
            return self
        total = self.weight + weight
        step = weight / min(total, 1 / SMOOTHING)
        difference = value - self.mean
        return Ema(
            mean=self.mean + step * difference,
            variance=(1 - step) * (self.variance + step * difference * difference),
            weight=total,
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """One ended session.

    `played_s` is the time between first frame and stop signal and `cpu_cores` the mean over it. `boot_s` is None when
    there was no first frame; `frame_s`, the mean time from one picture to the next, when the game never moved. After
    `out_of_memory` the caller gives at least the container's limit as peak: sampling misses the last moment. `failed`
    means a crash or a host's fault, never a player's stop.
    """

    played_s: float
    cpu_cores: float
    memory_peak_bytes: int
    boot_s: float | None
    out_of_memory: bool
    failed: bool
    frame_s: float | None = None


Buckets = tuple[tuple[int, float], ...]
"""Numbers of buckets in ascending order, each with the full sessions that it has left."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of one build on one class of hosts. All fields are plain numbers or pairs of them, so
    `dataclasses.asdict` stores it and `restored` brings it back.

    `sessions` counts samples, `played_weight` how many full sessions they are worth. `memory_peak_bytes` is the decayed
    peak. `boot_mean_s` is None until a boot was seen.
    """

    sessions: int = 0
    played_weight: float = 0.0
    cpu_mean: float = 0.0
    cpu_variance: float = 0.0
    memory_peak_bytes: float = 0.0
    memory_mean_bytes: float = 0.0
    boot_weight: float = 0.0
    boot_mean_s: float | None = None
    boot_variance: float = 0.0
    ooms: int = 0
    cpu_buckets: Buckets = ()
    memory_buckets: Buckets = ()
    frame_weight: float = 0.0
    frame_mean_s: float | None = None
    frame_variance: float = 0.0

    def cpu_quantile(self, share: float) -> float | None:
        """What at least `share` of the sessions got by on, those of late counting most; None before the first."""
        return _quantile(self.cpu_buckets, share, SMALLEST_CPU_CORES)

    def memory_quantile(self, share: float) -> float | None:
        """The same of the sessions' highest memory, in bytes."""
        return _quantile(self.memory_buckets, share, SMALLEST_MEMORY_BYTES)


EMPTY = Profile()


def restored(stored: Mapping[str, Any]) -> Profile:
    """A profile as another version of the program may have stored it: what it did not know is as in `EMPTY`, what this
    one does not know is left out.
    """
    known = {field.name for field in fields(Profile)}
    found = {name: value for name, value in stored.items() if name in known}
    for name in ("cpu_buckets", "memory_buckets"):
        found[name] = tuple((int(bucket), float(weight)) for bucket, weight in found.get(name, ()))
    return Profile(**found)


def updated(profile: Profile, sample: Sample) -> Profile:
    """The profile after one more session.

    Short and failed sessions weigh little. Running out of memory raises the peak at once and teaches nothing about CPU
    or mean memory, so it never lowers a reservation.
    """
    counted = _with_boot(replace(profile, sessions=profile.sessions + 1), sample)
    if sample.out_of_memory:
        peak = max(profile.memory_peak_bytes, float(sample.memory_peak_bytes))
        return replace(counted, ooms=profile.ooms + 1, memory_peak_bytes=max(peak * OOM_FACTOR, peak + OOM_BYTES))
    weight = min(1.0, max(0.0, sample.played_s) / FULL_SESSION_S) * (FAILED_WEIGHT if sample.failed else 1.0)
    if weight == 0:
        return counted
    cpu = Ema(profile.cpu_mean, profile.cpu_variance, profile.played_weight).updated(sample.cpu_cores, weight)
    memory = Ema(profile.memory_mean_bytes, 0.0, profile.played_weight).updated(sample.memory_peak_bytes, weight)
    frames = Ema(profile.frame_mean_s or 0.0, profile.frame_variance, profile.frame_weight)
    if sample.frame_s is not None:
        frames = frames.updated(sample.frame_s, weight)
    return replace(
        counted,
        played_weight=cpu.weight,
        cpu_mean=cpu.mean,
        cpu_variance=cpu.variance,
        memory_mean_bytes=memory.mean,
        memory_peak_bytes=_decayed_peak(profile.memory_peak_bytes, sample, weight),
        cpu_buckets=_counted(profile.cpu_buckets, sample.cpu_cores, weight, SMALLEST_CPU_CORES),
        memory_buckets=_counted(profile.memory_buckets, float(sample.memory_peak_bytes), weight, SMALLEST_MEMORY_BYTES),
        frame_weight=frames.weight,
        frame_mean_s=None if frames.weight == 0 else frames.mean,
        frame_variance=frames.variance,
    )


def reservation(profile: Profile, prior: Resources, limit: Resources | None = None) -> Resources:
    """What to reserve for one session: CPU at mean + 2 sigma, memory at the decayed peak with a margin, each blended
    with `prior` as if that were `PRIOR_SESSIONS` sessions; seats as `prior` says.

    The prior delays lowering memory, never raising it. Never more than `limit`, the most that the container may use
    (`prior` when not given), and never negative.
    """
    most = prior if limit is None else limit
    trust = profile.played_weight / (profile.played_weight + PRIOR_SESSIONS)
    cpu_need = profile.cpu_mean + CPU_SIGMAS * sqrt(profile.cpu_variance)
    cpu_cores = prior.cpu_cores + trust * (cpu_need - prior.cpu_cores)
    memory_need = profile.memory_peak_bytes * MEMORY_MARGIN
    memory_bytes = max(memory_need, prior.memory_bytes + trust * (memory_need - prior.memory_bytes))
    return Resources(
        cpu_cores=min(most.cpu_cores, max(LEAST_CPU_CORES, cpu_cores)),
        memory_bytes=min(most.memory_bytes, max(LEAST_MEMORY_BYTES, ceil(memory_bytes))),
        seats=prior.seats,
    )


def _with_boot(profile: Profile, sample: Sample) -> Profile:
    """A boot that reached its first frame is a whole boot, however the session went on."""
    if sample.boot_s is None:
        return profile
    boot = Ema(profile.boot_mean_s or 0.0, profile.boot_variance, profile.boot_weight).updated(sample.boot_s, 1.0)
    return replace(profile, boot_weight=boot.weight, boot_mean_s=boot.mean, boot_variance=boot.variance)


def _decayed_peak(peak: float, sample: Sample, weight: float) -> float:
    """A higher peak is believed at once, since a short session can only understate what a build needs; of a failed
    session it is believed by its weight. A lower one draws the peak down slowly.
    """
    difference = sample.memory_peak_bytes - peak
    if difference < 0:
        return peak + PEAK_DECAY * weight * difference
    return peak + (weight if sample.failed else 1.0) * difference


def _counted(buckets: Buckets, value: float, weight: float, smallest: float) -> Buckets:
    """One more session among those before, which fade by `PEAK_DECAY` with each full one."""
    kept = (1 - PEAK_DECAY) ** weight
    weights = {bucket: held * kept for bucket, held in buckets}
    bucket = 0 if value <= smallest else 1 + floor(log(value / smallest) / log(BUCKET_GROWTH))
    weights[bucket] = weights.get(bucket, 0.0) + weight
    return tuple(sorted((number, held) for number, held in weights.items() if number == bucket or held >= FADED))


def _quantile(buckets: Buckets, share: float, smallest: float) -> float | None:
    """The upper end of the first bucket with which `share` of all is reached."""
    missing = share * sum(held for _, held in buckets)
    for bucket, held in buckets:
        missing -= held
        if missing <= 0:
            return smallest * BUCKET_GROWTH**bucket
    return smallest * BUCKET_GROWTH ** buckets[-1][0] if buckets else None
