"""Database and replicas die under people who play: their pictures go on, and what they do is done in the end."""

import asyncio

import pytest

from tests.chaos.machine import SLUG
from tests.chaos.player import Player
from tests.integration.fleet.fleet import Fleet, FleetHost
from tests.integration.gameserver_agent.viewer import Viewer

pytestmark = pytest.mark.timeout(180)


async def playing(fleet: Fleet, player: Player, host: FleetHost) -> str:
    await fleet.only(host)
    session_id = await player.launch(SLUG)
    status = await player.until(session_id, lambda seen: seen.status == "running" or seen.is_over, 60)
    assert status.status == "running", status
    return session_id


async def viewer_of(fleet: Fleet, player: Player, host: FleetHost, session_id: str) -> Viewer:
    url = next(each.public_url for each in await fleet.hosts_in_database() if each.id == host.id)
    return Viewer(f"{url}/session/{session_id}/connect", await player.stream_token(session_id))


async def is_saved(fleet: Fleet, player: Player, session_id: str, count: int) -> None:
    await player.stop(session_id)
    status = await player.until(session_id, lambda seen: seen.is_over, 60)
    assert (status.status, status.code) == ("stopped", "stopped")
    assert await fleet.counter_of(await fleet.head_of(session_id)) >= count


async def test_a_database_that_restarts_costs_no_picture_and_no_save_of_two_who_play(fleet: Fleet) -> None:
    async with await fleet.player() as ada, await fleet.player() as ben:
        ids = [await playing(fleet, player, host) for player, host in zip((ada, ben), fleet.hosts, strict=True)]
        both = list(zip((ada, ben), fleet.hosts, ids, strict=True))
        viewers = [await viewer_of(fleet, player, host, session_id) for player, host, session_id in both]
        async with viewers[0], viewers[1]:
            before = {host.name: host.counter(session_id) for _, host, session_id in both}
            fleet.database.stop()
            for viewer in viewers:
                await viewer.sees(30)  # a second of it
            for _, host, session_id in both:
                written = before[host.name]
                await fleet.until_counted(host, session_id, (0 if written is None else written.count) + 2)
            await asyncio.to_thread(fleet.database.start)
            for player, _, session_id in both:
                expires_at = (await fleet.row(session_id)).expires_at
                status = await player.until(session_id, lambda seen: seen.is_over, 3.0, reports_frames=True)
                assert status.status == "running"
                assert (await fleet.row(session_id)).expires_at > expires_at, "keepalives are heard again"
            for viewer in viewers:
                await viewer.sees(30)
            for _, host, session_id in both:
                row = await fleet.row(session_id)
                assert (row.host_id, row.generation) == (host.id, 1), "nobody was moved"
        for player, host, session_id in both:
            written = host.counter(session_id)
            assert written is not None
            await is_saved(fleet, player, session_id, written.count)


async def test_a_launch_whose_replica_is_killed_in_the_middle_runs_and_is_saved(fleet: Fleet) -> None:
    here = fleet.hosts[0]
    await fleet.only(here)
    async with await fleet.player() as player:
        for replica in fleet.replicas:
            session_id = await player.launch(SLUG)
            replica.kill_group()
            status = await player.until(session_id, lambda seen: seen.status == "running" or seen.is_over, 60)
            assert status.status == "running", status
            await fleet.until_counted(here, session_id, 2)
            written = here.counter(session_id)
            assert written is not None
            await is_saved(fleet, player, session_id, written.count)
        [slot] = await player.slots(SLUG)
        assert not slot["inUse"]
