"""What happens to a simulated fleet: games, machines, launches and outages, as values drawn by somebody else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scheduler.values import Resources


@dataclass(frozen=True, slots=True)
class Game:
    """`layers` map digests to bytes; games share those of their runtime. `resources` is what is reserved for each of
    its sessions, `boot_s` its boot on a machine of speed 1.
    """

    image_id: str
    layers: Mapping[str, int]
    resources: Resources
    boot_s: float


@dataclass(frozen=True, slots=True)
class Machine:
    """A host: what it offers, how many bytes of images it keeps, its line, and how much quicker than usual it boots."""

    host_id: str
    host_class: str
    capacity: Resources
    cache_bytes: int
    line_bytes_per_s: float
    speed: float


@dataclass(frozen=True, slots=True)
class Launch:
    """Somebody presses Play. `game` is an index; `length_s` counts from the first frame; the session uses `use` of the
    cores that are reserved for it and boots `boot` times as long as its game usually does. `draw` is uniform in [0, 1).
    """

    at_s: float
    game: int
    length_s: float
    use: float
    boot: float
    draw: float


@dataclass(frozen=True, slots=True)
class Outage:
    """A machine (an index) is away. Its sessions are lost to it; its images stay, unless it comes back empty."""

    at_s: float
    machine: int
    length_s: float
    is_empty_after: bool


@dataclass(frozen=True, slots=True)
class Trace:
    """`launches` and `outages` are in the order of their time. What begins before `counted_from_s` fills the caches
    and is not counted.
    """

    games: Sequence[Game]
    machines: Sequence[Machine]
    launches: Sequence[Launch]
    outages: Sequence[Outage]
    counted_from_s: float
