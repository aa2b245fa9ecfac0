"""What became of a match while replicas were away."""

from matches.events import Disconnected, Outage
from orchestrator.arena.losses import Connected, Losses, losses


def test_where_nobody_was_away_nothing_is_lost() -> None:
    assert losses([], [Connected("a", 0, 9_000, is_dead=False)], 1_000, 9_500) == Losses([], [], 1_000)


def test_each_outage_counts_from_where_the_one_before_ended() -> None:
    lost = losses([(500, 2_000), (1_500, 3_000), (4_000, 4_500)], [], 1_000, 9_000)
    assert lost == Losses([Outage(1_000), Outage(1_000), Outage(500)], [], 4_500)


def test_who_has_another_socket_is_still_there() -> None:
    connected = [
        Connected("a", 0, 5_000, is_dead=True),
        Connected("b", 0, 9_000, is_dead=False),
        Connected("c", 1, 4_000, is_dead=True),
    ]
    assert losses([], connected, 1_000, 9_000) == Losses([Outage(5_000), Disconnected(1)], ["a", "c"], 9_000)


def test_silence_before_the_last_excuse_is_not_excused_twice() -> None:
    lost = losses([(2_000, 8_000)], [Connected("a", 1, 3_000, is_dead=True)], 0, 9_000)
    assert lost == Losses([Outage(6_000), Outage(1_000), Disconnected(1)], ["a"], 9_000)
