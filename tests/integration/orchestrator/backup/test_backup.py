"""A whole installation backed up while somebody plays, and brought back where there was nothing."""

import asyncio
import hashlib
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import Connection, MetaData, func, select, text

from agent_protocol import DesiredSession, ObservedState
from orchestrator.accounts.models import Device
from orchestrator.backup import making, restoring
from orchestrator.backup.errors import BackupRefused
from orchestrator.backup.making import make
from orchestrator.backup.manifest import Manifest
from orchestrator.backup.reading import Unpacked
from orchestrator.backup.restoring import Outcome
from orchestrator.backup.store import compare
from orchestrator.database import Database
from orchestrator.doctor.gathering import gather
from orchestrator.doctor.rules import findings
from orchestrator.fleet.models import Host
from orchestrator.saves.intake import TRANSFER_LIFE
from orchestrator.saves.memory_store import MemoryStore
from orchestrator.saves.models import UPLOADED, UnwantedArchive
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings
from orchestrator.webhooks.models import WebhookDelivery, WebhookEndpoint
from tests.conftest import only_on
from tests.integration.orchestrator.conftest import ScriptedHost, add_game
from tests.integration.orchestrator.saves.playing import archives, evening, restored, saved, slots, start, versions
from tests.integration.orchestrator.saves.test_disposal import let_time_pass, make_old
from tests.postgresql import Databases

PASSWORD = "correct horse battery"
ADA, BEN = "ada@example.org", "ben@example.org"


@dataclass
class House:
    """An application that runs, and browsers that come to it."""

    services: Services
    browser: Callable[[], httpx.AsyncClient]

    async def sign_in(self, email: str, *, is_new: bool = False) -> httpx.AsyncClient:
        client = self.browser()
        if is_new:
            await self.services.accounts.create(email, PASSWORD, email.partition("@")[0])
        token = (await client.get("/api/auth/csrf")).json()["csrfToken"]
        form = {"email": email, "password": PASSWORD, "csrfToken": token, "json": "true"}
        assert (await client.post("/api/auth/callback/credentials", data=form)).status_code == 200
        return client


@pytest.fixture
def living(application: Litestar) -> Callable[[Settings], Any]:
    """The application on these settings: one house after the other."""

    @asynccontextmanager
    async def live(settings: Settings) -> AsyncGenerator[House]:
        application.state["settings"] = settings
        async with application.lifespan(), AsyncExitStack() as stack:
            services = Services(**{name: application.state[name] for name in Services.__dataclass_fields__})

            def browser() -> httpx.AsyncClient:
                app: Any = application
                client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=settings.public_url)
                stack.push_async_callback(client.aclose)
                return client

            yield House(services, browser)

    return live


@pytest.fixture
def elsewhere(settings: Settings, tmp_path: Path, empty_database_url: str, database_kind: str) -> Settings:
    """Settings of a machine on which nothing is yet."""
    data = tmp_path / "elsewhere"
    url = empty_database_url if database_kind == "postgresql" else f"sqlite+aiosqlite:///{data}/orchestrator.sqlite3"
    return settings.model_copy(update={"data": data, "database_url": url})


def back_up(settings: Settings, file: Path) -> Manifest:
    with file.open("wb") as out:
        return make(settings, out)


def bring_back(settings: Settings, file: Path, *, may_replace: bool = False) -> Outcome:
    return restoring.restore(settings, pieces_of(file), may_replace=may_replace)


def pieces_of(file: Path) -> Iterator[bytes]:
    with file.open("rb") as archive:
        yield from iter(lambda: archive.read(65536), b"")


async def move_in(house: House) -> ScriptedHost:
    await add_game(house.services)
    host = ScriptedHost(house.browser(), await house.services.identities.issue_join_token())
    await host.sync()
    return host


async def keep_saving(host: ScriptedHost, order: DesiredSession) -> None:
    """Until cancelled; each checkpoint but the newest two is dropped, and its archive soon after."""
    number = 0
    while True:
        number += 1
        await saved(host, order, b"ben at step %d" % number)
        await asyncio.sleep(0)


