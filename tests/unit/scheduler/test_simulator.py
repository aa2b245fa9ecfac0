"""A fleet in virtual time, small enough to be reckoned by hand."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from scheduler.fleet import Fleet
from scheduler.placement import UNPACK_BYTES_PER_S, pick
from scheduler.prepull import Plan
from scheduler.simulator import NOTICED_AFTER_S, PLACING_LIMIT_S, Outcome, Simulation
from scheduler.trace import Game, Launch, Machine, Outage, Trace
from scheduler.values import Request, Resources

GIB = 1024**3
BASE = {"base": 130_000_000}
CHESS = Game("chess", {**BASE, "chess": 260_000_000}, Resources(1.0, GIB, 1), 2.0)
GO = Game("go", {**BASE, "go": 130_000_000}, Resources(1.0, GIB, 1), 1.0)
BIG = Game("big", {"big": 1_300_000_000}, Resources(4.0, GIB, 1), 1.0)
HOST = Machine("host-1", "standard", Resources(4.0, 8 * GIB, 4), 600_000_000, 13_000_000.0, 1.0)
OTHER = replace(HOST, host_id="host-2")
CHESS_S = 390 / 13 + 390e6 / UNPACK_BYTES_PER_S + 2
GO_S = 130 / 13 + 130e6 / UNPACK_BYTES_PER_S + 1
"""With the runtime there."""


class Plain:
    """Our placement; fetches are told it, and images named in `spare` go first."""

    def __init__(self, fetches: Sequence[tuple[str, str]] = (), spare: Sequence[str] = ()) -> None:
        self._fetches = list(fetches)
        self._spare = spare

    def choose(self, fleet: Fleet, request: Request, draw: float) -> str | None:
        best = pick(fleet, request, draw)
        return best.host_id if best else None

    def plan(self, fleet: Fleet, games: Sequence[Game]) -> Plan:
        now, self._fetches = self._fetches, []
        return Plan(now, {}, {host.host_id: frozenset(self._spare) for host in fleet})


def _launch(at_s: float, game: int, length_s: float = 10.0, use: float = 0.5) -> Launch:
    return Launch(at_s, game, length_s, use, 1.0, 0.0)


def _run(
    launches: Sequence[Launch],
    machines: Sequence[Machine] = (HOST,),
    outages: Sequence[Outage] = (),
    policy: Plain | None = None,
    counted_from_s: float = 0.0,
) -> Outcome:
    games = [CHESS, GO, BIG]
    return Simulation(Trace(games, machines, launches, outages, counted_from_s), policy or Plain()).run()


def test_nobody_launches_and_nothing_happens() -> None:
    assert _run([]) == Outcome()
    assert Outcome().hit_rate == 0


def test_the_first_launch_waits_for_transfer_unpacking_and_boot_and_the_next_for_its_boot() -> None:
    outcome = _run([_launch(0, 0), _launch(100, 0)])
    assert outcome.waits_s == [pytest.approx(CHESS_S), pytest.approx(2.0)]
    assert (outcome.hits, outcome.hit_rate, outcome.queued, outcome.refused) == (1, 0.5, 0, 0)
    assert outcome.pulled_bytes == pytest.approx(390e6)


def test_only_missing_layers_are_pulled() -> None:
    outcome = _run([_launch(0, 0), _launch(100, 1)])
    assert outcome.waits_s[1] == pytest.approx(GO_S)


def test_an_image_is_pulled_once_however_many_wait_for_it() -> None:
    outcome = _run([_launch(0, 0), _launch(15, 0)])
    assert outcome.waits_s == [pytest.approx(CHESS_S), pytest.approx(CHESS_S - 15)]
    assert outcome.pulled_bytes == pytest.approx(390e6)
    assert outcome.hits == 0


def test_transfers_share_the_line() -> None:
    outcome = _run([_launch(0, 0), _launch(0, 1)])
    # 130 MB each in 20 s, then chess alone; go found the runtime on its way.
    assert sorted(outcome.waits_s) == [pytest.approx(20 + 1 + 1), pytest.approx(20 + 20 + 3 + 2)]


def test_the_least_recently_used_image_makes_room_unless_another_can_be_spared() -> None:
    launches = [_launch(0, 1), _launch(100, 0), _launch(200, 1), _launch(300, 2), _launch(600, 1)]
    host = replace(HOST, cache_bytes=1_700_000_000)  # all three need 1,820 MB
    assert _run(launches, [host]).hits == 2  # chess went, go stayed
    assert _run(launches, [host], policy=Plain(spare=["go"])).hits == 1


def test_who_finds_no_room_waits_in_line_and_is_placed_when_a_session_ends() -> None:
    launches = [_launch(0, 2, 20.0), _launch(140, 2, 1.0), _launch(140.5, 2, 1.0)]
    outcome = _run(launches, [replace(HOST, cache_bytes=2 * GIB)])
    assert outcome.queued == 1
    assert outcome.waits_s[1:] == [pytest.approx(1.0), pytest.approx(2.5)]


def test_who_waits_too_long_is_refused() -> None:
    outcome = _run([_launch(0, 2, 1000.0), _launch(150, 2)], [replace(HOST, cache_bytes=2 * GIB)])
    assert (outcome.refused, outcome.waits_s[-1]) == (1, PLACING_LIMIT_S)


def test_what_fills_the_caches_is_not_counted() -> None:
    outcome = _run([_launch(0, 0), _launch(1, 2), _launch(200, 0), _launch(300, 0)], [HOST], counted_from_s=250)
    assert (outcome.waits_s, outcome.hits, outcome.refused, outcome.queued) == ([pytest.approx(2.0)], 1, 0, 0)


def test_sessions_of_a_host_that_goes_away_are_placed_again_and_wait_again() -> None:
    outcome = _run([_launch(0, 0, 100.0)], [HOST, OTHER], [Outage(50, 0, 20, is_empty_after=False)])
    assert outcome.waits_s == [pytest.approx(CHESS_S), pytest.approx(NOTICED_AFTER_S + CHESS_S)]


def test_a_session_that_was_still_waiting_waits_on() -> None:
    outcome = _run([_launch(0, 0)], [HOST, OTHER], [Outage(10, 0, 20, is_empty_after=False)])
    assert outcome.waits_s == [pytest.approx(10 + NOTICED_AFTER_S + CHESS_S)]


@pytest.mark.parametrize(("is_empty", "hits"), [(False, 1), (True, 0)])
def test_a_host_comes_back_with_its_images_or_without(is_empty: bool, hits: int) -> None:
    outcome = _run([_launch(0, 0), _launch(200, 0)], [HOST], [Outage(100, 0, 10, is_empty_after=is_empty)])
    assert outcome.hits == hits


def test_an_outage_within_an_outage_is_one() -> None:
    outages = [Outage(100, 0, 200, is_empty_after=False), Outage(150, 0, 1, is_empty_after=True)]
    outcome = _run([_launch(0, 0), _launch(250, 0)], [HOST], outages)
    assert outcome.waits_s[1] == pytest.approx(300 - 250 + 2)
    assert outcome.hits == 1


def test_what_is_fetched_unasked_is_there_when_somebody_asks() -> None:
    outcome = _run([_launch(60, 1)], policy=Plain(fetches=[("host-1", "go")]))
    assert (outcome.hits, outcome.waits_s) == (1, [pytest.approx(1.0)])


def test_what_a_host_is_told_to_fetch_lies_there_even_where_nothing_can_go_for_it() -> None:
    assert _run([_launch(60, 1)], [replace(HOST, cache_bytes=1)], policy=Plain(fetches=[("host-1", "go")])).hits == 1


def test_what_is_fetched_unasked_gives_way_to_what_somebody_waits_for() -> None:
    outcome = _run([_launch(5, 0)], policy=Plain(fetches=[("host-1", "go")]))
    assert outcome.waits_s == [pytest.approx(CHESS_S)]
    assert outcome.pulled_bytes == pytest.approx(5 * 13e6 + 390e6)


def test_who_asks_for_what_is_fetched_unasked_waits_for_its_rest() -> None:
    outcome = _run([_launch(5, 1)], policy=Plain(fetches=[("host-1", "go")]))
    assert outcome.waits_s == [pytest.approx(260 / 13 + 2 + 1 - 5)]


def test_play_on_a_busy_machine_is_told_apart() -> None:
    calm = _run([_launch(0, 2, 10.0, use=0.5)], [replace(HOST, cache_bytes=2 * GIB)])
    busy = _run([_launch(0, 2, 1e6, use=0.9)], [replace(HOST, cache_bytes=2 * GIB)])
    assert calm.busy_play_share == 0
    assert busy.busy_play_share == pytest.approx(1.0)


def test_the_same_trace_gives_the_same_outcome() -> None:
    launches = [_launch(number, number % 3, 40.0) for number in range(60)]
    outages = [Outage(30, 1, 10, is_empty_after=True)]
    assert _run(launches, [HOST, OTHER], outages) == _run(launches, [HOST, OTHER], outages)
