"""Subway Runner without its pictures: the course, the run, what it comes to, and where things are seen."""

import json
import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from subway_runner import pilot, sparks
from subway_runner.course import LANE_M, STRETCH_M, Kind, Obstacle, stretch
from subway_runner.result import put, result_of
from subway_runner.running import COIN_POINTS, TICK_S, TOP_SPEED_MPS, Action, Run, step
from subway_runner.view import BEHIND_M, HORIZON, View, haze

SEEDS = range(5)


def ran(run: Run, seconds: float, actions: Iterable[Action] = ()) -> Run:
    """After so long, with these actions at once and none later."""
    run = step(run, actions)
    for _ in range(round(seconds / TICK_S) - 1):
        run = step(run)
    return run


def before(kind: Kind, ahead_m: float) -> tuple[Run, Obstacle]:
    """A run in the lane of such an obstacle, that far before it, with nothing else in between."""
    for seed in range(100):
        for number in range(1, 20):
            for one in stretch(seed, number).obstacles:
                if one.kind is kind:
                    lane_m = one.lane * LANE_M
                    return Run(seed, distance_m=one.at_m - ahead_m, lane=one.lane, x_m=lane_m), one
    raise AssertionError(f"no course has a {kind}")


def test_the_same_seed_and_actions_end_alike() -> None:
    def played(seed: int) -> Run:
        draw, run = random.Random(7), Run(seed)
        while not run.is_over:
            run = step(run, [draw.choice(list(Action))] if draw.random() < 0.05 else [])
        return run

    assert played(3) == played(3)
    assert played(3) != played(4)


def test_every_stretch_has_a_lane_without_trains_and_the_first_two_have_none() -> None:
    for seed in SEEDS:
        for number in range(60):
            here = stretch(seed, number)
            trains = {one.lane for one in here.obstacles if one.kind is Kind.TRAIN}
            assert here.free_lane not in trains
            assert number > 1 or not trains
            for one in here.obstacles:
                assert number * STRETCH_M <= one.at_m
                assert one.at_m + one.length_m <= (number + 1) * STRETCH_M


@pytest.mark.parametrize("seed", SEEDS)
def test_there_is_always_a_way_through_also_at_the_highest_speed(seed: int) -> None:
    for begun in (Run(seed), Run(seed, ticks=round(200 / TICK_S))):
        run = begun
        while run.distance_m < 500 and not run.is_over:
            run = step(run, pilot.actions(run))
        assert run.met is None
        assert run.coins > 20


def test_it_gets_faster_up_to_a_limit() -> None:
    speeds = [Run(0, ticks=round(seconds / TICK_S)).speed_mps for seconds in (0, 30, 60, 200, 400)]
    assert speeds == sorted(speeds)
    assert speeds[0] < speeds[1] < speeds[2] < speeds[3] == speeds[4] == TOP_SPEED_MPS


def test_lanes_are_changed_one_at_a_time_and_end_at_the_edge() -> None:
    run = ran(Run(0), 0.3, [Action.LEFT])
    assert (run.lane, run.x_m) == (-1, -LANE_M)
    assert ran(run, 0.3, [Action.LEFT]).lane == -1
    assert ran(run, 0.5, [Action.RIGHT, Action.RIGHT]).x_m == LANE_M


@pytest.mark.parametrize(
    ("kind", "way", "seconds_before"), [(Kind.BARRIER, Action.JUMP, 0.3), (Kind.SIGN, Action.ROLL, 0.25)]
)
def test_a_barrier_is_jumped_and_a_sign_is_rolled_under(kind: Kind, way: Action, seconds_before: float) -> None:
    run, obstacle = before(kind, Run(0).speed_mps * seconds_before)
    assert ran(run, 0.6).met == obstacle
    assert ran(run, 0.6, [way]).met is None
    wrong = Action.ROLL if way is Action.JUMP else Action.JUMP
    assert ran(run, 0.6, [wrong]).met == obstacle