async def test_what_was_backed_up_while_people_play_is_there_again_where_nothing_was(
    settings: Settings, elsewhere: Settings, living: Callable[[Settings], Any], tmp_path: Path
) -> None:
    file = tmp_path / "backup.tar"
    async with living(settings) as house:
        host = await move_in(house)
        unused_token = await house.services.identities.issue_join_token()
        ada, ben = await house.sign_in(ADA, is_new=True), await house.sign_in(BEN, is_new=True)
        slot_id = await evening(ada, host, b"chapter 1", b"chapter 2")
        order = await start(ben, host)
        await saved(host, order, b"ben begins")
        playing = asyncio.create_task(keep_saving(host, order))
        told = await asyncio.to_thread(back_up, settings, file)
        playing.cancel()
        with suppress(asyncio.CancelledError):
            await playing
        saves_before = await slots(ada)
        versions_before = await versions(ada, slot_id)
    assert told.missing == ()
    assert file.stat().st_size > 0
    assert not list(settings.data.glob(".backup-*")) + list((settings.data / "saves").glob(".backup-*"))

    done = await asyncio.to_thread(bring_back, elsewhere, file)
    assert (done.ended, done.found.missing, done.found.taken_in) == (1, (), 0)
    assert done.stored == len(archives(elsewhere)) >= 3
    assert not list(elsewhere.data.glob(".restore-*"))
    assert stat.S_IMODE(elsewhere.data.stat().st_mode) == 0o700
    if elsewhere.database_url.startswith("sqlite"):
        assert stat.S_IMODE((elsewhere.data / "orchestrator.sqlite3").stat().st_mode) == 0o600

    async with living(elsewhere) as house:
        assert [finding for finding in findings(await gather(elsewhere)) if finding.level == "broken"] == []
        stranger = house.browser()
        stranger.cookies = ada.cookies
        assert (await stranger.get("/api/auth/session")).json() == {}, "who was signed in signs in again"
        ada, ben = await house.sign_in(ADA), await house.sign_in(BEN)
        assert (await slots(ada), await versions(ada, slot_id)) == (saves_before, versions_before)
        status = (await ben.get("/api/game/session-status", params={"sessionId": order.session_id})).json()
        assert (status["status"], status["error"]["code"], status["error"]["by"]) == ("stopped", "restored", "operator")
        assert "backup" in status["error"]["message"]
        assert (await house.browser().post("/api/agents/join", json=join_with(unused_token))).status_code == 401

        host.client = house.browser()
        answer = await host.sync()
        assert [(told.session_id, told.want) for told in answer.sessions] == [(order.session_id, "stop")]
        assert answer.revision > 2**32, "greater than any that an agent has seen"
        assert (await saved(host, order, b"ben at the end"))["head"], "what its host still has of the game arrives"
        await host.end(order)
        again = await start(ben, host)
        assert await restored(host, again) == b"ben at the end"
        later = await start(ada, host)
        assert await restored(host, later) == b"chapter 2"
        assert (await saved(host, later, b"chapter 3"))["head"]


def join_with(token: str) -> dict[str, str]:
    return {"token": token, "name": "b", "public_key": "A" * 43, "public_url": "http://127.0.0.1:9101"}


def delivery(now: datetime, **more: int) -> WebhookDelivery:
    """Of an endpoint that nobody sends anything to yet."""
    words = {"endpoint_id": "whe", "session_id": "s", "event": "game.ended", "game": "chess", "state": "delivered"}
    data = {"é": [None, 1.5, True, "\n"]}
    ids = {"event_id": str(uuid4()), "delivery_id": str(uuid4())}
    return WebhookDelivery(**words, **ids, **more, data=data, at=now, due_at=now, attempts=[])


@only_on("sqlite")
async def test_a_house_that_grows_goes_from_sqlite_to_postgresql_and_back(
    settings: Settings, living: Callable[[Settings], Any], tmp_path: Path, postgresql_databases: Databases
) -> None:
    url = postgresql_databases.take_empty()
    grown = settings.model_copy(update={"data": tmp_path / "grown", "database_url": url})
    data = tmp_path / "shrunk"
    shrunk = settings.model_copy(
        update={"data": data, "database_url": f"sqlite+aiosqlite:///{data}/orchestrator.sqlite3"}
    )
    async with living(settings) as house:
        host = await move_in(house)
        await evening(await house.sign_in(ADA, is_new=True), host, b"chapter 1")
        async with house.services.database.write() as session:
            now = await house.services.database.now(session)
            session.add(
                WebhookEndpoint(id="whe", tenant_id="t", url="https://é", events=["ü"], retries=3, created_at=now)
            )
            await session.flush()
            session.add(delivery(now, number=41))
    for number, (before, after) in enumerate(((settings, grown), (grown, shrunk))):
        await asyncio.to_thread(back_up, before, tmp_path / f"{number}.tar")
        await asyncio.to_thread(bring_back, after, tmp_path / f"{number}.tar")
        async with living(after) as house:
            host.client = house.browser()
            await host.sync()
            ada = await house.sign_in(ADA)
            order = await start(ada, host)
            assert await restored(host, order) == b"chapter 1"
            await host.end(order)
            async with house.services.database.read() as session:
                devices = await session.scalar(select(func.count()).select_from(Device))
                endpoint = await session.get_one(WebhookEndpoint, "whe")
                told = (await session.get_one(WebhookDelivery, 41)).data
            assert devices == 1
            assert (endpoint.events, endpoint.stopped_at, told) == (["ü"], None, {"é": [None, 1.5, True, "\n"]})
            async with house.services.database.write() as session:
                session.add(again := delivery(endpoint.created_at))
            assert again.number == 42 + number, "counted on from where it was"
    postgresql_databases.give_back(url)


