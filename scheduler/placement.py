"""Picks the host on which a player sees the first frame soonest: filter, score in seconds, draw among the near-best.

It decides on a snapshot and never reserves anything: the caller reserves in one guarded statement, and on refusal takes
the next candidate of the same ranking. Images are compared by content digest alone.

    ready   = transfer of missing bytes + unpacking + boot
    load    = max over resources of (reserved + request + A * max(0, used - reserved)) / capacity
    seconds = ready + W * max(0, load - KNEE)^2 + V * stranded + network

The load term follows E2B's best-of-K placement, the stranded term Borg's hybrid of best and worst fit (Verma et al.,
"Large-scale cluster management at Google with Borg", EuroSys 2015, section 3.2). Both are turned into seconds by an
exchange rate, so that a cached image, a busy host and a distant one are weighed in one currency.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter

DEFAULT_PULL_BYTES_PER_S = 12_500_000.0
"""Prior for a host whose transfers nobody has measured yet: a line of 100 Mbit/s."""

UNPACK_BYTES_PER_S = 130_000_000.0
"""How fast an engine unpacks: 640 MB in 4-6 s, measured from a registry on loopback, where the transfer is free."""

DISK_HEADROOM = 1.2
"""Free disk asked for each missing byte: while an image is unpacked, parts of it lie there twice."""

UNRESERVED_USE_WEIGHT = 0.5
"""A, a share: what a machine uses beyond its reservations counts half, since it may go away by itself."""

LOAD_KNEE = 0.7
"""KNEE, a share of capacity: below it a host is as quick as an idle one."""

LOAD_SECONDS = 60.0
"""W, seconds for each squared share above the knee. A host filled to the brim costs 5.4 s: less than pulling most games
again, more than booting most of them."""

STRANDED_SECONDS = 2.0
"""V, seconds for a host left with all of one resource free and none of the other."""

NEAR_BEST_COUNT = 3
"""From how many of the best hosts `choose` draws. Replicas that decide on the same snapshot would else all pick one."""

NEAR_BEST_SECONDS = 0.5
"""How much worse than the best a host may be and still be drawn: about the spread of one game's boot on one host, so a
smaller difference says nothing."""

CPU_TOLERANCE_CORES = 1e-9
"""Ten reservations of 0.1 core fit into one core, although their sum in floating point is not exactly 1."""


class Refusal(StrEnum):
    """Why a host cannot take a session now."""

    NOT_READY = "not_ready"
    LABELS = "labels"
    CPU = "cpu"
    MEMORY = "memory"
    SEATS = "seats"
    DISK = "disk"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Resources:
    """An amount of what a session occupies."""

    cpu_cores: float
    memory_bytes: int
    seats: int


@dataclass(frozen=True, slots=True)
class HostView:
    """One host as the snapshot shows it.

    `is_ready` says that its lease is valid and it is not draining. `reserved` is the sum over live sessions and warm
    seats; `used` is what the whole machine uses, ours or not. `pulling` maps an image to the bytes still to come.
    `boot_s` is this build's mean boot on hosts of this class, None while unknown.
    """

    host_id: str
    is_ready: bool
    labels: Mapping[str, str]
    capacity: Resources
    reserved: Resources
    used: Resources
    disk_free_bytes: int
    image_ids: frozenset[str]
    pulling: Mapping[str, int]
    pull_bytes_per_s: float
    boot_s: float | None
    network_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Request:
    """What one session asks for.

    `image_bytes` is the image's size as the hosts report it. `is_pullable` is False for an image that no registry has:
    then only hosts that hold it, or are already getting it, can run the session.
    """

    image_id: str
    image_bytes: int
    resources: Resources
    required_labels: Mapping[str, str]
    boot_prior_s: float
    is_pullable: bool = True


@dataclass(frozen=True, slots=True)
class Score:
    """How good a host is: `seconds` is what counts, the others say why. `load` and `stranded` are shares of capacity;
    `load` is above 1 where the machine is busier than its reservations say.
    """

    host_id: str
    seconds: float
    ready_s: float
    load: float
    stranded: float


def refuse(host: HostView, request: Request) -> Refusal | None:
    """The first reason why `host` cannot take `request` now, None when it can.

    CPU, memory and seats are counted from reservations alone, exactly as the transaction that reserves counts them.
    """
    if not host.is_ready:
        return Refusal.NOT_READY
    reserved = host.reserved
    refusal = _outgrown(host, request, reserved.cpu_cores, reserved.memory_bytes, reserved.seats)
    if refusal is not None:
        return refusal
    if host.disk_free_bytes < _missing_bytes(host, request) * DISK_HEADROOM:
        return Refusal.DISK
    return None


def could_ever_fit(host: HostView, request: Request) -> bool:
    """Whether `host`, ready now, could take `request` once every other session on it has ended.

    Disk is left out: an agent makes room by evicting images that nobody uses.
    """
    return host.is_ready and _outgrown(host, request, 0.0, 0, 0) is None


def score(host: HostView, request: Request) -> Score:
    """The cost of `host` in seconds, lower is better. Only means something for a host that `refuse` lets pass.

    Never falls when `used`, the missing bytes, the boot time or the network delay grow.
    """
    wanted, capacity, reserved, used = request.resources, host.capacity, host.reserved, host.used
    cpu = (reserved.cpu_cores + wanted.cpu_cores) / capacity.cpu_cores
    memory = (reserved.memory_bytes + wanted.memory_bytes) / capacity.memory_bytes
    seats = (reserved.seats + wanted.seats) / capacity.seats
    load = max(
        cpu + _unreserved(used.cpu_cores, reserved.cpu_cores, capacity.cpu_cores),
        memory + _unreserved(used.memory_bytes, reserved.memory_bytes, capacity.memory_bytes),
        seats + _unreserved(used.seats, reserved.seats, capacity.seats),
    )
    # Seats are a number that an operator typed, not something that is paid for: they cannot be stranded.
    stranded = abs(cpu - memory)
    boot_s = request.boot_prior_s if host.boot_s is None else host.boot_s
    ready_s = _pull_s(host, request) + boot_s
    over = load - LOAD_KNEE
    seconds = ready_s + STRANDED_SECONDS * stranded + host.network_s
    if over > 0:
        seconds += LOAD_SECONDS * over * over
    return Score(host.host_id, seconds, ready_s, load, stranded)


def rank(hosts: Iterable[HostView], request: Request) -> list[Score]:
    """Every host that can take `request` now, best first; equal ones in the order of their ids, whatever the order in
    which they came.
    """
    ranked = [score(host, request) for host in hosts if refuse(host, request) is None]
    ranked.sort(key=attrgetter("seconds", "host_id"))
    return ranked


def choose(ranked: Sequence[Score], draw: float) -> Score | None:
    """One of the first `NEAR_BEST_COUNT` of `ranked` that is within `NEAR_BEST_SECONDS` of the best, each as likely as
    the others; None when `ranked` is empty.

    `draw` is uniform in [0, 1); anything else raises ValueError. On refusal take the chosen one out and call again.
    """
    if not 0 <= draw < 1:
        raise ValueError(f"draw must be in [0, 1), not {draw}")
    if not ranked:
        return None
    worst_s = ranked[0].seconds + NEAR_BEST_SECONDS
    near_best = [candidate for candidate in ranked[:NEAR_BEST_COUNT] if candidate.seconds <= worst_s]
    return near_best[int(draw * len(near_best))]


def _outgrown(host: HostView, request: Request, cpu_cores: float, memory_bytes: int, seats: int) -> Refusal | None:
    """Why `host` could not take `request` on top of this much; labels and a missing image refuse at any load."""
    if request.required_labels and not request.required_labels.items() <= host.labels.items():
        return Refusal.LABELS
    wanted, capacity = request.resources, host.capacity
    if capacity.cpu_cores <= 0 or cpu_cores + wanted.cpu_cores > capacity.cpu_cores + CPU_TOLERANCE_CORES:
        return Refusal.CPU
    if capacity.memory_bytes <= 0 or memory_bytes + wanted.memory_bytes > capacity.memory_bytes:
        return Refusal.MEMORY
    if capacity.seats <= 0 or seats + wanted.seats > capacity.seats:
        return Refusal.SEATS
    if not request.is_pullable and request.image_id not in host.image_ids and request.image_id not in host.pulling:
        return Refusal.IMAGE
    return None


def _missing_bytes(host: HostView, request: Request) -> int:
    if request.image_id in host.image_ids:
        return 0
    return host.pulling.get(request.image_id, request.image_bytes)


def _pull_s(host: HostView, request: Request) -> float:
    """Seconds until the image is there, when all transfers of the host share its line equally: of every other one, as
    many bytes go before our last byte as we miss, or all it has left.
    """
    missing = _missing_bytes(host, request)
    if missing == 0:
        return 0.0
    others = sum(min(left, missing) for image_id, left in host.pulling.items() if image_id != request.image_id)
    return (missing + others) / host.pull_bytes_per_s + missing / UNPACK_BYTES_PER_S


def _unreserved(used: float, reserved: float, capacity: float) -> float:
    return UNRESERVED_USE_WEIGHT * (used - reserved) / capacity if used > reserved else 0.0
