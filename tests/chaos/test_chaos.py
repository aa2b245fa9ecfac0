"""Three evenings of a hundred: somebody plays while the agent, the replica and the engine are killed (`make chaos`)."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.chaos.clearing import mounts_below, processes
from tests.chaos.evening import play
from tests.chaos.house import House
from tests.chaos.machine import SLUG
from tests.chaos.player import Player
from tests.chaos.schedule import Fault, schedule
from tests.chaos.seeds import seat_runtime

SEEDS = {19: Fault.AGENT_KILLED, 1: Fault.REPLICA_KILLED, 2: Fault.ENGINE_KILLED}


@pytest.fixture(scope="module")
def runtime() -> Generator[Path]:
    with seat_runtime() as folder:
        yield folder


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_dies_nothing_is_lost_and_nothing_is_left(seed: int, runtime: Path) -> None:
    plan = schedule(seed)
    assert SEEDS[seed] in {strike.fault for strike in plan.strikes}
    outcome = await play(plan, runtime)
    assert outcome.verdict.is_good, str(outcome)


class BrokeOff(Exception):
    """The test itself went wrong in the middle of a game."""


@pytest.mark.timeout(120)
async def test_a_house_that_is_left_in_the_middle_of_a_game_leaves_nothing_behind(runtime: Path) -> None:
    house = House(runtime, 0.2)
    with pytest.raises(BrokeOff):
        await _broken_off(house)
    assert house.seat_processes() == []
    assert [words for _, words in processes() if str(house.folder) in words] == []
    assert mounts_below(house.folder) == []
    assert not house.folder.exists()


async def _broken_off(house: House) -> None:
    async with house.opened(1, None), Player(house.urls, house.note) as player:
        await player.register()
        session_id = await player.launch(SLUG)
        status = await player.until(session_id, lambda seen: seen.status == "running" or seen.is_over, 60)
        assert status.status == "running", house.log_tails()
        house.learn_seats()
        assert house.seat_processes()
        raise BrokeOff