async def test_what_the_store_has_beyond_the_backup_is_taken_in(
    settings: Settings, living: Callable[[Settings], Any], tmp_path: Path
) -> None:
    file = tmp_path / "backup.tar"
    async with living(settings) as house:
        host = await move_in(house)
        ada = await house.sign_in(ADA, is_new=True)
        order = await start(ada, host)
        await saved(host, order, b"at the backup")
        await asyncio.to_thread(back_up, settings, file)
        await saved(host, order, b"soon after")
        await saved(host, order, b"long after")
        with pytest.raises(BackupRefused, match=r"is not empty \(.*\. Say .* --replace"):
            await asyncio.to_thread(bring_back, settings, file)
        if not house.services.database.is_sqlite:
            with pytest.raises(BackupRefused, match="Stop all replicas"):
                await asyncio.to_thread(bring_back, settings, file, may_replace=True)
    done = await asyncio.to_thread(bring_back, settings, file, may_replace=True)
    assert (done.found.taken_in, done.found.missing) == (2, ())
    async with living(settings) as house:
        host.client = house.browser()
        host.see(order, ObservedState.RUNNING)
        [told] = (await host.sync()).sessions
        assert told.want == "stop"
        await host.end(order)
        assert await restored(host, await start(await house.sign_in(ADA), host)) == b"long after"


def key_of(order: DesiredSession, slot_id: str, generation: int, number: int, content: bytes) -> str:
    """Where an archive lies that a host has sent."""
    digest = hashlib.sha256(content).hexdigest()
    return f"{slot_id}/{order.session_id}-{generation}-{number}-{digest}-arc{number}.tar.zst"


async def test_what_the_rows_cannot_know_of_is_kept_beside_the_head_and_not_swept_away(
    settings: Settings, living: Callable[[Settings], Any], tmp_path: Path
) -> None:
    """Of a host to which the game went after the backup, handed in after it, and on its way while it was made."""
    file = tmp_path / "backup.tar"
    async with living(settings) as house:
        host = await move_in(house)
        ada = await house.sign_in(ADA, is_new=True)
        order = await start(ada, host)
        await saved(host, order, b"at the backup")
        [slot] = await slots(ada)
        sent = {
            key_of(order, slot["id"], generation, number, content): content
            for generation, number, content in (
                (order.generation, 99, b"on its way"),
                (order.generation + 1, 100, b"elsewhere"),
                (UPLOADED, 0, b"handed in"),
            )
        }
        async with house.services.database.write() as session:
            since = await house.services.database.now(session) + TRANSFER_LIFE
            session.add(UnwantedArchive(key=next(iter(sent)), since=since))
        await asyncio.to_thread(back_up, settings, file)
    for key, content in sent.items():
        (settings.data / "saves" / key).write_bytes(content)
        make_old(settings.data / "saves" / key)
    done = await asyncio.to_thread(bring_back, settings, file, may_replace=True)
    assert (done.found.taken_in, done.found.missing) == (3, ())
    async with living(settings) as house:
        await house.services.save_disposal.sweep()
        await let_time_pass(house.services)
        await house.services.save_disposal.round()
        host.client = house.browser()
        host.see(order, ObservedState.RUNNING)
        await host.sync()
        await host.end(order)
        ada = await house.sign_in(ADA)
        assert {path.read_bytes() for path in archives(settings)} == {b"at the backup", *sent.values()}
        assert len(await versions(ada, slot["id"])) == 4
        assert await restored(host, await start(ada, host)) == b"on its way", "whoever is fenced is no head"


@only_on("sqlite")
async def test_what_was_superseded_since_is_not_missed(settings: Settings, living: Callable[[Settings], Any]) -> None:
    """A bucket goes on while a backup does not."""

    async def once(content: bytes) -> AsyncIterator[bytes]:
        yield content

    async with living(settings) as house:
        host = await move_in(house)
        ada = await house.sign_in(ADA, is_new=True)
        order = await start(ada, host)
        for content in (b"1", b"2"):
            await saved(host, order, content)
        [slot] = await slots(ada)
        bucket = MemoryStore()
        for number, content in ((3, b"3"), (4, b"4")):
            key = key_of(order, slot["id"], order.generation, number, content)
            await bucket.put(key, hashlib.sha256(content).hexdigest(), len(content), once(content))
        found = await compare(house.services.database, bucket)
    assert (found.missing, found.taken_in) == ((), 2)


