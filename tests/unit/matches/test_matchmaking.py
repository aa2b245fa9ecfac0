"""Pairing: the longest wait first, the nearest in reach, never across pools."""

from dataclasses import replace
from itertools import combinations

from hypothesis import example, given
from hypothesis import strategies as st

from matches.matchmaking import Mode, Pool, Waiting, by_weight, paired, position, reach, seated, unmet
from matches.values import Game

NOW_MS = 1_000_000


def waiting(name: str, rating: float = 1500, waited_s: float = 0, **others: object) -> Waiting:
    one = Waiting(name, "acme", name, Mode.LIVE, Game.CHESS, rating, NOW_MS - round(waited_s * 1000))
    return replace(one, **others)


def names(*line: Waiting, now_ms: int = NOW_MS) -> list[tuple[str, str]]:
    return [(first.ticket, second.ticket) for first, second in paired(line, now_ms)]


def test_two_in_reach_meet_and_two_out_of_it_wait() -> None:
    assert names(waiting("a", 1500), waiting("b", 1700)) == [("a", "b")]
    assert names(waiting("a", 1500), waiting("b", 1701)) == []


def test_the_reach_grows_while_one_waits() -> None:
    assert [reach(ms) for ms in (-5, 0, 9_999, 10_000, 25_000, 60_000)] == [200, 200, 200, 250, 300, 500]


def test_the_longer_wait_of_the_two_counts() -> None:
    assert names(waiting("new", 1500), waiting("old", 1750, waited_s=10)) == [("old", "new")]
    assert names(waiting("new", 1500), waiting("old", 1750, waited_s=9.9)) == []


def test_who_came_first_is_served_first_with_the_nearest() -> None:
    line = [waiting("c", 1590), waiting("b", 1510, 1), waiting("a", 1500, 2), waiting("d", 1400, 3)]
    assert names(*line) == [("d", "a"), ("b", "c")]


def test_of_equally_near_ones_who_joined_first_is_taken() -> None:
    line = [waiting("a", 1500, 9), waiting("b", 1400, 3), waiting("c", 1400, 5), waiting("d", 1600, 4)]
    assert names(*line)[0] == ("a", "c")
    assert names(waiting("a", 1500, 9), waiting("b", 1500, 2), waiting("c", 1500, 5))[0] == ("a", "c")


def test_tenants_modes_and_games_never_meet() -> None:
    one = waiting("a")
    for other in (
        waiting("b", tenant_id="other"),
        waiting("b", mode=Mode.TEST),
        waiting("b", game=Game.CHECKERS),
    ):
        assert names(one, other) == []
    assert names(replace(one, mode=Mode.TEST), waiting("b", mode=Mode.TEST)) == [("a", "b")]


def test_in_training_tenants_meet() -> None:
    line = [waiting("a", mode=Mode.TRAINING), waiting("b", mode=Mode.TRAINING, tenant_id="other")]
    assert names(*line) == [("a", "b")]


def test_nobody_meets_themselves() -> None:
    assert names(waiting("a", player_id="same"), waiting("b", player_id="same")) == []
    three = [waiting("a", player_id="same"), waiting("b", player_id="same"), waiting("c")]
    assert names(*three) == [("a", "c")]


def test_ones_position_is_among_those_one_could_meet() -> None:
    line = [waiting("a", waited_s=3), waiting("b", waited_s=2, tenant_id="other"), waiting("c", waited_s=1)]
    assert [position(one, line) for one in line] == [1, 1, 2]


def test_who_joined_first_begins_where_the_pages_say_so_and_a_coin_decides_elsewhere() -> None:
    for game, is_drawn in ((Game.CONNECT4, False), (Game.TICTACTOE, False), (Game.CHESS, True), (Game.CHECKERS, True)):
        pair = (waiting("a", game=game), waiting("b", game=game))
        assert seated(pair, coin=True) == pair
        assert (seated(pair, coin=False) != pair) == is_drawn


players = st.builds(
    Waiting,
    ticket=st.uuids().map(str),
    tenant_id=st.sampled_from(["acme", "other"]),
    player_id=st.sampled_from("abcdefgh"),
    mode=st.sampled_from(Mode),
    game=st.sampled_from([Game.CHESS, Game.CHECKERS]),
    rating=st.integers(1_200, 2_200).map(float),
    since_ms=st.integers(NOW_MS - 60_000, NOW_MS),
)


@given(st.lists(players, max_size=24, unique_by=lambda one: one.ticket))
def test_pairs_keep_every_promise_and_leave_nobody_who_could_meet(line: list[Waiting]) -> None:
    pairs = paired(line, NOW_MS)
    assert pairs == paired(line[::-1], NOW_MS)
    taken = [one for pair in pairs for one in pair]
    assert len({one.ticket for one in taken}) == len(taken)
    for first, second in pairs:
        assert may_meet(first, second)
    busy = {(one.pool, one.tenant_id, one.player_id) for one in taken}
    free = [one for one in line if (one.pool, one.tenant_id, one.player_id) not in busy]
    earliest = [
        one
        for one in free
        if one.order
        == min(
            each.order
            for each in free
            if each.pool == one.pool and (each.tenant_id, each.player_id) == (one.tenant_id, one.player_id)
        )
    ]
    assert not any(may_meet(*sorted(pair, key=lambda one: one.order)) for pair in combinations(earliest, 2))


