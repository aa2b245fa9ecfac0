"""Whose archive becomes a slot's head, also when several come at once (invariant 2)."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from agent_protocol import DesiredSession, EndReport, ObservedState
from orchestrator.play.models import Session
from orchestrator.saves.heads import Accepted, Offer
from orchestrator.saves.models import SaveSlot, SaveVersion
from orchestrator.services import Services
from orchestrator.settings import Settings
from tests.integration.orchestrator.conftest import HostMaker, ScriptedHost
from tests.integration.orchestrator.play.clock import Clock
from tests.integration.orchestrator.saves.playing import (
    archives,
    evening,
    finish,
    restored,
    saved,
    slots,
    start,
    versions,
)


async def test_late_writer_never_moves_the_head(player: httpx.AsyncClient, host: ScriptedHost, game: str) -> None:
    """A late archive is a side version, never the head, never lost."""
    order = await start(player, host)
    await saved(host, order, b"good")
    await finish(player, host, order)
    [slot] = await slots(player)
    again = await start(player, host, saveSlotId=slot["id"])
    await saved(host, again, b"newer")
    late = await saved(host, order, b"late")
    assert late["head"] is False
    await finish(player, host, again)
    assert await restored(host, await start(player, host)) == b"newer"
    kept = await host.client.get(f"/api/agents/saves/{late['versionId']}", headers=host.headers)
    assert kept.content == b"late"
    [side] = [version for version in await versions(player, slot["id"]) if version["isSide"]]
    assert side["id"] == late["versionId"]


async def test_a_late_archive_is_the_head_while_nobody_played_on(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await start(player, host)
    await saved(host, order, b"checkpoint")
    await finish(player, host, order)
    assert (await saved(host, order, b"the end"))["head"] is True
    assert await restored(host, await start(player, host)) == b"the end"


async def test_a_late_archive_does_not_make_its_slot_the_last_played(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    order = await start(player, host, fresh=True)
    await saved(host, order, b"first")
    await finish(player, host, order)
    other = await start(player, host, fresh=True)
    await saved(host, other, b"second")
    await finish(player, host, other)
    assert (await saved(host, order, b"the end"))["head"] is True
    async with services.database.read() as session:
        one, two = await session.scalars(select(SaveSlot).order_by(SaveSlot.number))
    assert one.last_played_at < two.last_played_at


async def test_an_older_capture_that_arrives_after_a_newer_one_never_moves_the_head(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    """A slow store lets a checkpoint overtake the one before it."""
    order = await start(player, host)
    await saved(host, order, b"first", number=7)
    assert (await saved(host, order, b"newer", number=9))["head"] is True
    late = await saved(host, order, b"slow", number=8)
    assert late["head"] is False
    assert (await saved(host, order, b"first", number=7))["head"] is False
    await finish(player, host, order)
    [slot] = await slots(player)
    assert await restored(host, await start(player, host)) == b"newer"
    assert late["versionId"] in {version["id"] for version in await versions(player, slot["id"])}
    assert (await host.client.get(f"/api/agents/saves/{late['versionId']}", headers=host.headers)).content == b"slow"


async def test_a_save_that_went_back_keeps_the_number_of_its_last_capture(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await start(player, host)
    for content, number in ((b"one", 1), (b"two", 2), (b"one", 3)):
        assert (await saved(host, order, content, number=number))["head"] is True
    assert (await saved(host, order, b"two", number=2))["head"] is False
    assert (await saved(host, order, b"one", number=1))["head"] is True


async def test_an_older_generation_never_moves_the_head(
    player: httpx.AsyncClient, make_host: HostMaker, game: str, services: Services
) -> None:
    """A session that was moved to another host is written by that host alone."""
    first, second = await make_host(name="host-a"), await make_host(name="host-b", cpu_cores=2.0)
    launched = (await player.post("/api/game/launch", json={"gameSlug": "the-question"})).json()["sessionId"]
    first, order, second = await placed_on(first, second)
    assert order.session_id == launched
    first.see(order, ObservedState.ENDED, end=EndReport(code="engine_failed", message="the engine is away"))
    await first.sync()
    await services.reconciler.round()
    [moved] = [order for order in (await second.sync()).sessions if order.want == "run"]
    assert moved.generation == order.generation + 1
    await second.run(moved)
    assert (await saved(second, moved, b"current"))["head"] is True
    assert (await saved(first, order, b"old"))["head"] is False
    assert (await saved(first, order, b"pretender", generation=moved.generation))["head"] is False
    assert (await saved(second, moved, b"future", generation=moved.generation + 1))["head"] is False
    [slot] = await slots(player)
    assert slot["sizeBytes"] == len(b"current")
    assert [v["isSide"] for v in await versions(player, slot["id"])] == [True, True, True, False]


async def placed_on(one: ScriptedHost, other: ScriptedHost) -> tuple[ScriptedHost, DesiredSession, ScriptedHost]:
    """Which of two hosts got the order, the order, and which did not."""
    for host, another in ((one, other), (other, one)):
        orders = (await host.sync()).sessions
        if orders:
            return host, orders[0], another
    raise AssertionError("the session was placed nowhere")


async def test_what_a_lost_host_sends_while_its_session_waits_is_played_on_elsewhere(
    player: httpx.AsyncClient,
    make_host: HostMaker,
    game: str,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(services, monkeypatch)
    lost = await make_host(name="host-a")
    await clock.settle()
    await lost.sync()
    order = await start(player, lost)
    await saved(lost, order, b"checkpoint")
    await clock.pass_time(timedelta(seconds=30))
    assert (await saved(lost, order, b"the last of it"))["head"] is True
    other = await make_host(name="host-b")
    await clock.pass_time(timedelta(seconds=5))
    [moved] = [order for order in (await other.sync()).sessions if order.want == "run"]
    assert moved.generation == order.generation + 1
    assert await restored(other, moved) == b"the last of it"
    assert (await saved(lost, order, b"too late"))["head"] is False


async def test_a_session_from_before_a_restore_never_moves_the_head(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await start(player, host)
    older = await saved(host, order, b"older")
    await saved(host, order, b"newer")
    await finish(player, host, order)
    [slot] = await slots(player)
    clock = Clock(services, monkeypatch)
    clock.jump(-timedelta(hours=3))
    answer = await player.post(f"/api/saves/{slot['id']}/restore", json={"versionId": older["versionId"]})
    assert answer.status_code == 200, answer.text
    assert (await saved(host, order, b"late"))["head"] is False
    again = await start(player, host)
    assert await restored(host, again) == b"older"
    assert (await saved(host, again, b"another way"))["head"] is True
    await finish(player, host, again)
    assert (await saved(host, again, b"its end"))["head"] is True
    newest_first = [(v["sizeBytes"], v["isSide"]) for v in await versions(player, slot["id"])]
    assert newest_first[:3] == [(len(b"its end"), False), (len(b"another way"), False), (len(b"late"), True)]


async def test_sending_an_archive_again_answers_the_same_and_changes_nothing(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await start(player, host)
    assert await saved(host, order, b"same") == await saved(host, order, b"same")
    first = await saved(host, order, b"the end")
    await finish(player, host, order)
    [slot] = await slots(player)
    again = await start(player, host)
    await saved(host, again, b"played on")
    before = await versions(player, slot["id"])
    repeated = await saved(host, order, b"the end")
    assert repeated == {"versionId": first["versionId"], "head": False}
    assert await versions(player, slot["id"]) == before


async def test_a_save_that_goes_back_to_what_it_was_is_the_head_again(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await start(player, host)
    for content in (b"one", b"two", b"one"):
        assert (await saved(host, order, content))["head"] is True
    await finish(player, host, order)
    assert await restored(host, await start(player, host)) == b"one"


async def test_an_archive_sent_many_times_at_once_is_one_version(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    order = await start(player, host)
    answers = await asyncio.gather(*(saved(host, order, b"same") for _ in range(6)))
    assert len({answer["versionId"] for answer in answers}) == 1
    assert all(answer["head"] for answer in answers)
    async with services.database.read() as session:
        assert len(list(await session.scalars(select(SaveVersion)))) == 1


async def test_of_many_archives_at_once_one_is_the_head_and_it_is_the_newest(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    order = await start(player, host)
    await asyncio.gather(*(saved(host, order, b"checkpoint %d" % number) for number in range(8)))
    async with services.database.read() as session:
        [slot] = await session.scalars(select(SaveSlot))
        newest = await session.scalar(select(SaveVersion).order_by(SaveVersion.number.desc()).limit(1))
    assert newest is not None
    assert slot.head_version_id == newest.id


@pytest.mark.parametrize("change", ["launched", "relocated"])
async def test_an_archive_waits_for_whoever_is_about_to_play_on(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services, settings: Settings, change: str
) -> None:
    """Another replica is in the middle of a launch or of a move to another host when the archive has arrived."""
    order = await start(player, host)
    await saved(host, order, b"good")
    if change == "launched":
        await finish(player, host, order)
    async with services.database.write() as session:
        row = await session.get_one(Session, order.session_id, with_for_update=change == "relocated")
        if change == "launched":
            await services.database.lock(session, f"owner:{row.owner}")
            session.add(copy_of(row))
        else:
            row.generation += 1
            row.placed_on = [*row.placed_on, host.host_id]
        await session.flush()
        late = asyncio.create_task(accept(services, host, order, b"late"))
        done, _ = await asyncio.wait({late}, timeout=0.5)
        assert not done
    assert (await late).is_head is False


async def test_a_restore_waits_for_a_launch_that_is_on_its_way(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    order = await start(player, host)
    older = await saved(host, order, b"older")
    await saved(host, order, b"newer")
    await finish(player, host, order)
    [slot] = await slots(player)
    async with services.database.write() as session:
        row = await session.get_one(Session, order.session_id)
        await services.database.lock(session, f"owner:{row.owner}")
        session.add(copy_of(row, position="placing"))
        await session.flush()
        path = f"/api/saves/{slot['id']}/restore"
        restoring = asyncio.create_task(player.post(path, json={"versionId": older["versionId"]}))
        done, _ = await asyncio.wait({restoring}, timeout=0.5)
        assert not done
    answer = await restoring
    assert (answer.status_code, answer.json()["error"]) == (409, "slot_in_use")


def copy_of(row: Session, **changed: Any) -> Session:
    """The next session on the same slot."""
    values = {column.key: getattr(row, column.key) for column in Session.__table__.columns}
    its_own = {"id": "sesnext", "idempotency_key": None, "created_at": row.created_at + timedelta(seconds=1)}
    return Session(**{**values, **its_own, **changed})


async def accept(services: Services, host: ScriptedHost, order: DesiredSession, content: bytes) -> Accepted:
    async def body() -> AsyncIterator[bytes]:
        yield content

    digest = hashlib.sha256(content).hexdigest()
    offer = Offer(order.session_id, order.generation, digest, len(content))
    return await services.save_intake.accept(host.host_id, offer, body())


async def test_an_archive_on_its_way_while_its_session_moves_is_a_side_version(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    order = await start(player, host)
    await saved(host, order, b"good")
    has_begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        has_begun.set()
        yield b"la"
        await may_end.wait()
        yield b"te"

    offer = Offer(order.session_id, order.generation, hashlib.sha256(b"late").hexdigest(), 4)
    sending = asyncio.create_task(services.save_intake.accept(host.host_id, offer, slow()))
    await has_begun.wait()
    async with services.database.write() as session:
        await session.execute(
            update(Session).where(Session.id == order.session_id).values(generation=Session.generation + 1)
        )
    may_end.set()
    assert (await sending).is_head is False


async def test_a_late_archive_without_a_free_number_is_found_in_the_slot_that_has_its_own(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    unsaved = await start(player, host, fresh=True)
    await finish(player, host, unsaved)
    for number in range(3):
        order = await start(player, host, fresh=True)
        await saved(host, order, b"slot %d" % number)
        await finish(player, host, order)
    late = await saved(host, unsaved, b"from long ago")
    assert late["head"] is False
    assert [slot["slot"] for slot in await slots(player)] == [1, 2, 3]
    first = (await slots(player))[0]["id"]
    newest = (await versions(player, first))[0]
    assert (newest["id"], newest["isSide"]) == (late["versionId"], True)


async def test_a_store_that_is_away_costs_a_host_nothing_but_another_try(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, settings: Settings
) -> None:
    slot_id = await evening(player, host, b"before")
    order = await start(player, host)
    saves, aside = settings.data / "saves", settings.data / "aside"
    saves.rename(aside)
    saves.write_text("a disk that is not there")
    for answer in (
        await host.put_save(order, b"while it is away"),
        await host.client.get(f"/api/agents/saves/{(await versions(player, slot_id))[0]['id']}", headers=host.headers),
    ):
        assert (answer.status_code, answer.json()["error"]) == (503, "store_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    assert len(await versions(player, slot_id)) == 1
    saves.unlink()
    aside.rename(saves)
    assert len(archives(settings)) == 1
    assert (await saved(host, order, b"while it is away"))["head"] is True
