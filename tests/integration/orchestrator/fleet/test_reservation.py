"""A place is taken by one statement, and two who take it at the same instant cannot both have it."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import event, select, update

from agent_protocol import BuildSpec
from bench.fleet.town import GIB, IMAGE_ID, SEATS, add_game, add_hosts, add_sessions
from orchestrator.catalog.models import Build
from orchestrator.fleet.ledger import Claim
from orchestrator.fleet.models import Host
from orchestrator.play.reservation import reserve
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings
from scheduler.values import Resources
from tests.conftest import only_on

WANTED = Claim(Resources(0.5, GIB // 2, 1), IMAGE_ID)


@pytest.fixture
async def services(settings: Settings) -> AsyncGenerator[Services]:
    """Without a loop that places who waits."""
    async with open_services(settings) as opened:
        yield opened


async def almost_full(services: Services, waiting: int) -> tuple[str, list[str], datetime]:
    """A host with one seat left, who waits, and the time."""
    await add_game(services)
    [host] = await add_hosts(services.database, 1)
    sessions = await add_sessions(services.database, [host.host_id] * (SEATS - 1), waiting)
    async with services.database.read() as session:
        return host.host_id, sessions, await services.database.now(session)


async def test_the_last_seat_is_given_once_and_a_session_is_placed_once(services: Services) -> None:
    host, (first, second), now = await almost_full(services, 2)
    async with services.database.write() as session:
        assert await reserve(session, first, host, WANTED, now)
    async with services.database.write() as session:
        assert not await reserve(session, second, host, WANTED, now)
        assert not await reserve(session, first, host, WANTED, now)


async def test_nothing_is_given_beyond_any_resource_or_of_a_host_that_is_unknown(services: Services) -> None:
    host, (session_id,), now = await almost_full(services, 1)
    async with services.database.write() as session:
        for wanted in (Resources(1000.0, 1, 1), Resources(0.1, 1000 * GIB, 1), Resources(0.1, 1, 2)):
            assert not await reserve(session, session_id, host, replace(WANTED, resources=wanted), now)
        assert not await reserve(session, session_id, "nobody", WANTED, now)
        assert await reserve(session, session_id, host, WANTED, now)


@only_on("postgresql")
async def test_who_waits_for_another_that_takes_the_last_seat_is_refused(services: Services) -> None:
    host, (first, second), now = await almost_full(services, 2)
    async with services.database.write() as session:
        assert await reserve(session, first, host, WANTED, now)
        waiting = asyncio.create_task(_reserve(services, second, host, now))
        done, _ = await asyncio.wait({waiting}, timeout=0.3)
        assert not done, "the second looks at what the first has not committed yet"
    assert not await waiting


@only_on("postgresql")
async def test_many_at_once_take_every_seat_and_no_more(services: Services) -> None:
    await add_game(services)
    [host] = await add_hosts(services.database, 1)
    sessions = await add_sessions(services.database, [host.host_id] * (SEATS - 4), 10)
    async with services.database.read() as session:
        now = await services.database.now(session)
    taken = await asyncio.gather(*(_reserve(services, each, host.host_id, now) for each in sessions))
    assert sum(taken) == 4


async def change(services: Services, host_id: str, **values: object) -> None:
    async with services.database.write() as session:
        await session.execute(update(Host).where(Host.id == host_id).values(**values))


GPU = replace(WANTED, labels={"gpu": "yes", "odd key.[0]'": "a"})
LABELS = {"gpu": "yes", "odd key.[0]'": "a", "zone": "attic"}


@pytest.mark.parametrize(
    ("labels", "own_labels", "is_taken"),
    [
        (LABELS, {}, True),
        ({}, LABELS, True),
        ({**LABELS, "gpu": "no"}, {"gpu": "yes"}, True),
        (LABELS, {"zone": "cellar"}, True),
        (LABELS, {"gpu": "no"}, False),
        (LABELS, {"gpu": ""}, False),
        ({"gpu": "yes"}, {}, False),
        ({}, {}, False),
    ],
)
async def test_a_host_whose_labels_are_others_by_now_is_refused(
    services: Services, labels: dict[str, str], own_labels: dict[str, str], is_taken: bool
) -> None:
    host, (session_id,), now = await almost_full(services, 1)
    await change(services, host, labels=labels, own_labels=own_labels)
    async with services.database.write() as session:
        assert await reserve(session, session_id, host, GPU, now) is is_taken


LARGE = replace(WANTED, disk_bytes=10 * GIB)


@pytest.mark.parametrize(
    ("image_id", "free_bytes", "evictable_bytes", "is_taken"),
    [
        (IMAGE_ID, 0, 0, True),
        ("sha256:other", 10 * GIB, 0, True),
        ("sha256:other", 4 * GIB, 6 * GIB, True),
        ("sha256:other", 4 * GIB, 6 * GIB - 1, False),
        (IMAGE_ID[:-1], 0, 0, False),
    ],
)
async def test_a_host_whose_disk_is_too_full_for_an_image_that_it_does_not_hold_is_refused(
    services: Services, image_id: str, free_bytes: int, evictable_bytes: int, is_taken: bool
) -> None:
    host, (session_id,), now = await almost_full(services, 1)
    async with services.database.read() as session:
        capacity = (await session.get_one(Host, host)).capacity
    disk = {"disk_free_bytes": free_bytes, "disk_evictable_bytes": evictable_bytes}
    await change(services, host, capacity={**capacity, **disk}, images=[{"image_id": image_id, "size_bytes": GIB}])
    async with services.database.write() as session:
        assert await reserve(session, session_id, host, LARGE, now) is is_taken


@only_on("postgresql")
async def test_who_waits_for_an_operator_that_takes_a_label_away_is_refused(services: Services) -> None:
    host, (session_id,), now = await almost_full(services, 1)
    await change(services, host, labels=LABELS)
    async with services.database.write() as session:
        row = await session.get_one(Host, host, with_for_update=True)
        row.own_labels, row.edits = {"gpu": ""}, row.edits + 1
        await session.flush()
        waiting = asyncio.create_task(_reserve(services, session_id, host, now, GPU))
        done, _ = await asyncio.wait({waiting}, timeout=0.3)
        assert not done, "it looks at what the operator has not committed yet"
    assert not await waiting


async def test_a_place_is_one_statement_whatever_is_looked_at(services: Services) -> None:
    host, (session_id,), now = await almost_full(services, 1)
    await change(services, host, labels=LABELS)
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            sent.append(statement)

    event.listen(services.database.engine.sync_engine, "before_cursor_execute", note)
    try:
        assert await _reserve(services, session_id, host, now, replace(GPU, disk_bytes=10 * GIB))
    finally:
        event.remove(services.database.engine.sync_engine, "before_cursor_execute", note)
    assert len(sent) == (2 if services.database.is_sqlite else 1), sent


async def test_what_has_changed_since_the_hosts_were_looked_at_is_seen_when_the_place_is_taken(
    services: Services,
) -> None:
    await add_game(services)
    hosts = [host.host_id for host in await add_hosts(services.database, 3)]
    first, second, third = await add_sessions(services.database, [], 3)
    async with services.database.read() as session:
        build = (await session.scalars(select(Build))).one().build_spec
    labelled = build.model_copy(update={"required_labels": {"gpu": "yes"}})
    pushed = labelled.model_copy(update={"image_id": "sha256:pushed", "manifest_digest": "sha256:m", "size_bytes": GIB})
    for host_id in hosts:
        await change(services, host_id, labels={"gpu": "yes"})
    one, *others = hosts
    assert await _found(services, first, labelled) in hosts
    for host_id in others:  # without a word to those who have looked
        await change(services, host_id, own_labels={"gpu": "no"})
    assert await _found(services, second, labelled) == one
    async with services.database.read() as session:
        capacity = (await session.get_one(Host, one)).capacity
    await change(services, one, capacity={**capacity, "disk_free_bytes": GIB}, images=[])
    assert await _found(services, third, pushed) is None


async def _found(services: Services, session_id: str, build: BuildSpec) -> str | None:
    async with services.database.write() as session:
        now = await services.database.now(session)
        place = await services.placement.find(session, session_id, build, now)
        return None if place is None else place.host_id


async def _reserve(services: Services, session_id: str, host: str, now: datetime, claim: Claim = WANTED) -> bool:
    async with services.database.write() as session:
        return await reserve(session, session_id, host, claim, now)