TWICE = [waiting("1", player_id="x"), waiting("2"), waiting("3", player_id="x"), waiting("4")]


@given(st.lists(players, max_size=12, unique_by=lambda one: one.ticket), st.sampled_from([0, 30_000, 60_000]))
@example(TWICE, 60_000)
def test_bots_come_to_everybody_in_the_end_and_never_between_people(line: list[Waiting], later_ms: int) -> None:
    now_ms = NOW_MS + later_ms
    taken = [one for pair in paired(line, now_ms) for one in pair]
    to_bots = unmet(line, now_ms)
    players_of = [(one.pool, one.who) for one in [*taken, *to_bots]]
    assert len(set(players_of)) == len(players_of)
    left: dict[tuple[Pool, tuple[str, str]], Waiting] = {}
    for one in sorted(set(line) - set(taken), key=lambda one: one.order):
        left.setdefault((one.pool, one.who), one)
    for one in to_bots:
        assert one.mode != Mode.TRAINING
        assert now_ms - one.since_ms >= 15_000
        for (pool, who), other in left.items():
            assert pool != one.pool or who == one.who or abs(other.rating - one.rating) > 500
    if later_ms == 60_000:
        for (pool, who), one in left.items():
            is_met_next = any(
                pool == each and who != other and (pool, other) in players_of and abs(second.rating - one.rating) <= 500
                for (each, other), second in left.items()
            )
            assert pool.mode == Mode.TRAINING or (pool, who) in players_of or is_met_next


def may_meet(first: Waiting, second: Waiting) -> bool:
    in_reach = abs(first.rating - second.rating) <= reach(NOW_MS - min(first.since_ms, second.since_ms))
    is_same = (first.tenant_id, first.player_id) == (second.tenant_id, second.player_id)
    return first.pool == second.pool and not is_same and in_reach


def test_a_flood_of_joins_is_paired_at_once() -> None:
    line = [waiting(f"{index:05}", rating=1_000 + index * 7 % 1_000, waited_s=index / 1_000) for index in range(4_000)]
    assert len(paired(line, NOW_MS)) == 2_000


def alone(*line: Waiting) -> list[str]:
    return [one.ticket for one in unmet(line, NOW_MS)]


def test_whom_nobody_met_for_fifteen_seconds_may_meet_a_bot() -> None:
    assert alone(waiting("a", waited_s=15)) == ["a"]
    assert alone(waiting("a", waited_s=14.9)) == []
    assert alone(waiting("late", 1500, 15), waiting("early", 2500, 16), waiting("new", 3500, 14.9)) == ["early", "late"]
    assert alone(waiting("a", waited_s=60, mode=Mode.TRAINING)) == []


def test_a_bot_keeps_nobody_apart_who_would_meet_within_a_minute() -> None:
    near = [waiting("a", 1500, 40), waiting("b", 2000, 20)]
    assert (names(*near), alone(*near)) == ([], [])
    assert names(*near, now_ms=NOW_MS + 20_000) == [("a", "b")]
    assert alone(waiting("a", 1500, 40), waiting("b", 2001, 20)) == ["a", "b"]
    assert alone(waiting("a", 1500, 40), waiting("b", 2000, 0), waiting("c", 2600, 20)) == ["c"]
    assert alone(waiting("a", 1500, 40), waiting("b", 2000, 20, tenant_id="other")) == ["a", "b"]


def test_nobody_who_waits_twice_meets_two_bots_or_a_bot_beside_a_person() -> None:
    assert alone(waiting("a", waited_s=20, player_id="same"), waiting("b", waited_s=30, player_id="same")) == ["b"]
    pair = [waiting("a", waited_s=30, player_id="same"), waiting("b", waited_s=30)]
    again = waiting("c", waited_s=20, player_id="same")
    assert (names(*pair, again), alone(*pair, again)) == ([("a", "b")], [])
    assert alone(*pair, again, waiting("d", 1900, 20)) == []  # who may still meet the other's second ticket


def test_bots_come_as_often_as_they_weigh() -> None:
    weights = {"never": 0.0, "seldom": 25.0, "often": 75.0}
    assert [by_weight(weights, draw) for draw in (0, 0.24, 0.25, 0.99)] == ["seldom", "seldom", "often", "often"]
    assert by_weight({"never": 0.0}, 0.5) is None
    assert by_weight({}, 0.5) is None


def test_the_last_bot_comes_where_rounding_left_nothing_over() -> None:
    assert by_weight({"a": 0.1, "b": 0.2, "never": 0.0}, 1.0) == "b"
