"""Ctrl-C within 20 s, however each part behaves: the sums."""

from gameserver_agent import service
from gameserver_agent.sessions import ending
from orchestrator.embedded import private_engine, supervisor

CTRL_C_WITHIN_S = 20.0


def test_all_parts_together_stop_within_the_promised_time() -> None:
    parts_s = (supervisor.AGENT_STOPS_WITHIN_S, supervisor.REPLICA_STOPS_WITHIN_S, private_engine.STOP_WITHIN_S)
    assert sum(parts_s) < CTRL_C_WITHIN_S


def test_an_agent_that_keeps_its_own_times_is_not_killed() -> None:
    assert service.ENDS_WITHIN_S < supervisor.AGENT_STOPS_WITHIN_S


def test_a_game_has_its_hurried_grace_before_the_agent_gives_it_up() -> None:
    assert ending.HURRIED_GRACE_S + 2 < service.STOP_WITHIN_S
