"""A replica is killed at the awaits of a session's launch, checkpoints and stop: the next one keeps every promise.

At every single await the disk is looked at. A death there is played out when it leaves something on the disk, or
somebody without an answer, that no earlier death has left; two deaths that look the same from outside are the same.
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from litestar import Litestar
from sqlalchemy import select

from agent_protocol import DesiredSession, ObservedState
from orchestrator.accounts import tokens
from orchestrator.accounts.account import Account, AccountState, Role
from orchestrator.accounts.models import AccountRow
from orchestrator.app import create_app
from orchestrator.play.lifecycle import ACTIVE, FINAL, Position
from orchestrator.play.models import Session
from orchestrator.play.reasons import NEXT_STEPS
from orchestrator.saves.models import SaveSlot, SaveVersion
from orchestrator.settings import Settings
from tests.crash.crashing import let_processes_die, lives
from tests.crash.replica import Disk, Replica, Wire, copied, digest, the_dead_have_answered
from tests.integration.orchestrator.conftest import ScriptedHost, add_game
from tests.integration.orchestrator.play.clock import Clock

Answer = TypeVar("Answer")
LOOK_EVERY = timedelta(seconds=9)  # no absence in the reconciler's eyes
LONGEST = timedelta(minutes=4)  # a session whose people are all gone takes no longer to end
pytestmark = [  # the dead close nothing
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:The garbage collector is trying to clean up:sqlalchemy.exc.SAWarning"),
]
ACTIVE_VALUES = {position.value for position in ACTIVE}
FINAL_VALUES = {position.value for position in FINAL}


@dataclass(frozen=True)
class Prepared:
    """A data folder with a game, a person and a host that has joined, and what they know of it."""

    app: Litestar
    data: Path
    cookie: str
    host_id: str
    key: Ed25519PrivateKey
    seq: int


@dataclass
class World:
    """What outlives a replica: a player's browser and a host. Whoever gets no answer asks again."""

    wire: Wire
    prepared: Prepared
    is_back: asyncio.Event = field(default_factory=asyncio.Event)
    asking: list[str] = field(default_factory=list[str])
    acknowledged: bytes | None = None
    sent: bytes | None = None
    session_id: str = ""

    def __post_init__(self) -> None:
        self.player = self.wire.client()
        self.player.cookies.set(tokens.COOKIE, self.prepared.cookie)
        known = self.prepared
        self.host = ScriptedHost(self.wire.client(), "", host_id=known.host_id, key=known.key, seq=known.seq)

    async def ask(self, what: str, act: Callable[[], Awaitable[Answer]]) -> Answer:
        self.asking.append(what)
        try:
            while True:
                try:
                    return await act()
                except httpx.TransportError:
                    await self.is_back.wait()
        finally:
            self.asking.remove(what)

    async def post(self, path: str, body: dict[str, object], **headers: str) -> dict[str, Any]:
        answer = await self.ask(path, lambda: self.player.post(path, json=body, headers=headers))
        assert answer.is_success, answer.text
        return answer.json()

    async def sync(self) -> tuple[DesiredSession, ...]:
        return (await self.ask("sync", self.host.sync)).sessions

    async def play(self) -> None:
        """A session from launch to stop, with more checkpoints than are kept."""
        host = self.host
        await self.sync()
        order = await self.launched()
        for state in (ObservedState.PULLING, ObservedState.BOOTING, ObservedState.RUNNING):
            host.see(order, state, seat_ready=state is not ObservedState.PULLING)
            await self.sync()
        await self.post("/api/game/keepalive", {"sessionId": self.session_id})
        for archive in (b"one", b"two", b"three"):
            await self.save(order, archive)
            await self.ask("look", self.wire.look)
        stopping = asyncio.ensure_future(self.post("/api/game/stop", {"sessionId": self.session_id}))
        wanted = "run"
        while wanted == "run":
            [told] = await self.sync()
            wanted = told.want
        await self.save(order, b"last")
        await self.ask("end", lambda: host.end(order))
        while await self.sync():
            await self.ask("end", lambda: host.end(order))
        assert (await stopping)["status"] == "stopped"
        await self.ask("look", self.wire.look)

    async def launched(self) -> DesiredSession:
        body: dict[str, object] = {"gameSlug": "the-question"}
        answer = await self.post("/api/game/launch", body, **{"Idempotency-Key": "one"})
        again = await self.post("/api/game/launch", body, **{"Idempotency-Key": "one"})
        assert again == answer
        self.session_id = answer["sessionId"]
        [order] = await self.sync()
        return order

    async def save(self, order: DesiredSession, archive: bytes) -> None:
        self.sent = archive
        answer = await self.ask(f"save {archive!r}", lambda: self.host.put_save(order, archive))
        assert (answer.status_code, answer.json()["head"]) == (200, True), answer.text
        self.acknowledged = archive

    async def aclose(self) -> None:
        await self.player.aclose()
        await self.host.client.aclose()


