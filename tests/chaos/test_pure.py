"""What the chaos tests believe: the same seed is the same evening, and the referee counts what is lost."""

from pathlib import Path

import pytest

from tests.chaos.clearing import kill_everything, seat_uids
from tests.chaos.observer import Written
from tests.chaos.referee import lost_for_good, save_ages
from tests.chaos.schedule import BORN_BAD, Fault, schedule


def test_a_seed_is_the_same_evening_for_ever() -> None:
    assert [str(schedule(seed)) for seed in range(100)] == [str(schedule(seed)) for seed in range(100)]


def test_a_hundred_seeds_meet_every_fault_at_least_five_times() -> None:
    met = [strike.fault for seed in range(100) for strike in schedule(seed).strikes]
    assert all(met.count(fault) >= 5 for fault in Fault)


def test_nobody_is_asked_to_wait_for_two_games_that_never_come() -> None:
    plans = [schedule(seed) for seed in range(100)]
    assert all(sum(strike.fault in BORN_BAD for strike in plan.strikes) <= 1 for plan in plans)


TEN = ("1", [Written(count, 100.0 + count) for count in range(1, 11)])
GOES_ON_FROM_4 = ("2", [Written(5, 200.0), Written(6, 201.0)])


def test_what_a_run_wrote_and_nobody_goes_on_from_is_lost() -> None:
    assert save_ages([TEN], Written(10, 110.0), ()) == {"1": 0.0}
    assert save_ages([TEN], Written(7, 107.0), ()) == {"1": 3.0}
    assert save_ages([TEN, GOES_ON_FROM_4], Written(6, 201.0), ()) == {"1": 6.0, "2": 0.0}
    assert save_ages([TEN], None, ()) == {"1": 10.0}


def test_from_a_fault_on_only_what_was_before_it_counts() -> None:
    assert save_ages([TEN, GOES_ON_FROM_4], Written(6, 201.0), [99.0, 106.0]) == {"1": 2.0, "2": 0.0}


def test_a_late_archive_beside_the_head_is_not_lost() -> None:
    assert lost_for_good([TEN, GOES_ON_FROM_4], {"2": Written(6, 201.0)}) == {"1": Written(4, 104.0)}
    assert lost_for_good([TEN, GOES_ON_FROM_4], {"1": Written(9, 109.0), "2": Written(6, 201.0)}) == {}


def test_a_seat_folder_that_is_still_roots_marks_nobody(tmp_path: Path) -> None:
    (tmp_path / "host" / "session" / "seat").mkdir(parents=True)
    assert seat_uids(tmp_path) == set()


def test_nobody_but_seats_is_ever_killed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        kill_everything(tmp_path, {0})
