"""What is played on one host goes on on another, from S3, whatever becomes of host and store meanwhile."""

import signal

import pytest

from tests.chaos.machine import SLUG
from tests.chaos.player import Player, Refused
from tests.integration.fleet.fleet import Fleet, FleetHost
from tests.s3_server import Mood, S3Server

pytestmark = pytest.mark.timeout(180)


async def playing(fleet: Fleet, player: Player, host: FleetHost, within_s: float = 60) -> str:
    """A session that runs on this host."""
    await fleet.only(host)
    session_id = await player.launch(SLUG)
    status = await player.until(session_id, lambda seen: seen.status == "running" or seen.is_over, within_s)
    assert status.status == "running", status
    assert await fleet.host_of(session_id) is host
    return session_id


async def stopped(player: Player, session_id: str) -> str | None:
    """The code of its end."""
    await player.stop(session_id)
    status = await player.until(session_id, lambda seen: seen.is_over, 60)
    assert status.status == "stopped", status
    return status.code


async def evening(fleet: Fleet, player: Player, host: FleetHost, count: int) -> int:
    """Play there until the game has counted so far, and stop; the number that was saved."""
    session_id = await playing(fleet, player, host)
    await fleet.until_counted(host, session_id, count)
    assert await stopped(player, session_id) == "stopped"
    saved = await fleet.counter_of(await fleet.head())
    assert saved >= count
    return saved


async def test_a_save_is_there_on_the_next_host_and_what_comes_late_stands_beside_it(fleet: Fleet) -> None:
    here, there = fleet.hosts
    async with await fleet.player() as player:
        saved = await evening(fleet, player, here, 3)
        session_id = await playing(fleet, player, there)
        await fleet.until_counted(there, session_id, saved + 1)
        written = there.counter(session_id)
        assert written is not None
        assert written.count < saved + 10, "it goes on from what was saved on the other host"
        await stopped(player, session_id)
        saved = await fleet.counter_of(await fleet.head())

        session_id = await playing(fleet, player, here)
        await fleet.until_counted(here, session_id, saved + 2)

        async def is_checkpointed() -> bool:
            head = await fleet.head()
            return head is not None and head.session_id == session_id

        await fleet.until(is_checkpointed)
        here.agent.signal(signal.SIGSTOP)  # the game plays on there; nobody hears of it
        silent_since = here.counter(session_id)
        assert silent_since is not None
        await fleet.only(there)

        async def has_moved() -> bool:
            row = await fleet.row(session_id)
            return (row.host_id, row.generation) == (there.id, 2) and row.position == "running"

        await fleet.until(has_moved, 60)
        await fleet.until_counted(here, session_id, silent_since.count + 5)
        head = await fleet.head()
        here.agent.signal(signal.SIGCONT)

        async def has_come_late() -> bool:
            return any(version.is_side for version in await fleet.versions())

        await fleet.until(has_come_late, 60)
        [late] = [version for version in await fleet.versions() if version.is_side]
        assert (late.session_id, late.generation) == (session_id, 1)
        late_count = await fleet.counter_of(late)
        assert late_count >= silent_since.count + 5
        now = await fleet.head()
        assert head is not None
        assert now is not None
        assert now.generation == 2 or now.id == head.id, "what came late is not the head"
        await stopped(player, session_id)

        [slot] = await player.slots(SLUG)
        await player.restore(slot["id"], late.id)
        session_id = await playing(fleet, player, there)
        await fleet.until_counted(there, session_id, late_count + 1)
        assert await stopped(player, session_id) == "stopped"
    assert here.unsent() == there.unsent() == []


async def test_a_spoiled_save_is_named_and_an_earlier_one_is_played_on_from(
    fleet: Fleet, s3_server: S3Server, s3_bucket: str
) -> None:
    here, there = fleet.hosts
    async with await fleet.player() as player:
        first = await evening(fleet, player, here, 2)
        good = await fleet.head()
        second = await evening(fleet, player, here, first + 2)
        head = await fleet.head()
        assert good is not None
        assert head is not None
        [key] = [key for key in await s3_server.keys(s3_bucket) if key.endswith(head.key)]
        await s3_server.spoil(s3_bucket, key, b"nothing of a save".ljust(head.size_bytes))

        await fleet.only(there)
        session_id = await player.launch(SLUG)
        status = await player.until(session_id, lambda seen: seen.is_over, 60)
        assert (status.status, status.code) == ("error", "restore_failed")
        assert status.error is not None
        assert "not the one that was promised" in status.error["message"]

        [slot] = await player.slots(SLUG)
        assert {version["id"] for version in await player.versions(slot["id"])} >= {good.id, head.id}
        with pytest.raises(Refused, match="version_damaged"):
            await player.restore(slot["id"], head.id)
        await player.restore(slot["id"], good.id)
        session_id = await playing(fleet, player, there)
        await fleet.until_counted(there, session_id, first + 1)
        written = there.counter(session_id)
        assert written is not None
        assert written.count < second + 10
        await stopped(player, session_id)


async def test_while_the_store_is_away_people_play_and_stop_and_start_and_nothing_is_lost(fleet: Fleet) -> None:
    here, there = fleet.hosts
    async with await fleet.player() as player:
        saved = await evening(fleet, player, here, 2)
        session_id = await playing(fleet, player, here)
        fleet.store.be(Mood.GONE)
        await fleet.until_counted(here, session_id, saved + 4)
        assert (await player.status(session_id)).status == "running"
        code = await stopped(player, session_id)
        assert code == "save_failed"
        [past] = [past for past in await player.history() if past["sessionId"] == session_id]
        assert "store of saves does not answer" in past["end"]["message"]
        assert len(here.unsent()) == 1
        head = await fleet.head()
        fleet.store.be(Mood.WELL)

        async def is_sent() -> bool:
            return here.unsent() == []

        await fleet.until(is_sent, 90)
        assert await fleet.head() != head
        later = await fleet.counter_of(await fleet.head())
        assert later >= saved + 4

        fleet.store.be(Mood.GONE)
        await fleet.only(there)
        session_id = await player.launch(SLUG)

        async def waits_for_it() -> bool:
            return "save.fetch_failed" in there.log()

        await fleet.until(waits_for_it)
        assert (await player.status(session_id)).status == "starting"
        fleet.store.be(Mood.WELL)
        status = await player.until(session_id, lambda seen: seen.status == "running" or seen.is_over, 60)
        assert status.status == "running", status
        assert (await fleet.row(session_id)).generation == 1
        await fleet.until_counted(there, session_id, later + 1)
        assert await stopped(player, session_id) == "stopped"
    for host in fleet.hosts:
        assert "Signature" not in host.log()