@pytest.fixture
async def prepared(tmp_path: Path, migrated_template: Path, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    monkeypatch.setattr("orchestrator.saves.disposal.READERS_GRACE", timedelta(0))
    app = create_app(Settings())
    data = copied(migrated_template.parent, tmp_path / "prepared")
    (data / migrated_template.name).rename(data / "orchestrator.sqlite3")
    async with Replica(data) as replica:
        services = replica.services
        await add_game(services)
        async with services.database.write() as session:
            account = AccountRow(
                id="clxada",
                email="ada@example.org",
                name="ada",
                role=Role.PLAYER,
                state=AccountState.ACTIVE,
                created_at=await services.database.now(session),
            )
            session.add(account)
        cookie = await services.accounts.issue_token(
            Account(account.id, account.email, account.name, None, Role.PLAYER)
        )
        async with Wire(app, replica).client() as client:
            host = ScriptedHost(client, await services.identities.issue_join_token())
            await host.sync()
    return Prepared(app, data, cookie, host.host_id, host.key, host.seq)


@pytest.mark.timeout(400)
async def test_a_replica_may_die_at_any_await_of_a_session(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_processes_die(asyncio.get_running_loop())
    left: set[str] = set()
    unanswered: set[tuple[str, str]] = set()
    deaths = 0
    while True:
        with monkeypatch.context() as patches:
            if not await played_with_a_death(prepared, tmp_path / str(deaths), left, unanswered, patches):
                break
        deaths += 1
    gc.collect()
    await the_dead_have_answered()
    assert deaths == len(unanswered) > 30


async def played_with_a_death(
    prepared: Prepared,
    folder: Path,
    left: set[str],
    unanswered: set[tuple[str, str]],
    patches: pytest.MonkeyPatch,
) -> bool:
    """Play, die where no earlier one has died, and go on with the next replica. False when nowhere was left."""
    first = Replica(copied(prepared.data, folder / "first"))
    async with first, aclosing(World(Wire(prepared.app, first), prepared)) as world:
        disk = Disk(first.data)

        def is_new() -> bool:
            moment = (disk.looks(), " ".join(sorted(world.asking)))
            is_unseen = bool(world.asking) and moment not in unanswered
            if is_unseen:
                unanswered.add(moment)
            return is_unseen

        first.process.dies_when = is_new
        playing, dying = asyncio.ensure_future(world.play()), asyncio.ensure_future(first.process.died.wait())
        try:
            async with asyncio.timeout(60):
                await asyncio.wait({playing, dying}, return_when=asyncio.FIRST_COMPLETED)
                if not first.process.is_dead:
                    first.process.dies_when = lives
                    await playing
                    await check_kept(first, world, patches)
                    return False
                looks = disk.looks()
                if looks not in left:
                    left.add(looks)
                    await check_end_without_anybody(copied(first.data, folder / "left"), world, patches)
                async with Replica(copied(first.data, folder / "second")) as second:
                    world.wire.plug_into(second)
                    world.is_back.set()
                    await playing
                    await check_kept(second, world, patches)
        finally:
            dying.cancel()
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
    return True


async def check_kept(replica: Replica, world: World, patches: pytest.MonkeyPatch) -> None:
    """One session, at its end and with a reason and figures; the last save is the head, and whole; nothing is left."""
    [row] = await sessions(replica)
    assert (row.id, row.position, row.end_code) == (world.session_id, Position.STOPPED.value, "stopped")
    assert row.duration_s is not None
    assert await head(replica) == b"last"
    await check_nothing_is_reserved(replica)
    clock = Clock(replica.services, patches)
    for _ in range(2):
        clock.let(timedelta(days=2))
        await replica.services.save_disposal.sweep()
        await replica.services.save_disposal.round()
    files = {path for path in (replica.data / "saves").rglob("*") if path.is_file()}
    assert files == await archives(replica)


async def check_end_without_anybody(data: Path, world: World, patches: pytest.MonkeyPatch) -> None:
    """Neither player nor host comes back: the next replica ends what is there, with a reason, and loses no save."""
    async with Replica(data) as replica:
        found = await head(replica)
        assert found in (world.acknowledged, world.sent)
        assert len([row for row in await sessions(replica) if row.position in ACTIVE_VALUES]) <= 1
        clock = Clock(replica.services, patches)
        for _ in range(LONGEST // LOOK_EVERY):
            await clock.skip(LOOK_EVERY)
        for row in await sessions(replica):
            assert row.position in FINAL_VALUES
            assert row.end_code in NEXT_STEPS
            assert row.end_message
        assert await head(replica) == found
        await archives(replica)
        await check_nothing_is_reserved(replica)


async def archives(replica: Replica) -> set[Path]:
    """What save versions name: there, and as their digests say."""
    async with replica.services.database.read() as session:
        versions = {replica.data / "saves" / row.key: row.digest for row in await session.scalars(select(SaveVersion))}
    assert {path: digest(path) for path in versions} == versions
    return set(versions)


async def check_nothing_is_reserved(replica: Replica) -> None:
    [host] = await replica.services.fleet_overview.hosts()
    assert (host.reserved.seats, host.reserved.memory_bytes, host.reserved.cpu_cores) == (0, 0, 0)


async def sessions(replica: Replica) -> list[Session]:
    async with replica.services.database.read() as session:
        return list(await session.scalars(select(Session)))


async def head(replica: Replica) -> bytes | None:
    """The archive that the player would go on from."""
    async with replica.services.database.read() as session:
        query = select(SaveVersion.key).join(SaveSlot, SaveSlot.head_version_id == SaveVersion.id)
        key = await session.scalar(query)
    return None if key is None else (replica.data / "saves" / key).read_bytes()