def test_a_train_is_met_whatever_one_does_in_its_lane() -> None:
    run, train = before(Kind.TRAIN, 4.0)
    for actions in ([], [Action.JUMP], [Action.ROLL]):
        assert ran(run, 0.6, actions).met == train


def test_who_meets_something_stays_there() -> None:
    run, _ = before(Kind.TRAIN, 4.0)
    over = ran(run, 0.6)
    assert over.is_over
    assert step(over, [Action.LEFT]) == over


def test_nobody_jumps_off_the_air_and_a_roll_there_is_a_dive() -> None:
    high = ran(Run(0), 0.2, [Action.JUMP])
    assert ran(high, TICK_S, [Action.JUMP]) == ran(high, TICK_S)
    dived = ran(high, 0.15, [Action.ROLL])
    assert (dived.is_in_the_air, dived.is_rolling) == (False, True)
    assert ran(high, 0.15).is_in_the_air
    assert not ran(dived, TICK_S, [Action.JUMP]).is_rolling, "a jump ends it"


def test_a_coin_is_taken_once_and_is_ten_points() -> None:
    here = next(each for each in (stretch(seed, 0) for seed in range(50)) if each.coins)
    coin = here.coins[0]
    seed = next(seed for seed in range(50) if stretch(seed, 0) == here)
    run = Run(seed, distance_m=coin.at_m - 0.5, lane=coin.lane, x_m=coin.lane * LANE_M)
    taken = step(run)
    assert taken.coins == 1
    assert step(taken).coins == 1
    assert taken.score == int(taken.distance_m) + COIN_POINTS
    far = replace(taken, distance_m=10 * STRETCH_M)
    while far.coins == 1:
        far = step(far, pilot.actions(far))
    assert all(number >= 9 for number, _ in far.taken), "what lies behind is forgotten"


def test_a_result_says_how_it_ended() -> None:
    run = ran(Run(5), 1.0)
    assert result_of(run) == {
        "score": run.score,
        "distance": 13,
        "coins": run.coins,
        "duration": 1.0,
        "reason": "playing",
        "seed": 5,
    }
    assert result_of(run, is_closed=True)["reason"] == "stopped"
    over = ran(before(Kind.TRAIN, 1.0)[0], 0.5)
    assert result_of(over)["reason"] == result_of(over, is_closed=True)["reason"] == "crashed"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    put(file, {"score": 1})
    put(file, {"score": 2})
    assert json.loads(file.read_text()) == {"score": 2}
    assert list(tmp_path.iterdir()) == [file]
    (tmp_path / "result.new").mkdir()
    with pytest.raises(OSError, match=r"result\.new"):
        put(file, {"score": 3})
    assert json.loads(file.read_text()) == {"score": 2}


def test_what_is_farther_is_seen_smaller_and_nearer_to_the_horizon() -> None:
    view = View(0.5, 100.0)
    widths, feet = [], []
    for at_m in (100.0, 110.0, 150.0, 200.0):
        depth_m = view.depth_m(at_m)
        (left, foot), (right, _) = view.at(-1, 0, depth_m), view.at(1, 0, depth_m)
        widths.append(right - left)
        feet.append(foot)
    assert widths == sorted(widths, reverse=True)
    assert feet == sorted(feet, reverse=True)
    assert feet[-1] > HORIZON
    assert view.depth_m(100.0) == BEHIND_M
    assert [haze(depth_m) for depth_m in (5, 1000)] == [0, 1]
    assert view.at(view.eye_x_m + 5, 0, view.edge_m(view.eye_x_m + 5))[0] > 1280


def test_sparks_go_out() -> None:
    flying = sparks.burst(10, 20, 12, random.Random(1).random)
    assert len(flying) == 12
    assert len({(one.x, one.y) for one in sparks.later(flying, 0.1)}) == 12
    assert sparks.later(flying, 1.0) == []
