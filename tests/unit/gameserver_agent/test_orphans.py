"""Nobody's game is ended on a mistake: not before the orchestrator was heard, not at once, not all of them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from agent_protocol import DesiredSession
from gameserver_agent.orphans import EMPTY_GRACE_S, GRACE_S, MOST_AT_ONCE, Orphan, Waiting, judge
from tests.unit.gameserver_agent.orders import order
from tests.unit.gameserver_agent.test_session_task import BUILD

GAME = Orphan("ses1", 2, "playhouse-ses1-2")
SEAT = Orphan("ses2", -1, None)


def wanted(session_id: str, generation: int = 2, want: str = "run") -> DesiredSession:
    made = order(session_id, build=BUILD, now=datetime.now(UTC))
    return made.model_copy(update={"generation": generation, "want": want})


ANOTHER = (wanted("ses9"),)


def due_after(desired: Sequence[DesiredSession] | None, seconds: float, *orphans: Orphan) -> tuple[Orphan, ...]:
    waiting = judge(orphans, desired, Waiting(), 100.0).waiting
    return judge(orphans, desired, waiting, 100.0 + seconds).due


def test_an_empty_or_missing_desired_state_ends_no_orphan_before_its_time() -> None:
    assert due_after(None, 10 * EMPTY_GRACE_S, GAME, SEAT) == ()
    assert due_after((), EMPTY_GRACE_S - 1, GAME, SEAT) == ()
    assert due_after((), EMPTY_GRACE_S, GAME, SEAT) == (GAME, SEAT)


def test_what_others_are_listed_beside_is_ended_after_its_grace() -> None:
    assert due_after(ANOTHER, 0, GAME) == ()
    assert due_after(ANOTHER, GRACE_S - 1, GAME) == ()
    assert due_after(ANOTHER, GRACE_S, GAME) == (GAME,)


def test_time_in_which_the_orchestrator_was_not_heard_does_not_count() -> None:
    waiting = judge([GAME], ANOTHER, Waiting(), 0.0).waiting
    waiting = judge([GAME], None, waiting, GRACE_S).waiting
    waiting = judge([GAME], ANOTHER, waiting, 2 * GRACE_S).waiting
    assert judge([GAME], ANOTHER, waiting, 3 * GRACE_S - 1).due == ()
    assert judge([GAME], ANOTHER, waiting, 3 * GRACE_S).due == (GAME,)


def test_time_under_an_empty_list_does_not_count_under_one_that_is_not() -> None:
    waiting = judge([GAME], (), Waiting(), 0.0).waiting
    verdict = judge([GAME], ANOTHER, waiting, 5 * GRACE_S)
    assert verdict.due == ()
    assert judge([GAME], ANOTHER, verdict.waiting, 6 * GRACE_S - 1).due == ()
    assert judge([GAME], ANOTHER, verdict.waiting, 6 * GRACE_S).due == (GAME,)


def test_what_was_named_meanwhile_begins_to_wait_anew() -> None:
    waiting = judge([GAME], ANOTHER, Waiting(), 0.0).waiting
    waiting = judge([GAME], (wanted("ses1"),), waiting, GRACE_S).waiting
    assert judge([GAME], ANOTHER, waiting, GRACE_S + 1).due == ()


def test_an_order_ends_it_at_once_unless_it_is_for_this_very_game() -> None:
    for desired, due in (
        (wanted("ses1", 2, "stop"), (GAME,)),
        (wanted("ses1", 3), (GAME,)),
        (wanted("ses1", 2), ()),  # it is taken up
        (wanted("ses1", 1, "stop"), ()),  # an old answer
    ):
        assert judge([GAME], (desired,), Waiting(), 0.0).due == due, desired
    assert judge([SEAT], (wanted("ses2"),), Waiting(), 0.0).due == (SEAT,), "a seat alone is in the way"


@given(
    st.sets(st.builds(Orphan, st.sampled_from(["a", "b", "c", "d", "e", "f"]), st.integers(1, 3), st.just("name"))),
    st.one_of(st.none(), st.lists(st.builds(wanted, st.sampled_from(["a", "b", "z"]), st.integers(1, 3)))),
    st.floats(0, 2 * EMPTY_GRACE_S),
)
def test_never_many_at_once_and_never_one_that_is_to_run(
    orphans: set[Orphan], desired: list[DesiredSession] | None, seconds: float
) -> None:
    due = due_after(desired, seconds, *orphans)
    assert len(due) <= MOST_AT_ONCE
    assert set(due) <= orphans
    newest = {each.session_id: each.generation for each in sorted(desired or (), key=lambda each: each.generation)}
    listed = set(newest.items())
    assert not {(each.session_id, each.generation) for each in due} & listed
    assert desired is not None or not due