@only_on("postgresql")
async def test_a_replica_that_starts_during_a_restore_keeps_its_database(
    settings: Settings,
    elsewhere: Settings,
    living: Callable[[Settings], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with living(settings) as house:
        await move_in(house)
    await asyncio.to_thread(back_up, settings, tmp_path / "b")
    loop, unpack = asyncio.get_running_loop(), restoring.unpack
    database = Database(elsewhere.database_url)
    async with AsyncExitStack() as stack:

        async def begin() -> None:
            await stack.enter_async_context(database.engine.connect())

        def begin_meanwhile(pieces: Iterator[bytes], folder: Path) -> Unpacked:
            asyncio.run_coroutine_threadsafe(begin(), loop).result()
            return unpack(pieces, folder)

        monkeypatch.setattr(restoring, "unpack", begin_meanwhile)
        with pytest.raises(BackupRefused, match="Stop all replicas"):
            await asyncio.to_thread(bring_back, elsewhere, tmp_path / "b")
    await database.close()


@only_on("sqlite")
async def test_what_is_dropped_while_the_backup_is_written_is_in_it(
    settings: Settings,
    elsewhere: Settings,
    living: Callable[[Settings], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with living(settings) as house:
        await evening(await house.sign_in(ADA, is_new=True), await move_in(house), b"chapter 1")
    [archive] = archives(settings)
    key = archive.relative_to(settings.data / "saves")

    def drop(*arguments: Any) -> Manifest:
        archive.unlink()
        return write(*arguments)

    write = making.write
    monkeypatch.setattr(making, "write", drop)
    assert (await asyncio.to_thread(back_up, settings, tmp_path / "b")).missing == ()
    assert (await asyncio.to_thread(bring_back, elsewhere, tmp_path / "b")).found.missing == ()
    assert (elsewhere.data / "saves" / key).read_bytes() == b"chapter 1"


@only_on("postgresql")
async def test_a_slow_disk_does_not_end_the_snapshot(
    settings: Settings, living: Callable[[Settings], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, limits = making.look, list[str]()

    def looked(connection: Connection) -> MetaData:
        limits.append(connection.scalars(text("SHOW idle_in_transaction_session_timeout")).one())
        return look(connection)

    monkeypatch.setattr(making, "look", looked)
    async with living(settings) as house:
        await move_in(house)
        await asyncio.to_thread(back_up, settings, tmp_path / "b")
        async with house.services.database.read() as session:
            assert await session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "15s", "nobody else's"
    assert limits == ["0"]


@only_on("sqlite")
async def test_an_archive_that_is_nowhere_is_named(
    settings: Settings, elsewhere: Settings, living: Callable[[Settings], Any], tmp_path: Path
) -> None:
    async with living(settings) as house:
        host = await move_in(house)
        await evening(await house.sign_in(ADA, is_new=True), host, b"chapter 1")
        [archive] = archives(settings)
        key = archive.relative_to(settings.data / "saves").as_posix()
        found = await compare(house.services.database, MemoryStore())
        assert (found.missing, found.taken_in) == ((key,), 0)
    archive.unlink()
    assert (await asyncio.to_thread(back_up, settings, tmp_path / "b")).missing == (key,)
    done = await asyncio.to_thread(bring_back, elsewhere, tmp_path / "b")
    assert (done.stored, done.found.missing) == (0, (key,))


@only_on("sqlite")
async def test_hosts_of_an_old_backup_are_lost_and_not_forgotten(
    settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    async with open_services(settings) as services, services.database.write() as session:
        now = await services.database.now(session)
        long_ago = now - timedelta(days=90)
        facts: dict[str, Any] = {"labels": {}, "capacity": {}, "usage": {}, "images": [], "pulling": {}}
        host = Host(id="hst-old", name="a", public_key="k", public_url="u", created_at=long_ago, **facts)
        host.lease_until, host.incarnation = long_ago, 7
        session.add(host)
    await asyncio.to_thread(back_up, settings, tmp_path / "b")
    await asyncio.to_thread(bring_back, elsewhere, tmp_path / "b")
    async with open_services(elsewhere) as services:
        async with services.database.read() as session:
            now = await services.database.now(session)
        await services.fleet_operations.forget(now)
        async with services.database.read() as session:
            host = await session.get_one(Host, "hst-old")
        assert host.removed_at is None
        assert host.incarnation == 7
