"""What an operator sees of the fleet. Reads only."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from agent_protocol import BuildSpec
from orchestrator.catalog.models import Build, Game
from orchestrator.database import Database
from orchestrator.errors import NotFound
from orchestrator.fleet import profiles
from orchestrator.fleet.ledger import SessionLedger
from orchestrator.fleet.models import BuildProfile, Host
from scheduler.profiles import Profile
from scheduler.values import NOTHING, Resources


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
class HostOverview:
    host: Host
    reserved: Resources
    is_ready: bool


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
            spec = BuildSpec.model_validate(build.spec)
            rows = await session.scalars(select(BuildProfile).where(BuildProfile.build_id == build.id))
            learned: list[LearnedProfile] = []
            for row in rows:
                profile = Profile(**row.profile)
                learned.append(LearnedProfile(row.host_class, profile, row.updated_at, profiles.needed(profile, spec)))
        return GameProfile(
            spec, build.version, profiles.needed_anywhere([known.profile for known in learned], spec), learned
        )

    async def hosts(self) -> list[HostOverview]:
        """Every host with what live sessions take of it."""
        async with self._database.read() as session:
            now = await self._database.now(session)
            reserved = await self._ledger.reserved(session)
            rows = await session.scalars(select(Host).order_by(Host.created_at))
            return [
                HostOverview(
                    host, reserved.get(host.id, NOTHING), host.lease_until is not None and host.lease_until > now
                )
                for host in rows
            ]
