"""The agent's client and a real store of saves: past the replicas where that works, through them where not, and what it
says when the store fails. An address never shows.
"""

import asyncio
import secrets
import shutil
import socket
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import structlog
from sqlalchemy import select

from agent_protocol import DesiredSession, DirectUpload, SavedVersion
from gameserver_agent.errors import ControlPlaneRefusedError, ControlPlaneUnreachableError, SaveError, StoreAwayError
from gameserver_agent.saves import direct
from orchestrator.saves.heads import Offer
from orchestrator.saves.intake import SaveIntake
from orchestrator.saves.models import SaveVersion
from orchestrator.saves.s3_store import S3Store
from orchestrator.saves.service import Saves
from orchestrator.saves.store import UploadWay
from orchestrator.services import Services
from orchestrator.settings import Settings
from tests.contract.test_control_plane import ARCHIVE, Case, digest_of, real_case, refusal, served, source_of, upload
from tests.s3_server import FaultyWay, Mood, S3Server, faulty_way

SECRETS = ("Signature", "X-Amz", "Credential")


@dataclass
class Storing:
    case: Case
    services: Services
    way: FaultyWay
    session: DesiredSession
    server: S3Server
    bucket: str

    async def send(self, tmp_path: Path, content: bytes = ARCHIVE) -> SavedVersion:
        return await upload(self.case, self.session, tmp_path / "archive", content)

    async def fetch(self, saved: SavedVersion, tmp_path: Path) -> bytes:
        await self.case.client.download_save(source_of(saved), tmp_path / "again")
        return await asyncio.to_thread((tmp_path / "again").read_bytes)

    async def versions(self) -> list[SaveVersion]:
        async with self.services.database.read() as session:
            return list(await session.scalars(select(SaveVersion)))


@pytest.fixture
async def storing(
    migrated_template: Path, tmp_path: Path, s3_server: S3Server, s3_bucket: str, s3_keys: None
) -> AsyncGenerator[Storing]:
    shutil.copyfile(migrated_template, tmp_path / "orchestrator.sqlite3")
    async with faulty_way(s3_server.endpoint) as way:
        settings = Settings(
            data=tmp_path,
            database_url=f"sqlite+aiosqlite:///{tmp_path / 'orchestrator.sqlite3'}",
            store_url=f"s3://{s3_bucket}/{secrets.token_hex(4)}",
            store_endpoint=way.url,
        )
        async with served(settings) as (services, url), real_case(services, url) as case:
            yield Storing(case, services, way, await case.ordered(), s3_server, s3_bucket)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


