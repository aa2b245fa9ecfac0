"""The traces of `make simulate`, drawn from a seed. What is fixed here is fixed for all policies and all loads.

It was written down before any policy was tried on it, after what this project is for: independent games of a few
gigabytes, hosts that stand in offices and small data centres, evenings with a release in them.
"""

from dataclasses import dataclass

import numpy as np

from scheduler.trace import Game, Launch, Machine, Outage, Trace
from scheduler.values import Resources

GIB = 1024**3
SEEDS = (1, 2, 3, 4, 5)
LOADS = (0.7, 0.9)
"""Of the fleet's cores, reserved on average."""

GAMES = 1000
ZIPF_EXPONENT = 0.9
RUNTIMES_BYTES = (640_000_000, 450_000_000, 900_000_000)
GAME_BYTES = (2.0e9, 1.0, 0.1e9, 20e9)
"""Median, sigma of the logarithm, least and most."""

GAME_CORES = (1.2, 0.5, 0.4, 6.0)
GAME_MEMORY_BYTES = (2.0 * GIB, 0.5, 0.5 * GIB, 8.0 * GIB)
BOOT_S = (2.5, 0.4, 0.8, 12.0)
LENGTH_S = (1500.0, 1.0, 60.0, 8 * 3600.0)
USE = (0.70, 0.35, 0.2, 2.0)
"""What a session uses of what is reserved for it: reservations are above the mean on purpose."""

BOOT_SPREAD = 0.15

KINDS = (
    # share of hosts, cores, memory, seats, cache, line, speed
    ("small", 0.50, 8, 32 * GIB, 16, 60 * GIB, 62.5e6, 0.9),
    ("middle", 0.35, 16, 64 * GIB, 32, 120 * GIB, 125e6, 1.0),
    ("large", 0.15, 32, 128 * GIB, 64, 240 * GIB, 312.5e6, 1.2),
)

RELEASES = 3
"""Flash crowds: a game that nobody has is wanted by all for a while, and stays among the games from then on."""
RELEASE_S = 1200.0
RELEASE_SHARE = 0.3
"""Launches of a release, as a share of all others in its time."""

BETWEEN_OUTAGES_S = 48 * 3600.0
OUTAGE_S = (300.0, 1.0, 30.0, 7200.0)
EMPTY_AFTER_OUTAGE = 0.25
WARM_UP_SHARE = 1 / 3


@dataclass(frozen=True, slots=True)
class Size:
    """How large a run is."""

    hosts: int
    sessions: int


STANDARD = Size(100, 30_000)
LARGE = Size(10_000, 1_000_000)


def draw_trace(seed: int, load: float, size: Size) -> Trace:
    """The trace of this seed: the same games, machines and outages at any load, and launches as the load asks for."""
    world, people = np.random.default_rng((seed, 0)), np.random.default_rng((seed, 1, round(1000 * load)))
    games = _games(world)
    machines = _machines(size.hosts)
    popularity = np.arange(1, GAMES + 1, dtype=float) ** -ZIPF_EXPONENT
    world.shuffle(popularity)
    popularity /= popularity.sum()
    cores = np.array([game.resources.cpu_cores for game in games[:GAMES]])
    mean_length_s = float(_log_normal(np.random.default_rng(0), LENGTH_S, 100_000).mean())
    offered = sum(machine.capacity.cpu_cores for machine in machines)
    per_s = load * offered / (mean_length_s * float((popularity * cores).sum()))
    moments = np.cumsum(people.exponential(1 / per_s, size.sessions))
    chosen = people.choice(GAMES, size.sessions, p=popularity)
    end_s = float(moments[-1])
    for release in range(RELEASES):
        begin_s = end_s * (0.4 + 0.2 * release)
        crowd = int(people.poisson(RELEASE_SHARE * per_s * RELEASE_S))
        moments = np.concatenate([moments, begin_s + RELEASE_S * people.beta(1, 3, crowd)])
        chosen = np.concatenate([chosen, np.full(crowd, GAMES + release)])
    order = np.argsort(moments, kind="stable")
    return Trace(
        games=games,
        machines=machines,
        launches=_launches(people, moments[order], chosen[order]),
        outages=_outages(world, size.hosts, end_s),
        counted_from_s=end_s * WARM_UP_SHARE,
    )


def _games(random: np.random.Generator) -> list[Game]:
    count = GAMES + RELEASES
    sizes, cores = _log_normal(random, GAME_BYTES, count), _log_normal(random, GAME_CORES, count)
    memory, boots = _log_normal(random, GAME_MEMORY_BYTES, count), _log_normal(random, BOOT_S, count)
    runtimes = random.integers(len(RUNTIMES_BYTES), size=count)
    return [
        Game(
            image_id=f"game-{number}",
            layers={f"runtime-{runtimes[number]}": RUNTIMES_BYTES[runtimes[number]], f"files-{number}": int(size)},
            resources=Resources(float(cores[number]), int(memory[number]), 1),
            boot_s=float(boots[number]),
        )
        for number, size in enumerate(sizes)
    ]


def _machines(count: int) -> list[Machine]:
    kinds = [kind for kind in KINDS for _ in range(round(kind[1] * count))]
    return [
        Machine(f"host-{number:05}", name, Resources(float(cores), memory, seats), cache, line, speed)
        for number, (name, _, cores, memory, seats, cache, line, speed) in enumerate(kinds)
    ]


def _launches(random: np.random.Generator, moments: np.ndarray, chosen: np.ndarray) -> list[Launch]:
    count = len(moments)
    lengths, uses = _log_normal(random, LENGTH_S, count), _log_normal(random, USE, count)
    boots, draws = random.lognormal(0, BOOT_SPREAD, count), random.random(count)
    values = zip(*(array.tolist() for array in (moments, chosen, lengths, uses, boots, draws)), strict=True)
    return [Launch(*value) for value in values]


def _outages(random: np.random.Generator, hosts: int, end_s: float) -> list[Outage]:
    count = int(random.poisson(hosts * end_s / BETWEEN_OUTAGES_S))
    moments, lengths = np.sort(random.random(count)) * end_s, _log_normal(random, OUTAGE_S, count)
    which, empty = random.integers(hosts, size=count), random.random(count) < EMPTY_AFTER_OUTAGE
    values = zip(*(array.tolist() for array in (moments, which, lengths, empty)), strict=True)
    return [Outage(*value) for value in values]


def _log_normal(random: np.random.Generator, shape: tuple[float, float, float, float], count: int) -> np.ndarray:
    median, sigma, least, most = shape
    return np.clip(median * random.lognormal(0, sigma, count), least, most)
