"""Runs by itself, as behind the title: what a player who sees everything does now. Pure."""

from subway_runner.course import CLEAR_M, STRETCH_M, Kind, number_at, stretch
from subway_runner.running import Action, Run

_JUMP_AHEAD_S, _ROLL_AHEAD_S = 0.3, 0.25


def actions(run: Run) -> tuple[Action, ...]:
    """Into the free lane where the tracks are clear, over barriers and under signs."""
    here = stretch(run.seed, number_at(run.distance_m))
    offset_m = run.distance_m - here.number * STRETCH_M
    if 1.0 < offset_m < CLEAR_M and run.lane != here.free_lane:
        return (Action.LEFT if here.free_lane < run.lane else Action.RIGHT,)
    for one in here.obstacles:
        ahead_s = (one.at_m - run.distance_m) / run.speed_mps
        if one.lane != run.lane or ahead_s < 0:
            continue
        if one.kind is Kind.BARRIER and ahead_s < _JUMP_AHEAD_S and not run.is_in_the_air:
            return (Action.JUMP,)
        if one.kind is Kind.SIGN and ahead_s < _ROLL_AHEAD_S and not run.is_rolling:
            return (Action.ROLL,)
    return ()
