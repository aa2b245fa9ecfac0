"""One host in virtual time: its reservations, its cache of images, its line that all transfers share equally.

It does what an agent does, and decides nothing that a scheduler decides. Moments are seconds of virtual time and never
go back.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from scheduler.placement import UNPACK_BYTES_PER_S
from scheduler.trace import Game, Machine
from scheduler.values import HostView, Resources

BUSY_SHARE = 0.85
"""Of a machine's cores: when its games use more, frames come late."""

UNPACKING_CORES = 1.0

ARRIVED_BELOW_BYTES = 1.0
"""What rounding may leave of a transfer that is over."""


@dataclass(slots=True)
class Pull:
    """An image on its way: its bytes come, then it is unpacked."""

    bytes: int
    left_bytes: float
    is_unpacking: bool = False
    waiting: list[int] = field(default_factory=list[int])


class SimulatedHost:
    """`incarnation` grows with each outage: what was planned before it is void."""

    def __init__(self, machine: Machine, games: Sequence[Game]) -> None:
        self.machine = machine
        self.incarnation = 0
        self.is_up = True
        self.pulled_bytes = 0.0
        self.busy_play_s = 0.0
        self.play_s = 0.0
        self.line_version = 0
        self.spare = frozenset[str]()  # images that go first, as it was told
        self._games = games
        self._sessions: dict[int, tuple[int, float]] = {}
        self._cores = self._memory = 0.0
        self._used_cores = 0.0
        self._unpacking = 0
        self._cache: dict[int, None] = {}  # games in the order of their last use
        self._layers = Counter[str]()
        self._layer_bytes: dict[str, int] = {}
        self._cached_bytes = 0
        self._pulls: dict[int, Pull] = {}
        self._at_s = 0.0
        self._image_ids = self._layer_ids = frozenset[str]()

    def has_image(self, game: int) -> bool:
        return game in self._cache

    def is_fetching(self, game: int) -> bool:
        return game in self._pulls

    def view(self) -> HostView:
        """What the host reports now."""
        machine = self.machine
        pinned = {game for game, _ in self._sessions.values()} | self._pulls.keys()
        pinned_bytes = sum({d: b for game in pinned for d, b in self._games[game].layers.items()}.values())
        coming_bytes = sum(pull.left_bytes for pull in self._pulls.values())
        return HostView(
            host_id=machine.host_id,
            is_ready=self.is_up,
            labels={},
            capacity=machine.capacity,
            reserved=Resources(self._cores, round(self._memory), len(self._sessions)),
            used=Resources(self._used_cores + self._unpacking * UNPACKING_CORES, round(self._memory), 0),
            disk_free_bytes=machine.cache_bytes - pinned_bytes + int(coming_bytes),
            image_ids=self._image_ids,
            pulling={self._games[game].image_id: int(pull.left_bytes) for game, pull in self._pulls.items()},
            pull_bytes_per_s=machine.line_bytes_per_s,
            layers=self._layer_ids,
            host_class=machine.host_class,
        )

    def advance(self, now_s: float) -> None:
        """Let time pass: bytes arrive, and people play."""
        passed_s, self._at_s = now_s - self._at_s, now_s
        if passed_s <= 0:
            return
        transfers = [pull for pull in self._pulls.values() if not pull.is_unpacking]
        for pull in transfers:
            arrived = passed_s * self.machine.line_bytes_per_s / len(transfers)
            pull.left_bytes = max(0.0, pull.left_bytes - arrived)
            self.pulled_bytes += arrived
        played_s = passed_s * len(self._sessions)
        self.play_s += played_s
        used = self._used_cores + self._unpacking * UNPACKING_CORES
        if used > BUSY_SHARE * self.machine.capacity.cpu_cores:
            self.busy_play_s += played_s

    def take(self, session: int, game: int, use: float) -> None:
        """A session's place is reserved. `use` is the share of its reserved cores that it uses."""
        wanted = self._games[game].resources
        self._sessions[session] = (game, use)
        self._cores += wanted.cpu_cores
        self._memory += wanted.memory_bytes
        self._used_cores += use * wanted.cpu_cores
        if game in self._cache:
            del self._cache[game]
            self._cache[game] = None

    def release(self, session: int) -> None:
        game, use = self._sessions.pop(session)
        wanted = self._games[game].resources
        self._cores = max(0.0, self._cores - wanted.cpu_cores) if self._sessions else 0.0
        self._memory -= wanted.memory_bytes
        self._used_cores = max(0.0, self._used_cores - use * wanted.cpu_cores)

    def fetch(self, game: int, waiting: int | None) -> bool:
        """Wait for the image, which is pulled once however many wait for it. True when a transfer has begun."""
        pull = self._pulls.get(game)
        is_new = pull is None
        if waiting is not None:
            self._cancel_unasked(game)
        if pull is None:
            missing = sum(size for digest, size in self._games[game].layers.items() if not self._layers[digest])
            self._hold(game)
            self._make_room()
            pull = self._pulls[game] = Pull(missing, float(missing))
            self.line_version += 1
        if waiting is not None:
            pull.waiting.append(waiting)
        return is_new

    def _cancel_unasked(self, wanted: int) -> None:
        """Somebody needs the line: what nobody waits for is given up, as an engine does when its client goes away."""
        for game in [game for game, pull in self._pulls.items() if not pull.waiting and not pull.is_unpacking]:
            if game != wanted:
                del self._pulls[game]
                self._drop(game)
                self.line_version += 1

    def next_arrival_s(self) -> float | None:
        """How long until the next transfer is over if nothing changes; None when there is none."""
        left = [pull.left_bytes for pull in self._pulls.values() if not pull.is_unpacking]
        return min(left) * len(left) / self.machine.line_bytes_per_s if left else None

    def arrived(self) -> list[tuple[int, float]]:
        """The games whose last byte has come just now, with the seconds that unpacking takes."""
        self.line_version += 1
        done: list[tuple[int, float]] = []
        for game, pull in self._pulls.items():
            if not pull.is_unpacking and pull.left_bytes < ARRIVED_BELOW_BYTES:
                pull.left_bytes, pull.is_unpacking = 0.0, True
                self._unpacking += 1
                done.append((game, pull.bytes / UNPACK_BYTES_PER_S))
        return done

    def unpacked(self, game: int) -> list[int]:
        """The image is whole. Who has waited for it."""
        self._unpacking -= 1
        self._cache[game] = None
        self._note_images()
        return self._pulls.pop(game).waiting

    def fail(self) -> list[int]:
        """The machine goes away. Its sessions, which are lost to it; half of an image is worth nothing."""
        lost = list(self._sessions)
        for game in self._pulls:
            self._drop(game)
        self._pulls.clear()
        self._sessions.clear()
        self._cores = self._memory = self._used_cores = 0.0
        self._unpacking = 0
        self.is_up = False
        self.incarnation += 1
        return lost

    def come_back(self, *, is_empty: bool) -> None:
        self.is_up = True
        if is_empty:
            for game in self._cache:
                self._drop(game)
            self._cache.clear()
            self._note_images()

    def _make_room(self) -> None:
        """Images go that can be spared, then others, in each case the least recently used first; never one in use."""
        if self._cached_bytes <= self.machine.cache_bytes:
            return
        in_use = {game for game, _ in self._sessions.values()}
        idle = [game for game in self._cache if game not in in_use]
        spare = [game for game in idle if self._games[game].image_id in self.spare]
        for game in dict.fromkeys(spare + idle):
            if self._cached_bytes <= self.machine.cache_bytes:
                break
            del self._cache[game]
            self._drop(game)
        self._note_images()

    def _hold(self, game: int) -> None:
        for digest, size in self._games[game].layers.items():
            if not self._layers[digest]:
                self._cached_bytes += size
            self._layers[digest] += 1
        self._note_images()

    def _drop(self, game: int) -> None:
        for digest, size in self._games[game].layers.items():
            self._layers[digest] -= 1
            if not self._layers[digest]:
                del self._layers[digest]
                self._cached_bytes -= size

    def _note_images(self) -> None:
        self._image_ids = frozenset(self._games[game].image_id for game in self._cache)
        self._layer_ids = frozenset(digest for game in self._cache for digest in self._games[game].layers)
