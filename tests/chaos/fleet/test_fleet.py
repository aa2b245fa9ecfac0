"""Three schedules of two hundred, in one town (`make chaos-fleet`): two replicas, three engines, and something dies."""

import pytest

from tests.chaos.fleet.evening import FleetOutcome, play
from tests.chaos.fleet.schedule import What, schedule, shortened
from tests.chaos.fleet.town import Town
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
