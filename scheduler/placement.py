"""Picks the host on which a player sees the first frame soonest: filter, score in seconds, draw among the near-best.

It decides on a snapshot and never reserves anything: the caller reserves in one guarded statement, and on refusal takes
the next candidate. Images and their layers are compared by content digest alone. All hosts are looked at together, as
arrays; one host is a fleet of one.

    ready   = max(transfer of missing bytes + unpacking, start of the seat) + boot
    load    = max over resources of (reserved + request + A * max(0, used - reserved)) / capacity
    seconds = ready + W * max(0, load - KNEE)^2 + V * stranded + C * fragments + D * network

The load term follows E2B's best-of-K placement, the stranded term Borg's hybrid of best and worst fit (Verma et al.,
"Large-scale cluster management at Google with Borg", EuroSys 2015, section 3.2), the term of fragments the gradient of
Weng et al., "Beware of Fragmentation", USENIX ATC 2023. All are turned into seconds by an exchange rate, so that a
cached image, a busy host and a distant one are weighed in one currency.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np

from scheduler.fleet import Fleet, Truths, label
from scheduler.transfers import Numbers, Places
from scheduler.values import HostView, Refusal, Request, Score

DEFAULT_PULL_BYTES_PER_S = 12_500_000.0
"""Prior for a host whose transfers nobody has measured yet: a line of 100 Mbit/s."""

UNPACK_BYTES_PER_S = 130_000_000.0
"""How fast an engine unpacks: 640 MB in 4-6 s, measured from a registry on loopback, where the transfer is free."""

UNPACKED_RATIO = 2.6
"""Bytes on the disk for each byte of a compressed layer, where nobody has measured the image: 640 MB from 245 MB, a
game built from Debian's packages."""

DISK_HEADROOM = 1.2
"""Free disk asked for each missing byte: while an image is unpacked, parts of it lie there twice."""

UNRESERVED_USE_WEIGHT = 0.5
"""A, a share: what a machine uses beyond its reservations counts half, since it may go away by itself."""

LOAD_KNEE = 0.5
"""KNEE, a share of capacity: below it a host is as quick as an idle one."""

LOAD_SECONDS = 100.0
"""W, seconds for each squared share above the knee. A host filled to the brim costs 25 s: less than pulling most games
again, more than booting any. In the simulator a lower price plays more of the time on busy machines than it saves in
waiting (docs/simulator.md)."""

STRANDED_SECONDS = 2.0
"""V, seconds for a host left with all of one resource free and none of the other."""

FRAGMENT_SECONDS = 40.0
FRAGMENT_KNEE = 0.7
"""C, seconds for each core that the next sessions are likely to find too few of, in a fleet whose cores are all
reserved; less in one that is less full, and nothing below this share. It lets nearly full hosts be filled and keeps
large gaps for large games, which else wait in line although cores enough are free (docs/simulator.md)."""

LEAST_USUAL_CORES = 0.01

DELAY_SECONDS = 20.0
"""Seconds for each second of delay between the player and the host: a start is waited for once, a delay is felt at each
input. A host 100 ms further off has to start the game two seconds sooner."""

NEAR_BEST_COUNT = 3
"""From how many hosts `choose` draws. Replicas that decide on the same snapshot would else all pick one."""

LOOK_CLOSER_FROM = 1000
"""Places. In a fleet of so many `pick` looks at those first that hold the image; below, looking at all is as quick."""

NEAR_BEST_SECONDS = 0.5
"""How much worse than the best a host may be and still be drawn: about the spread of one game's boot on one host, so a
smaller difference says nothing."""

CPU_TOLERANCE_CORES = 1e-9
"""Ten reservations of 0.1 core fit into one core, although their sum in floating point is not exactly 1."""

_TOLERANCE = np.array([[CPU_TOLERANCE_CORES], [0.0], [0.0]])
_At = slice | Places
_ALL = slice(None)


@dataclass(frozen=True, slots=True)
class Costs:
    """The cost of places of a `Fleet`, and what it is made of: see `Score`. `is_fit` says where `refuse` has no
    objection; elsewhere the figures mean nothing. One figure for each of `places`.
    """

    places: Places
    is_fit: Truths
    seconds: Numbers
    ready_s: Numbers
    load: Numbers
    stranded: Numbers
    fragments: Numbers
    disk_bytes: Numbers


