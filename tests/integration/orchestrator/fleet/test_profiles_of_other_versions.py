"""Replicas of two versions learn into one row, and neither takes from it what the other wrote."""

from collections.abc import AsyncGenerator
from dataclasses import asdict

import pytest
from sqlalchemy import insert, select

from bench.fleet.town import SLUG, add_game
from orchestrator.catalog.models import Build
from orchestrator.fleet import profiles
from orchestrator.fleet.models import BuildProfile
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings
from scheduler.profiles import EMPTY, Profile, Sample
from scheduler.values import STANDARD_CLASS

SAMPLE = Sample(300.0, 0.5, 400 * 1024**2, 1.5, out_of_memory=False, failed=False)
NEWER = {"gpu_mean": 0.9, "gpu_buckets": [[3, 1.0]]}
OLDER = {"sessions": 3, "played_weight": 2.0, "cpu_mean": 0.25, "memory_peak_bytes": 3e8}
READ = Profile(sessions=3, played_weight=2.0, cpu_mean=0.25, memory_peak_bytes=3e8)


@pytest.fixture
async def services(settings: Settings) -> AsyncGenerator[Services]:
    async with open_services(settings) as opened:
        await add_game(opened)
        yield opened


@pytest.fixture
async def build_id(services: Services) -> str:
    async with services.database.read() as session:
        return (await session.scalars(select(Build.id))).one()


@pytest.mark.parametrize(
    ("stored", "known"),
    [
        (asdict(EMPTY) | OLDER | NEWER, READ),
        (OLDER, READ),
        ({}, EMPTY),
    ],
)
async def test_a_row_of_another_version_is_read_and_learned_into(
    services: Services, build_id: str, stored: dict[str, object], known: Profile
) -> None:
    async with services.database.write() as session:
        now = await services.database.now(session)
        row = {"build_id": build_id, "host_class": STANDARD_CLASS, "profile": stored, "updated_at": now}
        await session.execute(insert(BuildProfile), [row])
    async with services.database.read() as session:
        assert await profiles.load(session, build_id) == {STANDARD_CLASS: known}
    assert [learned.profile for learned in (await services.fleet_overview.game_profile(SLUG)).learned] == [known]
    async with services.database.write() as session:
        learned = await profiles.record(session, build_id, STANDARD_CLASS, SAMPLE, now)
    assert learned.sessions == known.sessions + 1
    async with services.database.read() as session:
        assert await profiles.load(session, build_id) == {STANDARD_CLASS: learned}
        kept = (await session.scalars(select(BuildProfile.profile))).one()
    assert {name: value for name, value in kept.items() if name in NEWER} == {
        name: value for name, value in stored.items() if name in NEWER
    }
