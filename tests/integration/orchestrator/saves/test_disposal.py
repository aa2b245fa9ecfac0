"""What no version names leaves the store, and nothing else ever does."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import delete, func, select

from orchestrator.background import running
from orchestrator.errors import StoreUnavailable
from orchestrator.play.models import Session
from orchestrator.saves.disposal import FORGOTTEN_AFTER, LEASE, READERS_GRACE
from orchestrator.saves.models import SaveVersion, UnwantedArchive
from orchestrator.services import Services
from orchestrator.settings import Settings
from tests.integration.orchestrator.conftest import ScriptedHost
from tests.integration.orchestrator.saves.playing import archives, restored, saved, start
from tests.integration.orchestrator.saves.test_versions import put_picture


async def let_time_pass(services: Services, span: timedelta = READERS_GRACE) -> None:
    """For what is to be deleted, `span` has passed."""
    async with services.database.write() as session:
        for row in await session.scalars(select(UnwantedArchive)):
            row.since -= span
            row.lease_until = row.lease_until and row.lease_until - span


async def unwanted(services: Services) -> int:
    async with services.database.read() as session:
        return await session.scalar(select(func.count()).select_from(UnwantedArchive)) or 0


def make_old(file: Path) -> None:
    then = file.stat().st_mtime - FORGOTTEN_AFTER.total_seconds() - 60
    os.utime(file, (then, then))


async def checkpoints(player: httpx.AsyncClient, host: ScriptedHost, count: int) -> list[bytes]:
    """A session with pictured checkpoints; the two contents that stay."""
    order = await start(player, host)
    contents = [b"checkpoint %d" % number for number in range(count)]
    for content in contents:
        await put_picture(host, (await saved(host, order, content))["versionId"])
    return contents[-2:]


async def test_superseded_archives_and_their_pictures_leave_the_store(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services, settings: Settings
) -> None:
    stay = await checkpoints(player, host, 6)
    assert await unwanted(services) == 8
    await services.save_disposal.round()
    assert len(archives(settings)) == 12, "whoever began to read may read on"
    await let_time_pass(services)
    await services.save_disposal.round()
    left = [path.read_bytes() for path in archives(settings) if path.name.endswith(".tar.zst")]
    assert sorted(left) == stay
    assert len(archives(settings)) == 4
    assert await unwanted(services) == 0


async def test_two_replicas_at_once_delete_everything_once(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services, settings: Settings
) -> None:
    await checkpoints(player, host, 6)
    await let_time_pass(services)
    await asyncio.gather(*(services.save_disposal.round() for _ in range(3)))
    assert (len(archives(settings)), await unwanted(services)) == (4, 0)


async def test_what_the_store_would_not_delete_is_tried_again_after_its_lease(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services, settings: Settings
) -> None:
    await checkpoints(player, host, 4)
    await let_time_pass(services)
    saves, aside = settings.data / "saves", settings.data / "aside"
    saves.rename(aside)
    with pytest.raises(StoreUnavailable):
        await services.save_disposal.round()
    aside.rename(saves)
    await services.save_disposal.round()
    assert (len(archives(settings)), await unwanted(services)) == (8, 4)
    await let_time_pass(services, LEASE)
    await services.save_disposal.round()
    assert (len(archives(settings)), await unwanted(services)) == (4, 0)


async def test_an_archive_that_comes_back_is_never_deleted_under_its_version(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    order = await start(player, host)
    for content in (b"one", b"two", b"three", b"one"):
        await saved(host, order, content)
    await let_time_pass(services)
    await services.save_disposal.round()
    again = [order for order in (await host.sync()).sessions if order.restore is not None]
    assert await restored(host, again[0]) == b"one"


async def test_a_key_that_a_version_names_is_wanted_whatever_was_written_down(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services, settings: Settings
) -> None:
    order = await start(player, host)
    await put_picture(host, (await saved(host, order, b"one"))["versionId"])
    async with services.database.write() as session:
        [version] = await session.scalars(select(SaveVersion))
        now = await services.database.now(session)
        session.add_all(UnwantedArchive(key=key, since=now) for key in (version.key, version.picture_key))
    await let_time_pass(services)
    await services.save_disposal.round()
    assert (len(archives(settings)), await unwanted(services)) == (2, 0)


async def test_an_archive_that_never_came_into_sql_is_found_after_a_day(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services, settings: Settings
) -> None:
    """A replica that dies between the store and the database leaves one behind."""
    order = await start(player, host)
    for content in (b"crashed before the commit", b"crashed just now", b"named"):
        await saved(host, order, content)
    async with services.database.write() as session:
        await session.execute(delete(SaveVersion).where(SaveVersion.size_bytes != len(b"named")))
        await session.execute(delete(UnwantedArchive))
    for file in archives(settings):
        if file.read_bytes() != b"crashed just now":
            make_old(file)
    await asyncio.gather(services.save_disposal.sweep(), services.save_disposal.sweep())
    assert await unwanted(services) == 1
    await let_time_pass(services)
    await services.save_disposal.round()
    assert sorted(file.read_bytes() for file in archives(settings)) == [b"crashed just now", b"named"]


async def test_a_store_beside_the_wrong_database_loses_nothing(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services, settings: Settings
) -> None:
    order = await start(player, host)
    await saved(host, order, b"precious")
    async with services.database.write() as session:
        await session.execute(delete(SaveVersion))
        await session.execute(delete(Session))
    for file in archives(settings):
        make_old(file)
    await services.save_disposal.sweep()
    assert await unwanted(services) == 0


async def test_the_loop_of_a_replica_deletes_by_itself(
    player: httpx.AsyncClient,
    host: ScriptedHost,
    game: str,
    services: Services,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestrator.saves.disposal.INTERVAL_S", 0.01)
    await checkpoints(player, host, 3)
    await let_time_pass(services)
    async with running([services.save_disposal.run]), asyncio.timeout(60):
        while await unwanted(services):  # noqa: ASYNC110 - what is awaited is a row of the database
            await asyncio.sleep(0.02)
    assert len(archives(settings)) == 4
