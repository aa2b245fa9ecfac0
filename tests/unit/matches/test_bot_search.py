"""Alpha-beta leaves out much, and nothing that matters: the same numbers as by looking at everything."""

from collections.abc import Sequence
from random import Random
from typing import ClassVar

import pytest

from matches.bots import checkers as checkers_bot
from matches.bots import chess as chess_bot
from matches.bots.habits import TURN, WIN
from matches.bots.search import Look, Outlook, S, worths
from matches.rules import spiel
from matches.rules.chess import START

PLENTY = 10**9


def everything(state: S, player: int, outlook: Outlook[S], turns: int) -> int:
    """Minimax as it is written in books."""
    mover = state.current_player()
    if state.is_terminal():
        return int(state.returns()[player]) * (WIN + turns * TURN)
    sign = 1 if mover == player else -1
    actions = outlook.loud(state) if turns <= 0 else state.legal_actions()
    values: list[int] = []
    if turns <= 0 and not (actions and outlook.loud_is_forced):
        values.append(sign * outlook.worth(state, mover))
    for action in actions:
        then = after(state, action)
        values.append(everything(then, player, outlook, turns if then.current_player() == mover else turns - 1))
    return max(values) if mover == player else min(values)


def after(state: S, action: int) -> S:
    then = state.clone()
    then.apply_action(action)
    return then


def somewhere(state: S, moves: int, seed: int) -> S:
    draws = Random(seed)
    for _ in range(moves):
        if not state.is_terminal():
            state.apply_action(draws.choice(state.legal_actions()))
    return state


def compare(state: S, outlook: Outlook[S], turns: int) -> None:
    player, slack = state.current_player(), 25
    first = [after(state, action) for action in state.legal_actions()]
    exact = [everything(then, player, outlook, turns - 1) for then in first]
    found = worths(first, player, outlook, Look(turns, PLENTY), slack)
    for value, claimed in zip(exact, found, strict=True):
        if value >= max(exact) - slack:
            assert claimed == value
        else:
            assert value <= claimed < max(exact) - slack


@pytest.mark.parametrize("seed", range(12))
def test_checkers(seed: int) -> None:
    state = somewhere(spiel.checkers(()), 8 * seed, seed)
    if not state.is_terminal():
        compare(state, checkers_bot.OUTLOOK, 3)


@pytest.mark.parametrize("fen", [START, "8/P5k1/8/8/8/5q2/7K/8 w - - 0 1", "4k3/8/2n5/1p6/3p4/8/8/3QK3 w - - 0 1"])
def test_chess(fen: str) -> None:
    compare(spiel.chess(fen), chess_bot.OUTLOOK, 2)


class Counting:
    """Checkers, with a count of the glances."""

    loud_is_forced: ClassVar[bool] = True

    def __init__(self) -> None:
        self.glances = 0

    def worth(self, state: spiel.State, player: int) -> int:
        self.glances += 1
        return checkers_bot.OUTLOOK.worth(state, player)

    def ordered(self, state: spiel.State) -> Sequence[int]:
        return checkers_bot.OUTLOOK.ordered(state)

    def loud(self, state: spiel.State) -> Sequence[int]:
        return checkers_bot.OUTLOOK.loud(state)


def test_the_budget_ends_the_search_with_what_the_last_whole_round_found() -> None:
    state = spiel.checkers(())
    first = [after(state, action) for action in state.legal_actions()]
    outlook = Counting()
    found = worths(first, 0, outlook, Look(20, 300), 0)
    assert outlook.glances < 400
    assert found in [worths(first, 0, Counting(), Look(turns, PLENTY), 0) for turns in range(1, 6)]


def test_the_first_turn_is_looked_at_whatever_the_budget() -> None:
    state = spiel.checkers(())
    first = [after(state, action) for action in state.legal_actions()]
    assert worths(first, 0, Counting(), Look(5, 1), 0) == worths(first, 0, Counting(), Look(1, PLENTY), 0)
