"""Whatever comes in whatever order, with a store that fails now and then: no save is lost and no row lies."""

import hashlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

from orchestrator.errors import StoreUnavailable
from orchestrator.play.models import Session
from orchestrator.saves.disposal import FORGOTTEN_AFTER, Disposal
from orchestrator.saves.heads import Offer
from orchestrator.saves.intake import SaveIntake
from orchestrator.saves.keeping import SlotKeeping
from orchestrator.saves.memory_store import MemoryStore, Stored
from orchestrator.saves.models import SaveSlot, SaveVersion, UnwantedArchive
from orchestrator.saves.service import Saves
from orchestrator.saves.transfers import SaveTransfers
from orchestrator.services import Services
from tests.integration.orchestrator.conftest import ScriptedHost
from tests.integration.orchestrator.saves.playing import finish, start
from tests.unit.saves.packing import packed

STEPS = 40


@dataclass
class World:
    """One slot, its sessions in the order they began, and what its head should hold."""

    services: Services
    host_id: str
    template: Session
    store: MemoryStore = field(default_factory=MemoryStore)
    generations: list[int] = field(default_factory=list[int])
    captured: int = 0
    numbers: dict[bytes, int] = field(default_factory=dict[bytes, int])
    cut_off: int = 0
    head: bytes | None = None

    def __post_init__(self) -> None:
        database = self.services.database
        self.intake = SaveIntake(database, self.store)
        self.disposal = Disposal(database, self.store, SlotKeeping(database))
        self.saves = Saves(database, self.store)
        self.transfers = SaveTransfers(database, self.store)

    async def begin_session(self, _draw: random.Random) -> None:
        values = {column.key: getattr(self.template, column.key) for column in Session.__table__.columns}
        number = len(self.generations)
        values["id"], values["slot_id"] = f"ses{number:03}", "clsone"
        values["created_at"] += timedelta(seconds=1 + number)
        async with self.services.database.write() as session:
            session.add(Session(**values))
        self.generations.append(1)

    async def relocate(self, draw: random.Random) -> None:
        number = draw.randrange(len(self.generations))
        self.generations[number] += 1
        async with self.services.database.write() as session:
            row = await session.get_one(Session, f"ses{number:03}")
            row.generation, row.placed_on = self.generations[number], [*row.placed_on, self.host_id]

    async def send(self, draw: random.Random) -> None:
        number = max(draw.randrange(len(self.generations)), draw.randrange(len(self.generations)))
        generation = draw.randint(max(1, self.generations[number] - 1), self.generations[number])
        content = b"%d/%d save %d" % (number, generation, draw.randrange(4))
        self.captured += 1
        capture = self.captured if draw.random() < 0.7 else draw.randint(1, self.captured)
        prefix = content[: content.index(b" ")]
        newest = max((known for sent, known in self.numbers.items() if sent.startswith(prefix + b" ")), default=0)
        self.store.is_away = draw.random() < 0.15
        is_holder = (
            number == len(self.generations) - 1 and generation == self.generations[number] and number >= self.cut_off
        ) and max(capture, self.numbers.get(content, 0)) >= newest
        try:
            await self._accept(number, generation, content, capture)
        except StoreUnavailable:
            assert self.store.is_away
        else:
            self.numbers[content] = max(capture, self.numbers.get(content, 0))
            self.head = content if is_holder or self.head is None else self.head
        self.store.is_away = False

    async def _accept(self, number: int, generation: int, content: bytes, capture: int) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield content

        digest = hashlib.sha256(content).hexdigest()
        offer = Offer(f"ses{number:03}", generation, digest, len(content), capture)
        await self.intake.accept(self.host_id, offer, body())

    async def restore(self, draw: random.Random) -> None:
        async with self.services.database.read() as session:
            versions = list(await session.scalars(select(SaveVersion).order_by(SaveVersion.id)))
        if versions:
            chosen = draw.choice(versions)
            await self.saves.restore(self.template.owner, "clsone", chosen.id)
            self.head, self.cut_off = self.store.stored[chosen.key].content, len(self.generations)

    async def hand_in(self, draw: random.Random) -> None:
        if self.head is None:
            return
        archive = packed(("x", b"%d" % draw.randrange(3)))

        async def body() -> AsyncIterator[bytes]:
            yield archive

        self.store.is_away = draw.random() < 0.15
        try:
            await self.transfers.upload(self.template.owner, "clsone", body())
        except StoreUnavailable:
            assert self.store.is_away
        else:
            self.head, self.cut_off = archive, len(self.generations)
        self.store.is_away = False

    async def die_before_the_commit(self, draw: random.Random) -> None:
        self.store.stored[f"clsone/ses000-1-{draw.randrange(10**9)}"] = Stored(b"never in SQL", 0.0)

    async def clear(self, draw: random.Random) -> None:
        async with self.services.database.write() as session:
            for row in await session.scalars(select(UnwantedArchive)):
                row.since -= FORGOTTEN_AFTER
                row.lease_until = row.lease_until and row.lease_until - FORGOTTEN_AFTER
        self.store.is_away = draw.random() < 0.3
        try:
            await self.disposal.sweep()
            await self.disposal.round()
        except StoreUnavailable:
            assert self.store.is_away
        self.store.is_away = False

    async def check(self) -> None:
        async with self.services.database.read() as session:
            versions = {version.id: version for version in await session.scalars(select(SaveVersion))}
            slots = list(await session.scalars(select(SaveSlot)))
        for version in versions.values():
            assert hashlib.sha256(self.store.stored[version.key].content).hexdigest() == version.digest
        moments = [version.created_at for version in versions.values()]
        assert len(moments) == len(set(moments))
        assert [self.store.stored[versions[slot.head_version_id].key].content for slot in slots] == (
            [] if self.head is None else [self.head]
        )


@pytest.mark.parametrize("seed", range(3))
async def test_any_order_of_saves_moves_restores_and_failures_keeps_the_promises(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services, seed: int
) -> None:
    order = await start(player, host)
    await finish(player, host, order)
    async with services.database.read() as session:
        world = World(services, host.host_id, await session.get_one(Session, order.session_id))
    draw = random.Random(seed)
    await world.begin_session(draw)
    acts = [world.send] * 8 + [
        world.begin_session,
        world.relocate,
        world.restore,
        world.hand_in,
        world.clear,
        world.die_before_the_commit,
    ]
    for _ in range(STEPS):
        await draw.choice(acts)(draw)
        await world.check()
    for _ in range(12):
        await world.clear(draw)
    await world.check()
    async with services.database.read() as session:
        named = set(await session.scalars(select(SaveVersion.key)))
    assert set(world.store.stored) == named
