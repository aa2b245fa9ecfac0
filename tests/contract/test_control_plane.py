"""One contract, three control planes: the agent's client gets the same answers from the orchestrator, served on a port,
with its saves in a folder or in S3, and from the one that the tests of agents hold in hand.
"""

import asyncio
import hashlib
import secrets
import shutil
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent_protocol import (
    PROTOCOL_VERSION,
    Capacity,
    DesiredSession,
    HostImage,
    JoinRequest,
    JoinResponse,
    News,
    RestoreSource,
    SavedVersion,
    Spoken,
    SyncRequest,
    SyncResponse,
    Usage,
)
from gameserver_agent.clock import OrchestratorClock
from gameserver_agent.contact import Contact
from gameserver_agent.errors import ControlPlaneRefusedError, SaveError
from gameserver_agent.identity import DataFolder, Membership, public_key_text
from gameserver_agent.orchestrator_client import HostIdentity, OrchestratorClient
from orchestrator.accounts import tokens
from orchestrator.accounts.account import Account, AccountState, Role
from orchestrator.accounts.models import AccountRow
from orchestrator.app import create_app
from orchestrator.fleet import sync as orchestrators_sync
from orchestrator.services import Services
from orchestrator.settings import Settings
from tests.integration.gameserver_agent import control_plane as ours
from tests.integration.gameserver_agent.control_plane import ControlPlane, desired_session
from tests.integration.orchestrator.conftest import IMAGE_ID, add_game
from tests.unit.gameserver_agent.test_contact import House

ARCHIVE = b"chapter one" * 1000
JPEG = b"\xff\xd8\xff a picture"
HOUR_S = 3600.0


@dataclass
class Case:
    """A host before its first call, and whoever plays on it: `order` makes one session for it."""

    client: OrchestratorClient
    url: str
    token: str
    order: Callable[[], Awaitable[None]]
    key: Ed25519PrivateKey
    seq: int = 0

    async def join(self) -> JoinResponse:
        joined = await self.client.join(
            JoinRequest(
                token=self.token,
                name="host-a",
                public_key=public_key_text(self.key),
                public_url="http://127.0.0.1:9100",
            )
        )
        self.client.identity = HostIdentity(joined.host_id, self.key)
        return joined

    async def sync(self) -> SyncResponse:
        self.seq += 1
        return await self.client.sync(report(self.seq))

    async def ordered(self) -> DesiredSession:
        """The session that this host was ordered to run."""
        await self.join()
        await self.sync()
        await self.order()
        (session,) = (await self.sync()).sessions
        return session


def report(seq: int, incarnation: int = 1) -> SyncRequest:
    return SyncRequest(
        incarnation=incarnation,
        seq=seq,
        public_url="http://127.0.0.1:9100",
        images=(HostImage(image_id=IMAGE_ID),),
        capacity=Capacity(cpu_cores=4, memory_bytes=8 * 1024**3, seats=4, disk_free_bytes=100 * 1024**3),
        usage=Usage(cpu_cores=0.1, memory_bytes=1024**3),
    )


@pytest.fixture(params=["fake", "real", "real with S3"])
async def case(request: pytest.FixtureRequest, migrated_template: Path, tmp_path: Path) -> AsyncGenerator[Case]:
    if request.param == "fake":
        async with ControlPlane() as plane, OrchestratorClient(plane.url, time.time) as client:
            order = desired_session("ses1", IMAGE_ID, "true")
            yield Case(client, plane.url, "token", lambda: plane.want(order), Ed25519PrivateKey.generate())
        return
    shutil.copyfile(migrated_template, tmp_path / "orchestrator.sqlite3")
    settings = Settings(data=tmp_path, database_url=f"sqlite+aiosqlite:///{tmp_path / 'orchestrator.sqlite3'}")
    if request.param == "real with S3":
        request.getfixturevalue("s3_keys")
        bucket = f"s3://{request.getfixturevalue('s3_bucket')}/{secrets.token_hex(4)}"
        endpoint = request.getfixturevalue("s3_server").endpoint
        settings = settings.model_copy(update={"store_url": bucket, "store_endpoint": endpoint})
    async with served(settings) as (services, url), real_case(services, url) as case:
        yield case


