"""The builds of a publisher's game: which there are, which is played, and how it went for those who played. No HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import case, func, select

from agent_protocol import EndCode
from orchestrator.audit.recording import COMMAND_LINE, Action, Actor, record
from orchestrator.catalog.models import Build
from orchestrator.catalog.snapshot import mark_changed
from orchestrator.database import Database
from orchestrator.errors import NotFound
from orchestrator.fleet.models import BuildProfile
from orchestrator.play.models import Session
from orchestrator.publishers.games import OwnedGame, owned, play_build
from orchestrator.publishers.models import Publisher
from scheduler.profiles import restored

_CRASHES = (EndCode.CRASHED.value, EndCode.OUT_OF_MEMORY.value)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BuildFigures:
    """`boot_weight` says how much evidence `boot_s` rests on, `seconds` are those of ended sessions."""

    build: Build
    sessions: int = 0
    seconds: float = 0.0
    crashes: int = 0
    boot_s: float | None = None
    boot_weight: float = 0.0


class GameVersions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, publisher: Publisher, slug: str) -> tuple[OwnedGame, Sequence[Build]]:
        """Every build, the newest first. NotFound, Forbidden."""
        async with self._database.read() as session:
            found = await owned(session, publisher, slug)
            query = select(Build).where(Build.game_id == found.game.id).order_by(Build.number.desc())
            return found, (await session.scalars(query)).all()

    async def activate(self, publisher: Publisher, slug: str, build_id: str, *, by: Actor = COMMAND_LINE) -> None:
        """From now on launches get this build; who plays another plays on. NotFound, Forbidden."""
        async with self._database.write() as session:
            await self._database.lock(session, f"game:{slug}")
            found = await owned(session, publisher, slug)
            build = await session.get(Build, build_id)
            if build is None or build.game_id != found.game.id:
                raise NotFound(f"The game {slug!r} has no version {build_id!r}.")
            now = await self._database.now(session)
            play_build(found, build.id, now)
            record(session, by, Action.GAME_VERSION, slug, now, build=build.id)
            await mark_changed(self._database, session, [found.game.id])
        log.info("build.activated", game=slug, build=build_id)

    async def statistics(self, publisher: Publisher, slug: str) -> Sequence[BuildFigures]:
        """Of each build, the newest first. NotFound, Forbidden."""
        is_crash = case((Session.end_code.in_(_CRASHES), 1), else_=0)
        async with self._database.read() as session:
            found = await owned(session, publisher, slug)
            of_game = Build.game_id == found.game.id
            builds = (await session.scalars(select(Build).where(of_game).order_by(Build.number.desc()))).all()
            played = (
                select(
                    Session.build_id,
                    func.count(),
                    func.coalesce(func.sum(Session.duration_s), 0.0),
                    func.sum(is_crash),
                )
                .where(Session.game_id == found.game.id)
                .group_by(Session.build_id)
            )
            rows = {row[0]: row for row in (await session.execute(played)).all()}
            profiles = select(BuildProfile).join(Build, Build.id == BuildProfile.build_id).where(of_game)
            learned = (await session.scalars(profiles)).all()
        figures: list[BuildFigures] = []
        for build in builds:
            _, sessions, seconds, crashes = rows.get(build.id, (build.id, 0, 0.0, 0))
            boot_s, weight = _boot([row for row in learned if row.build_id == build.id])
            figures.append(BuildFigures(build, int(sessions), float(seconds or 0), int(crashes), boot_s, weight))
        return figures


def mean_boot_s(figures: Sequence[BuildFigures]) -> float | None:
    """Over several builds, each by the evidence there is of it."""
    return _mean([(each.boot_s, each.boot_weight) for each in figures])[0]


def _boot(rows: Sequence[BuildProfile]) -> tuple[float | None, float]:
    """Over all classes of hosts."""
    profiles = [restored(row.profile) for row in rows]
    return _mean([(profile.boot_mean_s, profile.boot_weight) for profile in profiles])


def _mean(values: Sequence[tuple[float | None, float]]) -> tuple[float | None, float]:
    known = [(value, weight) for value, weight in values if value is not None and weight > 0]
    total = sum(weight for _, weight in known)
    return (sum(value * weight for value, weight in known) / total if total else None), total
