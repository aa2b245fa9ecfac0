"""Three schedules of two hundred, in one town (`make chaos-fleet`): two replicas, three engines, and something dies.
Then people visit it as they do in `make soak`.
"""

import asyncio

import pytest

from bench.soak.day import temporary_of
from bench.soak.plan import Leaving, Visit
from bench.soak.samples import sample
from bench.soak.visits import Guest, Visited
from streaming import aiortc_extensions
from tests.chaos.fleet.evening import FleetOutcome, play, until_tidy
from tests.chaos.fleet.schedule import What, schedule, shortened
from tests.chaos.fleet.town import Town
from tests.chaos.player import Player
from tests.chaos.seeds import seat_runtime

SEEDS = {15: What.STORE, 18: What.HOST_LINE, 31: What.DATABASE}


@pytest.mark.timeout(420)
async def test_in_a_fleet_whatever_dies_nothing_is_lost_and_nothing_is_left() -> None:
    for seed, what in SEEDS.items():
        assert what in {strike.what for strike in schedule(seed).strikes}
    outcomes: list[FleetOutcome] = []
    with seat_runtime() as runtime:
        town = Town(runtime)
        async with town.opened():
            for seed in SEEDS:
                outcomes.append(await play(town, shortened(schedule(seed))))
                assert outcomes[-1].is_good, str(outcomes[-1])
            await _people_visit(town)


async def _people_visit(town: Town) -> None:
    """They play over WebRTC, reload, come back to their number, and leave nothing behind."""
    aiortc_extensions.install(["127.0.0.1"])
    idle = await sample(town, temporary_of(town))
    sat = await asyncio.gather(*(_two_visits(town, leaving) for leaving in (Leaving.STOP, Leaving.RELOAD)))
    for first, again in sat:
        assert (first.end_code, again.end_code) == ("stopped", "stopped")
        assert again.numbers[0][1] > first.numbers[0][1]
        assert any(took_s is not None for _, took_s in again.presses), str(again)
    assert await until_tidy(town) == []
    drained = await sample(town, temporary_of(town))
    assert (drained.mounts, drained.containers) == (idle.mounts, idle.containers)
    assert drained.overdue is not None
    assert not any(drained.overdue.values())


async def _two_visits(town: Town, leaving: Leaving) -> tuple[Visited, Visited]:
    """The second looks for the number of the first."""
    async with Player(town.urls, town.note, "127.3.0.1") as player:
        await player.register()
        guest = Guest(leaving.name, player, (), town.note)
        plan = Visit(0, 0.0, 4.0, leaving, loses_answer=False)
        return await guest.visit(plan), await guest.visit(plan)
