"""The whole fleet as one picture: each host with what it holds, what is on its way there and what plays on it. Reads
only, in a fixed number of looks however large the fleet is.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.catalog.models import Game
from orchestrator.database import Database
from orchestrator.fleet.host_life import HostState, state_of
from orchestrator.fleet.host_notes import facts_of
from orchestrator.fleet.ledger import SessionLedger, SessionOnHost
from orchestrator.fleet.models import Host, labels_of
from scheduler.values import NOTHING, Resources

MOST_HOSTS = 1000
"""More than that is no picture any more: the rest is found by name."""

_FIRST = (HostState.LOST, HostState.SUSPECT, HostState.DRAINING, HostState.READY)
_NOBODY: tuple[SessionOnHost, ...] = ()


@dataclass(frozen=True, slots=True)
class Share:
    """Of one resource: how much there is, is reserved for sessions, and was in use when the host last said."""

    capacity: float
    reserved: float
    used: float

    def __add__(self, other: "Share") -> "Share":
        return Share(self.capacity + other.capacity, self.reserved + other.reserved, self.used + other.used)

    @property
    def reserved_percent(self) -> float:
        return _percent(self.reserved, self.capacity)

    @property
    def used_percent(self) -> float:
        return _percent(self.used, self.capacity)


NO_SHARE = Share(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class GameOnMap:
    slug: str
    title: str
    thumbnail: str | None


@dataclass(frozen=True, slots=True)
class HostOnMap:
    """`pull_bytes` are still to come of the `pulls` images that are on their way."""

    id: str
    name: str
    state: HostState
    since: datetime | None
    labels: Mapping[str, str]
    last_sync_at: datetime | None
    cpu: Share
    memory: Share
    seats: float
    images: int
    image_bytes: int
    pulls: int
    pull_bytes: int
    sessions: tuple[SessionOnHost, ...]

    @property
    def is_drained(self) -> bool:
        return self.state is HostState.DRAINING and not self.sessions

    @property
    def is_heard(self) -> bool:
        return self.state in {HostState.READY, HostState.DRAINING}

    @property
    def counts(self) -> Mapping[str, int]:
        """How many of its sessions look how."""
        return Counter(look_of(each) for each in self.sessions)


@dataclass(frozen=True, slots=True)
class FleetMap:
    """`hosts` are as the question says; everything else counts the whole fleet. `unplaced` wait for a host."""

    now: datetime
    hosts: tuple[HostOnMap, ...]
    found: int
    total: int
    states: Mapping[HostState, int]
    looks: Mapping[str, int]
    unplaced: int
    cpu: Share
    memory: Share
    games: Mapping[str, GameOnMap]

    @property
    def sessions(self) -> int:
        return sum(self.looks.values())


@dataclass(frozen=True, slots=True)
class Question:
    """`search` is a part of a host's name, id or labels, or of the title of a game that plays there."""

    search: str = ""
    state: HostState | None = None
    order: str = "trouble"


class FleetMaps:
    def __init__(self, database: Database, ledger: SessionLedger) -> None:
        self._database = database
        self._ledger = ledger

    async def draw(self, question: Question) -> FleetMap:
        async with self._database.read() as session:
            now = await self._database.now(session)
            reserved = await self._ledger.reserved(session)
            places = await self._ledger.on_hosts(session)
            unplaced = await self._ledger.unplaced(session)
            rows = await session.scalars(select(Host).where(Host.removed_at.is_(None)))
            everyone = [_on_map(row, reserved.get(row.id, NOTHING), places.get(row.id, _NOBODY), now) for row in rows]
            games = await _games(session, {each.game_slug for there in places.values() for each in there})
        found = sorted((host for host in everyone if _is_found(host, question, games)), key=_key_of(question.order))
        heard = [host for host in everyone if host.is_heard]
        return FleetMap(
            now=now,
            hosts=tuple(found[:MOST_HOSTS]),
            found=len(found),
            total=len(everyone),
            states=Counter(host.state for host in everyone),
            looks=Counter(look_of(each) for there in places.values() for each in there),
            unplaced=unplaced,
            cpu=sum((host.cpu for host in heard), NO_SHARE),
            memory=sum((host.memory for host in heard), NO_SHARE),
            games=games,
        )


def look_of(there: SessionOnHost) -> str:
    """How a session is drawn: `running`, `paused`, `stopping` or `starting`."""
    if there.position in {"running", "stopping"}:
        return "paused" if there.is_paused and there.position == "running" else there.position
    return "starting"


def _on_map(host: Host, reserved: Resources, sessions: tuple[SessionOnHost, ...], now: datetime) -> HostOnMap:
    state = state_of(facts_of(host), now)
    is_noted = bool(host.changes) and host.changes[-1]["state"] == state
    capacity, usage = host.capacity, host.usage
    return HostOnMap(
        id=host.id,
        name=host.name,
        state=state,
        since=datetime.fromisoformat(host.changes[-1]["at"]) if is_noted else None,
        labels=labels_of(host),
        last_sync_at=host.last_sync_at,
        cpu=Share(float(capacity.get("cpu_cores", 0)), reserved.cpu_cores, float(usage.get("cpu_cores", 0))),
        memory=Share(
            float(capacity.get("memory_bytes", 0)), float(reserved.memory_bytes), float(usage.get("memory_bytes", 0))
        ),
        seats=float(capacity.get("seats", 0)),
        images=len(host.images),
        image_bytes=sum(int(image.get("size_bytes", 0)) for image in host.images),
        pulls=len(host.pulling),
        pull_bytes=sum(int(left) for left in host.pulling.values()),
        sessions=sessions,
    )


def _is_found(host: HostOnMap, question: Question, games: Mapping[str, GameOnMap]) -> bool:
    if question.state is not None and host.state is not question.state:
        return False
    word = question.search.casefold()
    if not word:
        return True
    labels = (f"{key}={value}" for key, value in host.labels.items())
    titles = (games[there.game_slug].title for there in host.sessions if there.game_slug in games)
    return any(word in text.casefold() for text in _texts(host, labels, titles))


def _texts(host: HostOnMap, labels: Iterable[str], titles: Iterable[str]) -> Iterable[str]:
    yield host.name
    yield host.id
    yield from labels
    yield from titles


def _key_of(order: str) -> Callable[[HostOnMap], tuple[float, str, str]]:
    def key(host: HostOnMap) -> tuple[float, str, str]:
        if order == "name":
            first = 0.0
        elif order == "load":
            first = -max(host.cpu.reserved_percent, host.memory.reserved_percent)
        else:
            first = _FIRST.index(host.state)
        return first, host.name.casefold(), host.id

    return key


async def _games(session: AsyncSession, slugs: set[str]) -> Mapping[str, GameOnMap]:
    known: dict[str, GameOnMap] = {}
    wanted = sorted(slugs)
    for begin in range(0, len(wanted), 500):
        query = select(Game.slug, Game.title, Game.shown_thumbnail).where(Game.slug.in_(wanted[begin : begin + 500]))
        known |= {row[0]: GameOnMap(*row) for row in await session.execute(query)}
    return known


def _percent(part: float, whole: float) -> float:
    return 0.0 if whole <= 0 else round(min(100.0, max(0.0, 100 * part / whole)), 1)
