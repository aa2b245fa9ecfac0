"""Learned profiles as rows: what `scheduler.profiles` computes, kept per build and class of host."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_protocol import BuildSpec
from orchestrator.database import insert_unless_there
from orchestrator.fleet.models import BuildProfile, Host, labels_of
from scheduler.profiles import EMPTY, Profile, Sample, reservation, restored, updated
from scheduler.values import STANDARD_CLASS, Resources

SEAT_CPU_CORES = 0.25
SEAT_MEMORY_BYTES = 150 * 1024**2


def host_class(host: Host) -> str:
    """Hosts with the label `class` learn apart from the others."""
    return labels_of(host).get("class", STANDARD_CLASS)[:64]


def needed(profile: Profile, build: BuildSpec) -> Resources:
    """What one session of this build takes of a host: the game by its profile, and its seat."""
    prior = Resources(build.request.cpu_cores, build.request.memory_bytes, 1)
    limit = Resources(build.limits.cpu_cores, build.limits.memory_bytes, 1)
    game = reservation(profile, prior, limit)
    return Resources(game.cpu_cores + SEAT_CPU_CORES, game.memory_bytes + SEAT_MEMORY_BYTES, 1)


def needed_anywhere(learned: Iterable[Profile], build: BuildSpec) -> Resources:
    """What is reserved wherever the session goes: the most that any class of hosts has learned, and what the catalogue
    asks for before anything was.
    """
    resources = [needed(profile, build) for profile in learned] or [needed(EMPTY, build)]
    return Resources(max(one.cpu_cores for one in resources), max(one.memory_bytes for one in resources), 1)


async def load(session: AsyncSession, build_id: str) -> dict[str, Profile]:
    """The build's profiles by host class."""
    rows = await session.scalars(select(BuildProfile).where(BuildProfile.build_id == build_id))
    return {row.host_class: restored(row.profile) for row in rows}


async def record(session: AsyncSession, build_id: str, class_name: str, sample: Sample, now: datetime) -> Profile:
    """Fold one session's sample into the profile and answer the new one. What another version of the program keeps in
    the row stays there.
    """
    await insert_unless_there(
        session, BuildProfile, build_id=build_id, host_class=class_name, profile=asdict(EMPTY), updated_at=now
    )
    row = await session.get_one(BuildProfile, (build_id, class_name), with_for_update=True)
    profile = updated(restored(row.profile), sample)
    row.profile, row.updated_at = {**row.profile, **asdict(profile)}, now
    return profile
