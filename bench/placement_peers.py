"""What other schedulers would do with the same snapshot: policies for `scheduler.simulator`, beside ours.

All of them choose among the hosts that have room, by the same rule as ours; they differ in what they prefer. Each
prefers as its source says, not as we would like it.
"""

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Sequence

import numpy as np

from scheduler.copies import Image
from scheduler.fleet import Fleet
from scheduler.placement import among, costs, pick
from scheduler.prepull import INTERVAL_S, WINDOW_S, WINDOWS, Plan, demand, plan_of
from scheduler.simulator import Policy
from scheduler.trace import Game
from scheduler.transfers import Numbers
from scheduler.values import Request

MEBIBYTE = 1024**2

ROUNDS_A_WINDOW = round(WINDOW_S / INTERVAL_S)


class OnlyChoosing:
    """Leaves every cache to what is asked for."""

    def plan(self, fleet: Fleet, games: Sequence[Game]) -> Plan:
        return Plan((), {}, {})


class Preferring(OnlyChoosing, ABC):
    """Chooses among the hosts that have room."""

    def choose(self, fleet: Fleet, request: Request, draw: float) -> str | None:
        fit = np.flatnonzero(costs(fleet, request).is_fit)
        return fleet.view_at(int(self.prefer(fleet, request, fit, draw))).host_id if len(fit) else None

    @abstractmethod
    def prefer(self, fleet: Fleet, request: Request, fit: np.ndarray, draw: float) -> int:
        """One of the places in `fit`, of which there is at least one."""


class Random(Preferring):
    def prefer(self, fleet: Fleet, request: Request, fit: np.ndarray, draw: float) -> int:
        return fit[int(draw * len(fit))]


class RoundRobin(Preferring):
    def __init__(self) -> None:
        self._last = -1

    def prefer(self, fleet: Fleet, request: Request, fit: np.ndarray, draw: float) -> int:
        later = fit[fit > self._last]
        self._last = int(later[0] if len(later) else fit[0])
        return self._last


class LeastLoaded(Preferring):
    """The host whose busiest resource is the least busy, by what is reserved and what is used beyond it."""

    def prefer(self, fleet: Fleet, request: Request, fit: np.ndarray, draw: float) -> int:
        return _least(costs(fleet, request).load, fit, draw)


class BestOfThree(Preferring):
    """Three hosts at random, and of these the one with the least `(reserved + request + 0.5 x used) / cores`: E2B's
    placement, `packages/api/internal/orchestrator/placement/placement_best_of_K.go` with its K and alpha.
    """

    def prefer(self, fleet: Fleet, request: Request, fit: np.ndarray, draw: float) -> int:
        random = np.random.default_rng(int(draw * 2**53))
        sample = random.choice(fit, min(3, len(fit)), replace=False)
        used = fleet.firm[0] + fleet.unreserved[0]  # never less than is reserved: a lower figure is not kept
        load = (fleet.firm[0] + request.resources.cpu_cores + 0.5 * used) / fleet.capacity[0]
        return int(sample[np.argmin(load[sample])])


class Kubernetes(Preferring):
    """`NodeResourcesFit` with `LeastAllocated` and `ImageLocality`, each with weight 1, as in kube-scheduler's default
    plugins; a tie is drawn, as its `selectHost` does.

    Image locality is `size x nodes having it / nodes` between 23 and 1,000 MB for one container, least allocated the
    mean of the free shares of CPU and memory with the new pod, both in whole points of 100
    (`pkg/scheduler/framework/plugins/imagelocality/image_locality.go`, `noderesources/least_allocated.go`). Nodes
    report all their images here, although a kubelet reports only the 50 largest.
    """

    def prefer(self, fleet: Fleet, request: Request, fit: np.ndarray, draw: float) -> int:
        wanted = np.array([[request.resources.cpu_cores], [request.resources.memory_bytes]])
        free_share = 1 - (fleet.firm[:2] + wanted) / fleet.capacity[:2]
        points = np.floor(np.floor(100 * np.clip(free_share, 0, 1)).sum(axis=0) / 2)
        held = fleet.holds("image", request.image_id)
        if held is not None:
            spread = np.count_nonzero(held) / len(fleet)
            scaled = min(max(int(request.image_bytes * spread), 23 * MEBIBYTE), 1000 * MEBIBYTE)
            points[held] += 100 * (scaled - 23 * MEBIBYTE) // (977 * MEBIBYTE)
        return _least(-points, fit, draw)


class Placing(OnlyChoosing):
    """`scheduler.placement`, as a replica uses it."""

    def choose(self, fleet: Fleet, request: Request, draw: float) -> str | None:
        best = pick(fleet, among(fleet, request), draw)
        return best.host_id if best else None


class Copying(Placing):
    """The same, and the caches are kept by `scheduler.prepull`, as a replica keeps them."""

    def __init__(self) -> None:
        self._asked = Counter[str]()
        self._rounds = deque[Counter[str]]()
        self._windows = [Counter[str]() for _ in range(WINDOWS)]

    def choose(self, fleet: Fleet, request: Request, draw: float) -> str | None:
        self._asked[request.image_id] += 1
        return super().choose(fleet, request, draw)

    def plan(self, fleet: Fleet, games: Sequence[Game]) -> Plan:
        self._next_round()
        images = {
            game.image_id: Image(
                sum(game.layers.values()), demand([launches[game.image_id] for launches in self._windows])
            )
            for game in games
        }
        return plan_of(fleet, images)

    def _next_round(self) -> None:
        """What was asked for since the last one is the newest, and of each window the oldest goes into the next."""
        self._rounds.appendleft(self._asked)
        self._windows[0].update(self._asked)
        self._asked = Counter[str]()
        for window, launches in enumerate(self._windows, 1):
            if len(self._rounds) > window * ROUNDS_A_WINDOW:
                older = self._rounds[window * ROUNDS_A_WINDOW]
                launches.subtract(older)
                if window < WINDOWS:
                    self._windows[window].update(older)
        if len(self._rounds) > WINDOWS * ROUNDS_A_WINDOW:
            self._rounds.pop()


PEERS: dict[str, Callable[[], Policy]] = {
    "random": Random,
    "round robin": RoundRobin,
    "least loaded": LeastLoaded,
    "best of three": BestOfThree,
    "kubernetes": Kubernetes,
}


def _least(values: Numbers, fit: np.ndarray, draw: float) -> int:
    """A place with the least value; of several, one is drawn."""
    least = fit[values[fit] == values[fit].min()]
    return least[int(draw * len(least))]
