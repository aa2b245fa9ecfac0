"""What an operator sees of the fleet. Reads only."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from agent_protocol import BuildSpec
from orchestrator.catalog.models import Build, Game
from orchestrator.database import Database
from orchestrator.errors import InvalidRequest, NotFound
from orchestrator.fleet import profiles
from orchestrator.fleet.host_life import HostState, state_of
from orchestrator.fleet.host_notes import facts_of
from orchestrator.fleet.ledger import SessionLedger, SessionOnHost
from orchestrator.fleet.models import BuildProfile, Host
from orchestrator.fleet.snapshot import host_view
from scheduler.placement import score
from scheduler.profiles import Profile, restored
from scheduler.values import NOTHING, Request, Resources

_NOTHING_MORE = Request("", 0, NOTHING, {}, 0.0)


@dataclass(frozen=True, slots=True)
class LearnedProfile:
    """A profile and what follows from it: the place that the next session of this build takes."""

    host_class: str
    profile: Profile
    updated_at: datetime
    reservation: Resources


@dataclass(frozen=True, slots=True)
class GameProfile:
    build: BuildSpec
    version: str
    reservation: Resources
    learned: list[LearnedProfile]


@dataclass(frozen=True, slots=True)
class ProfiledBuild:
    """A build of a game of which something was learned, with the same as `GameProfile`."""

    game: Game
    is_current: bool
    known: GameProfile


@dataclass(frozen=True, slots=True)
class ProfilesPage:
    """What learned last comes first; `total` counts all that were asked for."""

    builds: tuple[ProfiledBuild, ...]
    total: int
    now: datetime


@dataclass(frozen=True, slots=True)
class HostOverview:
    """A host as of `now`. `load` is the share of its tightest resource that is reserved or used beyond it, `sessions`
    how many have their place there.
    """

    host: Host
    now: datetime
    reserved: Resources
    sessions: int
    load: float

    @property
    def state(self) -> HostState:
        return state_of(facts_of(self.host), self.now)

    @property
    def is_ready(self) -> bool:
        """It is heard of, draining or not."""
        return self.state in {HostState.READY, HostState.DRAINING}


@dataclass(frozen=True, slots=True)
class HostDetail:
    overview: HostOverview
    sessions: tuple[SessionOnHost, ...]


class FleetOverview:
    def __init__(self, database: Database, ledger: SessionLedger) -> None:
        self._database = database
        self._ledger = ledger

    async def game_profile(self, slug: str) -> GameProfile:
        """What was learned of the game's current build. Raises `NotFound`."""
        async with self._database.read() as session:
            game = await session.scalar(select(Game).where(Game.slug == slug))
            build = await session.get(Build, game.current_build_id) if game and game.current_build_id else None
            if build is None:
                raise NotFound(f"there is no game '{slug}' with a build")
            rows = await session.scalars(select(BuildProfile).where(BuildProfile.build_id == build.id))
            return _profile_of(build, list(rows))

    async def profiles(self, search: str, *, page: int, limit: int) -> ProfilesPage:
        """Of builds whose game's title, developer or slug contains `search`."""
        word = search.casefold()
        is_found = Game.search_text.contains(word, autoescape=True) | Game.slug.contains(word, autoescape=True)
        newest = func.max(BuildProfile.updated_at)
        builds = (
            select(Build.id)
            .join(BuildProfile, BuildProfile.build_id == Build.id)
            .join(Game, Game.id == Build.game_id)
            .where(is_found)
            .group_by(Build.id)
        )
        async with self._database.read() as session:
            now = await self._database.now(session)
            total = await session.scalar(select(func.count()).select_from(builds.subquery())) or 0
            ordered = builds.order_by(newest.desc(), Build.id).limit(limit).offset((page - 1) * limit)
            ids = list(await session.scalars(ordered))
            of_build: dict[str, list[BuildProfile]] = {}
            learned = select(BuildProfile).where(BuildProfile.build_id.in_(ids)).order_by(BuildProfile.host_class)
            for row in await session.scalars(learned):
                of_build.setdefault(row.build_id, []).append(row)
            both = select(Build, Game).join(Game, Game.id == Build.game_id).where(Build.id.in_(ids))
            found = {
                build.id: ProfiledBuild(game, game.current_build_id == build.id, _profile_of(build, of_build[build.id]))
                for build, game in await session.execute(both)
            }
        return ProfilesPage(tuple(found[build_id] for build_id in ids), total, now)

    async def hosts(self, *, with_gone: bool = False) -> list[HostOverview]:
        """Every host with what live sessions take of it."""
        query = select(Host).order_by(Host.created_at, Host.id)
        async with self._database.read() as session:
            now = await self._database.now(session)
            reserved = await self._ledger.reserved(session)
            counts = await self._ledger.count_by_host(session)
            rows = await session.scalars(query if with_gone else query.where(Host.removed_at.is_(None)))
            return [_overview(host, now, reserved.get(host.id, NOTHING), counts.get(host.id, 0)) for host in rows]

    async def id_of(self, word: str) -> str:
        """Of the host with this id, or of the only one with this name. Raises `NotFound` and `InvalidRequest`; what
        was removed has no name any more.
        """
        is_named = (Host.name == word) & Host.removed_at.is_(None)
        async with self._database.read() as session:
            found = list(await session.scalars(select(Host.id).where((Host.id == word) | is_named).order_by(Host.id)))
        if not found:
            raise NotFound(f"there is no host '{word}'")
        if len(found) > 1 and word not in found:
            raise InvalidRequest(f"several hosts are called '{word}': {', '.join(found)}")
        return word if word in found else found[0]

    async def host(self, host_id: str) -> HostDetail:
        """One host, also one that was removed, with what plays there. Raises `NotFound`."""
        async with self._database.read() as session:
            now = await self._database.now(session)
            host = await session.get(Host, host_id)
            if host is None:
                raise NotFound(f"there is no host '{host_id}'")
            reserved = (await self._ledger.reserved(session, host_id)).get(host_id, NOTHING)
            sessions = await self._ledger.on_host(session, host_id)
            return HostDetail(_overview(host, now, reserved, len(sessions)), sessions)


def _profile_of(build: Build, rows: list[BuildProfile]) -> GameProfile:
    spec = build.build_spec
    learned: list[LearnedProfile] = []
    for row in rows:
        profile = restored(row.profile)
        learned.append(LearnedProfile(row.host_class, profile, row.updated_at, profiles.needed(profile, spec)))
    needed = profiles.needed_anywhere([known.profile for known in learned], spec)
    return GameProfile(spec, build.version, needed, learned)


def _overview(host: Host, now: datetime, reserved: Resources, sessions: int) -> HostOverview:
    return HostOverview(host, now, reserved, sessions, score(host_view(host, reserved, now), _NOTHING_MORE).load)
