"""What a soak judges by: made-up series of which it is known whether they grow."""

import random
import runpy
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module

import pytest

from bench.results import Row
from bench.soak.__main__ import rows as rows_of
from bench.soak.day import Soaked
from bench.soak.hurried import CLOCKS
from bench.soak.picture import AMBER_LUMA, Luma, is_lit, number_of
from bench.soak.plan import CALM_S, Chair, Faults, Leaving, SeatKilled
from bench.soak.samples import Program, Sample
from bench.soak.verdict import (
    Point,
    floors,
    last_over_first,
    least_number,
    missed,
    settled,
    slope_per_hour,
)
from bench.soak.visits import Visited
from tests.chaos.fleet.schedule import Strike, Way, What
from tests.chaos.machine import TINY

BLUE, AMBER = 57, 167


def life(value: Callable[[float], float], seconds: int = 900, begins_s: float = 0.0) -> list[Point]:
    return [Point(begins_s + at_s, value(at_s)) for at_s in range(0, seconds, 5)]


def noisy(base: float, per_hour: float, seed: int = 3) -> Callable[[float], float]:
    """Between none and eight more than the base, as people come and go."""
    draw = random.Random(seed)
    return lambda at_s: base + draw.randint(0, 8) + per_hour * at_s / 3600


def test_what_comes_and_goes_with_people_is_no_leak() -> None:
    slope = slope_per_hour([life(noisy(40, 0)), life(noisy(44, 0, seed=4), begins_s=900)], 60, 120)
    assert slope is not None
    assert abs(slope) < 5


def test_a_descriptor_kept_by_each_tenth_session_is_found() -> None:
    per_hour = 400 / 10  # half an hour has two hundred sessions
    slope = slope_per_hour([life(noisy(40, per_hour)), life(noisy(40, per_hour, seed=5), begins_s=900)], 60, 120)
    assert slope == pytest.approx(per_hour, abs=6)


def test_warming_up_and_wild_values_do_not_count() -> None:
    def rss(at_s: float) -> float:
        if at_s < 120:
            return 100 + at_s
        return 900 if at_s % 50 == 0 else 220

    assert slope_per_hour([life(rss)], 60, 120) == 0


def test_lives_are_not_compared_with_each_other() -> None:
    assert slope_per_hour([life(lambda _: 10.0), life(lambda _: 90.0, begins_s=900)], 60, 120) == 0


def test_a_short_life_tells_nothing() -> None:
    assert slope_per_hour([life(lambda at_s: at_s, seconds=180)], 60, 120) is None
    assert slope_per_hour([], 60, 120) is None


def test_two_windows_whose_least_is_at_one_moment_make_no_pair() -> None:
    assert slope_per_hour([[Point(0.0, 1.0)] * 9], 60, 0) is None
    assert settled([], 10) == []


def test_of_each_window_the_least_is_kept_where_it_was() -> None:
    points = [Point(10, 5), Point(20, 3), Point(69, 4), Point(70, 9), Point(80, 8)]
    assert floors(points, 60) == [Point(20, 3), Point(80, 8)]


def test_later_is_held_against_earlier() -> None:
    assert last_over_first([Point(at_s, 20.0 if at_s < 50 else 30.0) for at_s in range(100)], 0.5) == 1.5
    assert last_over_first([Point(3.0, 7.0)], 0.95) == 1


def test_a_number_that_was_seen_is_there_again() -> None:
    seen = [(100.0, 7), (101.0, 8), (102.0, 9)]
    assert least_number(0, seen, [], 5) == 9
    assert least_number(0, seen, [200.0], 5) == 9


def test_after_a_fault_so_much_may_be_lost_and_never_what_was_there_before() -> None:
    seen = [(100.0 + second, 20 + second) for second in range(20)]
    assert least_number(3, seen, [110.0, 105.0], 5) == 20
    assert least_number(22, seen, [105.0], 5) == 22
    assert least_number(19, seen, [90.0], 5) == 19
    assert least_number(4, [], [], 5) == 4


def test_only_goals_that_were_missed_are_named() -> None:
    rows = [Row("kept", 1, "", "<= 2"), Row("no_goal", 9, ""), Row("left", 3, "", "0"), Row("other", 3, "", "or >= 5")]
    assert [each.partition(" ")[0] for each in missed(rows)] == ["left"]


def half_an_hour(*, containers: int | None = 4, is_asked: bool = True) -> Soaked:
    """In which all is well, as far as anybody could look."""
    programs = tuple(Program(f"{name}1", number, 100.0, 40, 8) for number, name in enumerate(("replica", "agent")))
    samples = [
        Sample(at_s, programs, 9, 0, mounts=2, containers=containers, overdue={} if is_asked else None)
        for at_s in range(0, 1800, 5)
    ]
    visit = Visited("0.0", Leaving.STOP, 10.0, 30.0, launch_s=1.0, stop_s=1.0, presses=[(15.0, 0.1)])
    return Soaked(people=50, visits=[visit], samples=samples, idle=samples[0], drained=samples[-1])