@asynccontextmanager
async def real_case(services: Services, url: str) -> AsyncGenerator[Case]:
    """A host before its first call to the orchestrator at `url`, and one game to launch."""
    await add_game(services)
    cookie = await signed_in(services)

    async def launch() -> None:
        async with httpx.AsyncClient(base_url=url, cookies={tokens.COOKIE: cookie}, timeout=60) as player:
            answer = await player.post("/api/game/launch", json={"gameSlug": "the-question"})
            assert answer.status_code == 202, answer.text

    token = await services.identities.issue_join_token()
    async with OrchestratorClient(url, time.time) as client:
        yield Case(client, url, token, launch, Ed25519PrivateKey.generate())


@asynccontextmanager
async def served(settings: Settings) -> AsyncGenerator[tuple[Services, str]]:
    """The application on a port of this machine."""
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, ws="none"))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(60):
        while not server.started:
            assert not serving.done()
            await asyncio.sleep(0.01)
    services = Services(**{name: app.state[name] for name in Services.__dataclass_fields__})
    try:
        yield services, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        services.notices.close()  # nobody is held for news any longer
        server.should_exit = True
        await serving


async def signed_in(services: Services) -> str:
    account = Account("clxada", "ada@example.org", "ada", None, Role.PLAYER)
    async with services.database.write() as session:
        session.add(
            AccountRow(
                id=account.id,
                email=account.email,
                name=account.name,
                role=account.role,
                state=AccountState.ACTIVE,
                created_at=await services.database.now(session),
            )
        )
    return await services.accounts.issue_token(account)


async def refusal(call: Awaitable[object]) -> tuple[int, str]:
    with pytest.raises(ControlPlaneRefusedError) as refused:
        await call
    assert refused.value.message
    return refused.value.status, refused.value.code


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def source_of(saved: SavedVersion) -> RestoreSource:
    path = f"/api/agents/saves/{saved.version_id}"
    return RestoreSource(version_id=saved.version_id, path=path, digest=saved.digest, size_bytes=saved.size_bytes)


async def upload(case: Case, session: DesiredSession, file: Path, content: bytes = ARCHIVE) -> SavedVersion:
    await asyncio.to_thread(file.write_bytes, content)
    return await case.client.upload_save(session.session_id, session.generation, file, digest_of(content), number=1)


async def test_a_token_makes_one_host_and_no_second(case: Case) -> None:
    joined = await case.join()
    assert joined.host_id
    assert joined.installation
    assert joined.keys == (await case.sync()).keys
    assert list(joined.keys) == ["keys"]
    assert (await case.join()).host_id == joined.host_id, "the first answer may have been lost"
    case.key = Ed25519PrivateKey.generate()
    assert await refusal(case.join()) == (401, "unauthorized")
    case.token = "another"
    assert await refusal(case.join()) == (401, "unauthorized")


async def test_an_order_comes_with_the_next_sync_under_a_new_revision_with_the_time(case: Case) -> None:
    await case.join()
    before = await case.sync()
    assert before.sessions == ()
    await case.order()
    after = await case.sync()
    assert [(one.want, one.generation, one.build.image_id) for one in after.sessions] == [("run", 1, IMAGE_ID)]
    assert after.revision > before.revision
    assert (await case.sync()).revision == after.revision
    assert after.now is not None
    assert abs(after.now - datetime.now(UTC)) < timedelta(minutes=1)
    assert after.now < after.lease_until
    assert after.now < after.sessions[0].expires_at <= after.sessions[0].ends_at


async def test_a_report_that_is_not_newer_is_refused(case: Case) -> None:
    await case.join()
    await case.client.sync(report(7, incarnation=2))
    for old in (report(7, incarnation=2), report(6, incarnation=2), report(99, incarnation=1)):
        assert await refusal(case.client.sync(old)) == (409, "stale_sync")
    await case.client.sync(report(1, incarnation=3))