def refuse(host: HostView, request: Request) -> Refusal | None:
    """The first reason why `host` cannot take `request` now, None when it can.

    CPU, memory and seats are counted from reservations alone, exactly as the transaction that reserves counts them.
    """
    fleet = Fleet([host])
    for refusal, is_refused in _refusals(
        fleet, request, fleet.firm, _disk_bytes(request, fleet.missing_bytes(request))
    ):
        if is_refused[0]:
            return refusal
    return None


def refusals(fleet: Fleet, request: Request) -> dict[Refusal, int]:
    """How many hosts `refuse` the request, each counted by its first reason."""
    found: dict[Refusal, int] = {}
    left = np.zeros(len(fleet.is_ready), np.bool_)
    left[fleet.places(host.host_id for host in fleet)] = True
    for refusal, is_refused in _refusals(
        fleet, request, fleet.firm, _disk_bytes(request, fleet.missing_bytes(request))
    ):
        count = int(np.count_nonzero(left & is_refused))
        left &= ~is_refused
        if count:
            found[refusal] = found.get(refusal, 0) + count
    return found


def whole_disk_bytes(request: Request) -> int:
    """What must be free on a host that holds nothing of the image."""
    whole = float(sum(request.layers.values()) or request.image_bytes)
    return math.ceil(_disk_bytes(request, np.array([whole]))[0])


def could_ever_fit(hosts: Fleet | HostView, request: Request, without: Collection[str] = ()) -> bool:
    """Whether one of the hosts, ready now, could take `request` once every other session on it has ended.

    Disk is left out: an agent makes room by evicting images that nobody uses.
    """
    return why_never(hosts, request, without) is None


def could_ever_take(fleet: Fleet, request: Request) -> Truths:
    """Which places `could_ever_fit` the request."""
    could = fleet.is_ready.copy()
    for _, is_refused in _refusals(fleet, request, np.zeros_like(fleet.firm), None):
        could &= ~is_refused
    return could


def why_never(hosts: Fleet | HostView, request: Request, without: Collection[str] = ()) -> Refusal | None:
    """Why none of the hosts `could_ever_fit`: what the last of them lack; None when one could."""
    fleet = hosts if isinstance(hosts, Fleet) else Fleet([hosts])
    could = fleet.is_ready.copy()
    could[fleet.places(without)] = False
    if not could.any():
        return Refusal.NOT_READY
    for refusal, is_refused in _refusals(fleet, request, np.zeros_like(fleet.firm), None):
        could &= ~is_refused
        if not could.any():
            return refusal
    return None


def score(host: HostView, request: Request) -> Score:
    """The cost of `host` in seconds, lower is better. Only means something for a host that `refuse` lets pass.

    Never falls when `used`, the missing bytes, the boot time or the network delay grow.
    """
    fleet = Fleet([host])
    return _score_at(fleet, costs(fleet, request), 0)


def rank(hosts: Fleet | Iterable[HostView], request: Request, most: int | None = None) -> list[Score]:
    """Every host that can take `request` now, best first, or the `most` best; equal ones in the order of their ids,
    whatever the order in which they came.
    """
    fleet = hosts if isinstance(hosts, Fleet) else Fleet(hosts)
    found = costs(fleet, request)
    return _ordered(fleet, found, np.flatnonzero(found.is_fit), found.seconds, len(fleet) if most is None else most)


def pick(fleet: Fleet, request: Request, draw: float, without: Collection[str] = ()) -> Score | None:
    """The host to try next, never one of `without`: what `choose` says of `rank`. None when no host can take it."""
    refused = fleet.places(without)
    near = _nearly_ready(fleet, request)
    if near is not None:
        found, fit = _near_best(fleet, request, refused, near)
        if len(fit) and found.seconds[fit].min() + NEAR_BEST_SECONDS < _least_elsewhere_s(fleet, request):
            return choose(_ordered(fleet, found, fit, found.load, NEAR_BEST_COUNT), draw)
    found, fit = _near_best(fleet, request, refused)
    return choose(_ordered(fleet, found, fit, found.load, NEAR_BEST_COUNT), draw)


def choose(ranked: Sequence[Score], draw: float) -> Score | None:
    """Of those in `ranked` that are within `NEAR_BEST_SECONDS` of the best, one of the `NEAR_BEST_COUNT` with the least
    load, each as likely as the others; None when `ranked` is empty.

    A smaller difference in seconds says nothing, but room says who can take the next session. `draw` is uniform in
    [0, 1); anything else raises ValueError. On refusal take the chosen one out and call again.
    """
    if not 0 <= draw < 1:
        raise ValueError(f"draw must be in [0, 1), not {draw}")
    if not ranked:
        return None
    worst_s = min(candidate.seconds for candidate in ranked) + NEAR_BEST_SECONDS
    near_best = sorted((found for found in ranked if found.seconds <= worst_s), key=attrgetter("load", "host_id"))
    near_best = near_best[:NEAR_BEST_COUNT]
    return near_best[int(draw * len(near_best))]