async def test_the_client_goes_past_the_replica(
    storing: Storing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for owner, name in ((SaveIntake, "accept"), (Saves, "open_for_host")):
        monkeypatch.delattr(owner, name)
    saved = await storing.send(tmp_path)
    assert await storing.send(tmp_path) == saved
    assert await storing.fetch(saved, tmp_path) == ARCHIVE


@pytest.mark.parametrize("mood", [Mood.GONE, Mood.BROKEN])
async def test_a_store_that_is_away_is_named_and_costs_another_try(
    storing: Storing, tmp_path: Path, mood: Mood
) -> None:
    saved = await storing.send(tmp_path, b"chapter one")
    storing.way.be(mood)
    with structlog.testing.capture_logs() as logs:
        for call in (storing.send(tmp_path), storing.fetch(saved, tmp_path)):
            with pytest.raises(StoreAwayError, match="store of saves") as away:
                await call
            assert not any(secret in repr(away.getrepr(chain=True)) for secret in SECRETS)
    assert not any(secret in str(logs) for secret in SECRETS)
    assert "control_plane.away" not in str(logs), "the replica is well"
    storing.way.be(Mood.WELL)
    assert (await storing.send(tmp_path)).digest == digest_of(ARCHIVE)
    assert await storing.fetch(saved, tmp_path) == b"chapter one"
    assert len(await storing.versions()) == 2


async def test_a_store_that_says_nothing_holds_a_transfer_no_longer_than_it_may_take(
    storing: Storing, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(ARCHIVE)
    session = storing.session
    storing.way.be(Mood.STUCK)
    async with asyncio.timeout(60):
        with pytest.raises(StoreAwayError):
            await storing.case.client.upload_save(
                session.session_id, session.generation, archive, digest_of(ARCHIVE), number=1, total_s=0.5
            )


async def test_an_address_that_is_too_old_stores_nothing_and_the_next_one_does(
    storing: Storing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store refuses it: the replica, asked to carry the archive, has an address of its own."""
    upload_way = S3Store.upload_way

    async def of_long_ago(store: S3Store, key: str, digest: str, size_bytes: int) -> UploadWay | None:
        way = await upload_way(store, key, digest, size_bytes)
        assert way is not None
        query = urlsplit(way.url).query
        signed_at = next(part for part in query.split("&") if part.startswith("X-Amz-Date="))
        return replace(way, url=way.url.replace(signed_at, "X-Amz-Date=20200101T000000Z"))

    with monkeypatch.context() as old:
        old.setattr(S3Store, "upload_way", of_long_ago)
        with pytest.raises(ControlPlaneUnreachableError):
            await storing.send(tmp_path)
    assert await storing.versions() == []
    await storing.send(tmp_path)
    assert len(await storing.versions()) == 1


async def test_a_host_without_a_way_to_the_store_sends_through_the_replica_and_tries_again_later(
    storing: Storing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = f"http://127.0.0.1:{closed_port()}"
    direct_way, fetch_way = SaveIntake.direct_way, Saves.direct_way
    asked: list[str] = []

    async def unreachable(intake: SaveIntake, host_id: str, offer: Offer) -> object:
        found = await direct_way(intake, host_id, offer)
        assert found is not None
        asked.append("put")
        return replace(found, way=replace(found.way, url=found.way.url.replace(storing.way.url, elsewhere)))

    async def unreachable_too(saves: Saves, host_id: str, version_id: str) -> str:
        asked.append("get")
        return str(await fetch_way(saves, host_id, version_id)).replace(storing.way.url, elsewhere)

    monkeypatch.setattr(SaveIntake, "direct_way", unreachable)
    monkeypatch.setattr(Saves, "direct_way", unreachable_too)
    with structlog.testing.capture_logs() as logs:
        saved = await storing.send(tmp_path)
        assert await storing.fetch(saved, tmp_path) == ARCHIVE
        assert asked == ["put"], "for a while it is not tried again"
        monkeypatch.setattr(direct, "NO_WAY_FOR_S", 0.0)
        client = storing.case.client
        async with type(client)(storing.case.url, time.time) as another:
            another.identity = client.identity
            storing.case.client = another
            assert await storing.fetch(saved, tmp_path) == ARCHIVE
            monkeypatch.undo()
            await storing.send(tmp_path, b"chapter two")
    assert asked == ["put", "get"]
    assert [entry["event"] for entry in logs if entry["event"].startswith("store.")] == [
        "store.out_of_reach",
        "store.out_of_reach",
        "store.in_reach",
    ]
    assert not any(secret in str(logs) for secret in SECRETS)


async def test_an_archive_that_changed_on_the_hosts_disk_is_refused_by_name(storing: Storing, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(ARCHIVE[:-1] + b"!")
    session = storing.session
    sending = storing.case.client.upload_save(
        session.session_id, session.generation, archive, digest_of(ARCHIVE), number=1
    )
    assert await refusal(sending) == (400, "invalid_request")
    assert await storing.versions() == []


async def test_a_spoiled_archive_is_named_and_one_that_is_gone_too(storing: Storing, tmp_path: Path) -> None:
    saved = await storing.send(tmp_path)
    [version] = await storing.versions()
    [key] = [key for key in await storing.server.keys(storing.bucket) if key.endswith(version.key)]
    await storing.server.spoil(storing.bucket, key, b"another".ljust(len(ARCHIVE)))
    with pytest.raises(SaveError, match="not the one that was promised"):
        await storing.fetch(saved, tmp_path)
    await storing.services.store.delete(version.key)
    with pytest.raises(ControlPlaneRefusedError, match="version_damaged"):
        await storing.fetch(saved, tmp_path)


async def test_an_archive_that_never_arrived_is_sent_anew(
    storing: Storing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_: direct.DirectStore, way: DirectUpload, archive: Path, *, total_s: float) -> bool:
        return True

    with monkeypatch.context() as lost:
        lost.setattr(direct.DirectStore, "put", nothing)
        with pytest.raises(StoreAwayError, match="not arrived"):
            await storing.send(tmp_path)
    await storing.send(tmp_path)
    assert len(await storing.versions()) == 1


def test_an_address_shows_nowhere() -> None:
    way = DirectUpload(url="https://store/?X-Amz-Signature=secret", headers={}, transfer="arc")
    assert "secret" not in f"{way!r} {way}"
    assert "secret" not in repr(UploadWay("https://store/?X-Amz-Signature=secret", {}))
    with pytest.raises(ValueError, match="headers") as wrong:
        DirectUpload.model_validate({"url": "https://store/?X-Amz-Signature=secret", "headers": 7})
    assert "secret" not in str(wrong.value)