async def test_a_protocol_that_nobody_speaks_is_refused(case: Case) -> None:
    await case.join()
    other = report(1).model_copy(update={"protocol": PROTOCOL_VERSION + 1})
    assert await refusal(case.client.sync(other)) == (412, "unsupported_version")


class Asking(OrchestratorClient):
    """Remembers in which protocol it asked."""

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url, time.time)
        self.asked: list[int] = []

    async def sync(self, request: SyncRequest) -> SyncResponse:
        self.asked.append(request.protocol)
        return await super().sync(request)


def spoken(oldest: int, newest: int) -> Spoken:
    return Spoken(oldest=oldest, newest=newest)


async def test_agents_and_replicas_of_different_releases_speak_the_newest_that_both_know(
    migrated_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line: what the agent speaks, what the replicas speak that answer it one after the other, what it asks in."""
    shutil.copyfile(migrated_template, tmp_path / "orchestrator.sqlite3")
    settings = Settings(data=tmp_path, database_url=f"sqlite+aiosqlite:///{tmp_path / 'orchestrator.sqlite3'}")
    async with served(settings) as (services, url), Asking(url) as client:
        key = Ed25519PrivateKey.generate()
        case = Case(client, url, await services.identities.issue_join_token(), nothing, key)
        await case.join()
        for number, (agent, replicas, asked) in enumerate(
            (
                (spoken(1, 2), (spoken(1, 1), spoken(1, 1)), [1, 1]),  # the agent is a release further
                (spoken(1, 1), (spoken(1, 2), spoken(1, 2)), [1, 1]),  # the replicas are
                (spoken(1, 2), (spoken(1, 2), spoken(1, 2)), [1, 2]),
                (spoken(1, 2), (spoken(2, 3), spoken(2, 3)), [1, 2, 2]),  # it is asked again
                (
                    spoken(1, 2),
                    (spoken(1, 2), spoken(1, 2), spoken(1, 1), spoken(1, 2), spoken(1, 2)),
                    [1, 2, 2, 1, 1, 2],
                ),
            )
        ):
            client.asked.clear()
            with contact_of(client, tmp_path / str(number), agent) as contact:
                contact.incarnation = number + 1
                for replica in replicas:
                    monkeypatch.setattr(orchestrators_sync, "SPOKEN", replica)
                    await contact.sync()
            assert client.asked == asked, (agent, replicas)
        for agent, replica, upgrade in (
            (spoken(1, 1), spoken(2, 3), "upgrade this agent"),
            (spoken(2, 3), spoken(1, 1), "upgrade the orchestrator's replicas, which go before agents"),
        ):
            monkeypatch.setattr(orchestrators_sync, "SPOKEN", replica)
            with (
                contact_of(client, tmp_path / upgrade, agent) as contact,
                pytest.raises(ControlPlaneRefusedError, match=upgrade),
            ):
                await contact.sync()


async def nothing() -> None:
    """No session is ordered."""


@contextmanager
def contact_of(client: OrchestratorClient, folder: Path, agent: Spoken) -> Generator[Contact]:
    data, house = DataFolder(folder), House()
    house.contact = Contact(
        house,
        data=data,
        membership=Membership("hst1", "ins1", {}),
        client=client,
        clock=OrchestratorClock(folder / "clock.json"),
        public_url="http://127.0.0.1:9100",
        spoken=agent,
    )
    try:
        yield house.contact
    finally:
        data.close()


async def test_who_waits_hears_of_news_and_who_is_behind_at_once(case: Case) -> None:
    await case.join()
    known = (await case.sync()).revision
    waiting = asyncio.create_task(case.client.wait(known))
    done, _ = await asyncio.wait({waiting}, timeout=0.3)
    assert not done
    await case.order()
    async with asyncio.timeout(60):
        heard = await waiting
        assert heard.revision > known
        assert heard.sessions == (await case.sync()).sessions
        assert heard.sessions
        assert await case.client.wait(known) == heard


async def test_a_wait_without_news_ends_with_the_same_revision(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    for side in (orchestrators_sync, ours):
        monkeypatch.setattr(side, "WAIT_LIMIT_S", 0.2)
    await case.join()
    known = (await case.sync()).revision
    async with asyncio.timeout(60):
        assert await case.client.wait(known) == News(revision=known)


async def test_a_save_comes_back_as_it_went_and_twice_is_once(case: Case, tmp_path: Path) -> None:
    session = await case.ordered()
    saved = await upload(case, session, tmp_path / "archive")
    assert (saved.digest, saved.size_bytes) == (digest_of(ARCHIVE), len(ARCHIVE))
    assert await upload(case, session, tmp_path / "archive") == saved
    later = await upload(case, session, tmp_path / "archive", b"chapter two")
    assert later.version_id != saved.version_id
    for version, content in ((saved, ARCHIVE), (later, b"chapter two")):
        await case.client.download_save(source_of(version), tmp_path / "again")
        assert await asyncio.to_thread((tmp_path / "again").read_bytes) == content


async def test_a_save_that_is_not_what_was_announced_is_refused_on_both_ways(case: Case, tmp_path: Path) -> None:
    session = await case.ordered()
    archive = tmp_path / "archive"
    archive.write_bytes(ARCHIVE)
    wrong = case.client.upload_save(session.session_id, session.generation, archive, "0" * 64, number=1)
    assert await refusal(wrong) == (400, "invalid_request")
    saved = await upload(case, session, archive)
    with pytest.raises(SaveError):
        await case.client.download_save(source_of(saved).model_copy(update={"digest": "0" * 64}), tmp_path / "again")


async def test_what_nobody_knows_is_not_found(case: Case, tmp_path: Path) -> None:
    session = await case.ordered()
    nowhere = source_of(SavedVersion(version_id="ver-none", digest=digest_of(b""), size_bytes=0))
    assert await refusal(case.client.download_save(nowhere, tmp_path / "again")) == (404, "not_found")
    assert await refusal(case.client.upload_picture("ver-none", JPEG)) == (404, "not_found")
    unknown = session.model_copy(update={"session_id": "ses-none"})
    assert await refusal(upload(case, unknown, tmp_path / "archive")) == (404, "not_found")


async def test_a_version_takes_its_picture_and_the_same_again_and_nothing_else(case: Case, tmp_path: Path) -> None:
    session = await case.ordered()
    saved = await upload(case, session, tmp_path / "archive")
    await case.client.upload_picture(saved.version_id, JPEG)
    await case.client.upload_picture(saved.version_id, JPEG)
    assert await refusal(case.client.upload_picture(saved.version_id, b"GIF89a")) == (400, "invalid_request")


async def test_a_foreign_key_opens_nothing(case: Case, tmp_path: Path) -> None:
    session = await case.ordered()
    saved = await upload(case, session, tmp_path / "archive")
    own = case.client.identity
    assert own is not None
    strangers = (
        HostIdentity(own.host_id, Ed25519PrivateKey.generate()),
        HostIdentity("hst-none", case.key),
    )
    for case.client.identity in strangers:
        for call in (
            case.sync(),
            case.client.wait(0),
            upload(case, session, tmp_path / "archive"),
            case.client.download_save(source_of(saved), tmp_path / "again"),
            case.client.upload_picture(saved.version_id, JPEG),
        ):
            assert await refusal(call) == (401, "unauthorized")
    case.client.identity = own
    await case.sync()


@pytest.mark.parametrize("ahead_s", [-2 * HOUR_S, 2 * HOUR_S])
async def test_a_host_whose_clock_is_wrong_is_told_the_time_with_the_refusal(case: Case, ahead_s: float) -> None:
    await case.join()
    async with OrchestratorClient(case.url, lambda: time.time() + ahead_s) as astray:
        astray.identity = case.client.identity
        assert (await astray.sync(report(1))).now is not None