def among(fleet: Fleet, request: Request) -> Request:
    """`request` with what it must know of the whole fleet, so that a host can be judged by itself."""
    ready = fleet.is_ready.astype(np.float64)
    firm, capacity = fleet.firm @ ready, fleet.capacity[0] @ ready
    fullness = firm[0] / capacity if capacity > 0 else 0.0
    return replace(
        request,
        usual_cores=float(firm[0] / firm[2]) if firm[2] > 0 else request.resources.cpu_cores,
        fragment_seconds=FRAGMENT_SECONDS * max(0.0, float(fullness) - FRAGMENT_KNEE) / (1 - FRAGMENT_KNEE),
    )


def costs(fleet: Fleet, request: Request, places: Places | None = None) -> Costs:
    """What `score` says of these hosts, of all when none are named, and where `refuse` lets it pass."""
    at = _ALL if places is None else places
    everywhere = fleet.missing_bytes(request)
    missing, ahead = everywhere[at], fleet.bytes_ahead(request, everywhere)[at]
    disk_bytes = _disk_bytes(request, missing)
    firm, capacity = fleet.firm[:, at], fleet.capacity[:, at]
    is_fit = np.ones(len(missing), np.bool_)
    for _, is_refused in _refusals(fleet, request, firm, disk_bytes, at):
        is_fit &= ~is_refused
    taken = (firm + _wanted(request)) / capacity
    load = (taken + UNRESERVED_USE_WEIGHT * fleet.unreserved[:, at] / capacity).max(axis=0)
    # Seats are a number that an operator typed, not something that is paid for: they cannot be stranded.
    stranded = np.abs(taken[0] - taken[1])
    ready_s = _ready_s(fleet, request, missing, ahead, at)
    fragments = _fragments(firm[0], capacity[0], request)
    over = np.maximum(0.0, load - LOAD_KNEE)
    seconds = ready_s + LOAD_SECONDS * over * over + STRANDED_SECONDS * stranded + request.fragment_seconds * fragments
    seconds += DELAY_SECONDS * _network_s(fleet, request)[at]
    everyone = np.arange(len(missing)) if places is None else places
    return Costs(everyone, is_fit, seconds, ready_s, load, stranded, fragments, disk_bytes)


def _nearly_ready(fleet: Fleet, request: Request) -> Places | None:
    """In a large fleet the few places that may lack less than the image's largest layer; None where they are none, or
    most of it.
    """
    if len(fleet.is_ready) < LOOK_CLOSER_FROM:
        return None
    is_near = fleet.is_pulling(request.image_id)
    largest = max(request.layers, key=lambda digest: (request.layers[digest], digest), default="")
    for held in (
        fleet.holds("image", request.image_id),
        fleet.holds("title", request.build_id),
        fleet.holds("layer", largest),
    ):
        if held is not None:
            is_near |= held
    near = np.flatnonzero(is_near & fleet.is_ready)
    return near if 0 < len(near) <= len(is_near) // 2 else None


def _least_elsewhere_s(fleet: Fleet, request: Request) -> float:
    """Less than the cost of any place that is not `_nearly_ready`: the largest layer over the quickest line to an idle
    host that the session would fill best.
    """
    lacking = max(request.layers.values(), default=request.image_bytes)
    fetched_s = lacking / float(fleet.pull_bytes_per_s.max()) + lacking * request.unpacked_ratio / UNPACK_BYTES_PER_S
    filled_s = request.fragment_seconds * max(LEAST_USUAL_CORES, request.usual_cores) / math.e
    return (fetched_s + min([request.boot_prior_s, *request.boot_s.values()]) - filled_s) * (1 - 1e-9) - 1e-9


def _near_best(
    fleet: Fleet, request: Request, refused: Sequence[int], places: Places | None = None
) -> tuple[Costs, Places]:
    """The costs of `places`, of all when none are named, and which of them are near the best of those that fit."""
    found = costs(fleet, request, places)
    if refused:
        found.is_fit[np.isin(found.places, refused)] = False
    fit = np.flatnonzero(found.is_fit)
    if len(fit):
        fit = fit[found.seconds[fit] <= found.seconds[fit].min() + NEAR_BEST_SECONDS]
    return found, fit