def test_what_nobody_could_look_at_is_not_taken_for_well() -> None:
    assert not missed(rows_of(half_an_hour(), 30))
    with pytest.raises(AssertionError, match="containers"):
        rows_of(half_an_hour(containers=None), 30)
    with pytest.raises(AssertionError, match="overdue"):
        rows_of(half_an_hour(is_asked=False), 30)


def test_a_press_that_nobody_saw_is_a_goal_missed_unless_something_was_broken() -> None:
    soaked = half_an_hour()
    soaked.visits[0].presses.append((20.0, None))
    [told] = missed(rows_of(soaked, 30))
    assert told.startswith("presses_lost_in_calm is 1")
    soaked.faults.append((19.0, 22.0))
    assert not missed(rows_of(soaked, 30))


def test_launches_that_take_long_are_goals_missed() -> None:
    soaked = half_an_hour()
    soaked.visits[0].launch_s = 4.0
    soaked.people = 4
    assert not missed(rows_of(soaked, 2)), "a short soak has too few launches to judge them"
    soaked.people = 50
    assert [told.split()[0] for told in missed(rows_of(soaked, 30))] == ["launch_to_running_p50_s"]
    soaked.visits[0].launch_s = 6.0
    assert [told.split()[0] for told in missed(rows_of(soaked, 30))] == [
        "launch_to_running_p50_s",
        "launch_to_running_p95_s",
    ]


def test_everybody_comes_within_the_time_and_comes_back_to_their_chair() -> None:
    chair = Chair(7, 12)
    visits = [chair.next(step / 40) for step in range(40)]
    first = [
        visit.guest for number, visit in enumerate(visits) if visit.guest not in {v.guest for v in visits[:number]}
    ]
    assert first == list(range(12))
    assert {visit.leaving for visit in visits} == set(Leaving)
    again = Chair(7, 12)
    assert visits == [again.next(step / 40) for step in range(40)]


def test_each_kind_breaks_in_its_turn_and_each_half_spares_one_of_each_program() -> None:
    faults = Faults(5)
    struck = [(step / 56, *faults.next(step / 56)) for step in range(56)]
    assert all(CALM_S[0] <= calm_s <= CALM_S[1] for _, calm_s, _ in struck)
    assert sum(isinstance(fault, SeatKilled) for _, _, fault in struck) == 4
    assert str(SeatKilled(3)) == "seat 3 killed"
    strikes = [(elapsed, fault) for elapsed, _, fault in struck if isinstance(fault, Strike)]
    assert {(fault.what, fault.way) for _, fault in strikes} >= {(What.AGENT, Way.KILLED), (What.HOST_LINE, Way.CUT)}
    programs = {What.REPLICA, What.AGENT, What.ENGINE}
    killed = {(elapsed < 0.5, fault.number) for elapsed, fault in strikes if fault.what in programs}
    assert killed == {(True, 1), (False, 0)}
    assert all((fault.lasts_s > 0) == (fault.way is Way.CUT) for _, fault in strikes)


def test_every_clock_that_hurries_is_there() -> None:
    clocks = [
        getattr(import_module(name), clock)
        for each in CLOCKS.values()
        for name, names in each.items()
        for clock in names
    ]
    assert clocks
    assert all(isinstance(value, float | timedelta) for value in clocks)


def drawn(number: str, is_lit: bool, width: int = 640, height: int = 360) -> Luma:
    """As the game draws it."""
    figures = runpy.run_path(str(TINY / "counter.py"))["DIGITS"]
    cell, dots = height // 30, [[BLUE] * (width + 8) for _ in range(height)]

    def fill(x: int, y: int, wide: int, high: int) -> None:
        for line in dots[y : y + high]:
            line[x : x + wide] = [AMBER] * wide

    for place, figure in enumerate(number):
        for row, bits in enumerate(figures[int(figure)]):
            for column in range(3):
                if int(bits) & 4 >> column:
                    fill(cell * (1 + 4 * place + column), cell * (1 + row), cell, cell)
    if is_lit:
        fill(width - 120, cell, 120 - cell, 5 * cell)
    return Luma(bytes(dot for line in dots for dot in line), width + 8, width, height)


def test_the_number_and_the_lamp_are_read_off_the_picture() -> None:
    for number in ("0", "7", "1234567890"[:8], "999"):
        for lit in (False, True):
            picture = drawn(number, lit)
            assert number_of(picture) == int(number)
            assert is_lit(picture) is lit
    assert number_of(drawn("", is_lit=False)) is None


def test_a_number_that_is_just_being_drawn_is_none() -> None:
    picture = drawn("8", is_lit=False)
    cell = picture.height // 30
    torn = bytearray(picture.content)
    torn[int(1.5 * cell) * picture.stride + int(1.5 * cell)] = BLUE
    assert number_of(Luma(bytes(torn), picture.stride, picture.width, picture.height)) is None
    assert BLUE < AMBER_LUMA < AMBER