def _refusals(
    fleet: Fleet, request: Request, firm: Numbers, disk_bytes: Numbers | None, at: _At = _ALL
) -> Iterator[tuple[Refusal, Truths]]:
    """Why the places `at` cannot take `request` on top of `firm`, and which; disk is looked at when `disk_bytes` are
    given.
    """
    yield Refusal.NOT_READY, ~fleet.is_ready[at]
    for key, value in request.required_labels.items():
        held = fleet.holds("label", label(key, value))
        yield Refusal.LABELS, np.ones(firm.shape[1], np.bool_) if held is None else ~held[at]
    too_much = firm + _wanted(request) > fleet.capacity[:, at] + _TOLERANCE
    yield Refusal.CPU, too_much[0]
    yield Refusal.MEMORY, too_much[1]
    yield Refusal.SEATS, too_much[2]
    if not request.is_pullable:
        held = fleet.holds("image", request.image_id)
        pulling = fleet.is_pulling(request.image_id)
        yield Refusal.IMAGE, ~(pulling if held is None else held | pulling)[at]
    if disk_bytes is not None:
        yield Refusal.DISK, fleet.disk_free_bytes[at] < disk_bytes


def _disk_bytes(request: Request, missing: Numbers) -> Numbers:
    return missing * request.unpacked_ratio * DISK_HEADROOM


def _network_s(fleet: Fleet, request: Request) -> Numbers:
    """Seconds from the player's page to each place and back."""
    network_s = np.full(fleet.is_ready.shape, request.elsewhere_s)
    for region, seconds in request.region_s.items():
        held = fleet.holds("label", label("region", region))
        if held is not None:
            network_s[held] = seconds
    for host_id, seconds in request.network_s.items():
        network_s[fleet.places((host_id,))] = seconds
    return network_s


def _ready_s(fleet: Fleet, request: Request, missing: Numbers, ahead: Numbers, at: _At) -> Numbers:
    """Seconds until the first frame: the image, or the seat beside it if that takes longer, then the boot."""
    unpacked_s = missing * request.unpacked_ratio / UNPACK_BYTES_PER_S
    fetched_s = (missing + ahead) / fleet.pull_bytes_per_s[at] + unpacked_s
    boot_s = np.full_like(missing, request.boot_prior_s)
    for host_class, mean_s in request.boot_s.items():
        held = fleet.holds("class", host_class)
        if held is not None:
            boot_s[held[at]] = mean_s
    seat_s = np.full_like(missing, request.seat_s)
    seat = fleet.holds("seat", request.seat_size)
    if seat is not None:
        seat_s[seat[at]] = 0.0
    title = fleet.holds("title", request.build_id)
    if title is not None:
        seat_s[title[at]] = boot_s[title[at]] = 0.0
    return np.maximum(fetched_s, seat_s) + boot_s


def _fragments(firm: Numbers, capacity: Numbers, request: Request) -> Numbers:
    """Cores that the session adds to those that are free and likely too few for the next one.

    A gap is too small for a session with the probability that one asks for more: as if what they ask for were
    distributed exponentially about `usual_cores`.
    """
    usual_cores = max(LEAST_USUAL_CORES, request.usual_cores)
    free = np.maximum(0.0, capacity - firm)
    left = np.maximum(0.0, free - request.resources.cpu_cores)
    return left * np.exp(-left / usual_cores) - free * np.exp(-free / usual_cores)


def _ordered(fleet: Fleet, found: Costs, fit: Places, figure: Numbers, most: int) -> list[Score]:
    """Of the costs `fit` the `most` with the least `figure`, in its order; equal ones in that of their hosts' ids."""
    if 0 < most < len(fit):
        worst = np.partition(figure[fit], most - 1)[most - 1]
        fit = fit[figure[fit] <= worst]
    best = fit[np.lexsort((fleet.order()[found.places[fit]], figure[fit]))][:most]
    return [_score_at(fleet, found, int(number)) for number in best]


def _score_at(fleet: Fleet, found: Costs, number: int) -> Score:
    return Score(
        fleet.view_at(int(found.places[number])).host_id,
        float(found.seconds[number]),
        float(found.ready_s[number]),
        float(found.load[number]),
        float(found.stranded[number]),
        float(found.fragments[number]),
        math.ceil(found.disk_bytes[number]),
    )


def _wanted(request: Request) -> Numbers:
    wanted = request.resources
    return np.array([[wanted.cpu_cores], [wanted.memory_bytes], [wanted.seats]], np.float64)
