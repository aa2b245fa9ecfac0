"""What a host does next is a function of what it sees, what is wanted, and the time."""

from datetime import datetime, timedelta

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_protocol import DesiredSession, News
from gameserver_agent.reconcile import Forget, NoteEnded, Renew, Seen, Start, Stop, plan
from tests.unit.gameserver_agent.orders import NOW, order


def test_a_wanted_session_is_started() -> None:
    assert plan([], [order()], NOW) == (Start(order()),)


def test_nothing_is_done_twice() -> None:
    assert plan([Seen(order())], [order()], NOW) == ()


def test_a_stop_order_stops() -> None:
    (action,) = plan([Seen(order())], [order(want="stop")], NOW)
    assert isinstance(action, Stop)
    assert action.code == "stopped"


def test_a_stop_order_is_given_once() -> None:
    assert plan([Seen(order(), is_stopping=True)], [order(want="stop")], NOW) == ()


def test_a_stop_order_for_what_is_not_here_is_answered() -> None:
    (action,) = plan([], [order(want="stop")], NOW)
    assert isinstance(action, NoteEnded)


def test_new_deadlines_are_taken_over() -> None:
    later = order(expires_in_s=3600)
    assert plan([Seen(order())], [later], NOW) == (Renew(later),)


def test_a_higher_generation_ends_the_lower_and_then_starts() -> None:
    (action,) = plan([Seen(order())], [order(generation=2)], NOW)
    assert isinstance(action, Stop)
    assert plan([Seen(order(), is_stopping=True)], [order(generation=2)], NOW) == ()
    assert plan([Seen(order(), has_ended=True)], [order(generation=2)], NOW) == (Start(order(generation=2)),)


def test_a_lower_generation_is_an_old_answer() -> None:
    assert plan([Seen(order(generation=2))], [order(want="stop")], NOW) == ()


def test_the_newest_of_two_orders_counts() -> None:
    assert plan([], [order(generation=2), order()], NOW) == (Start(order(generation=2)),)


def test_deadlines_hold_without_a_control_plane() -> None:
    late = NOW + timedelta(seconds=1800)
    for heard in (None, []):
        (action,) = plan([Seen(order())], heard, late)
        assert isinstance(action, Stop)
        assert action.code == "expired"


def test_the_cap_holds_however_long_it_is_kept_alive() -> None:
    (action,) = plan([Seen(order(expires_in_s=90_000))], None, NOW + timedelta(hours=8))
    assert isinstance(action, Stop)
    assert "longest" in action.message


def test_a_late_order_is_answered_and_not_run() -> None:
    (action,) = plan([], [order(expires_in_s=0)], NOW)
    assert isinstance(action, NoteEnded)
    assert action.code == "expired"


def test_an_ended_session_is_kept_until_it_was_reported_and_is_no_longer_listed() -> None:
    assert plan([Seen(order(), has_ended=True)], [order()], NOW) == ()
    assert plan([Seen(order(), has_ended=True)], [], NOW) == ()
    assert plan([Seen(order(), has_ended=True, was_reported=True)], [order(want="stop")], NOW) == ()
    assert plan([Seen(order(), has_ended=True, was_reported=True)], None, NOW) == ()
    assert plan([Seen(order(), has_ended=True, was_reported=True)], [], NOW) == (Forget("ses1"),)


sessions = st.builds(
    order,
    st.sampled_from(["ses1", "ses2", "ses3"]),
    generation=st.integers(1, 3),
    want=st.sampled_from(["run", "stop"]),
    expires_in_s=st.integers(-100, 100),
    ends_in_s=st.integers(-100, 100),
)
seen_sessions = st.lists(
    st.builds(Seen, sessions, st.booleans(), st.booleans(), st.booleans()),
    unique_by=lambda seen: seen.desired.session_id,
)


@given(seen_sessions, st.booleans())
def test_an_empty_or_missing_desired_state_kills_nothing_before_its_time(seen: list[Seen], was_heard: bool) -> None:
    for action in plan(seen, [] if was_heard else None, NOW):
        if isinstance(action, Stop):
            desired = next(one.desired for one in seen if one.desired.session_id == action.session_id)
            assert desired.want == "stop" or min(desired.expires_at, desired.ends_at) <= NOW
        else:
            assert isinstance(action, Forget)


@given(seen_sessions, st.lists(sessions))
def test_a_session_gets_at_most_one_action_and_only_a_dead_one_is_forgotten(
    seen: list[Seen], desired: list[DesiredSession]
) -> None:
    actions = plan(seen, desired, NOW)
    by_id = {one.desired.session_id: one for one in seen}
    named = [a.desired.session_id if isinstance(a, Start | Renew | NoteEnded) else a.session_id for a in actions]
    assert len(named) == len(set(named))
    for action in actions:
        match action:
            case Start(wanted):
                assert wanted.want == "run"
                assert wanted.session_id not in by_id or by_id[wanted.session_id].has_ended
            case Forget(session_id):
                assert by_id[session_id].has_ended
                assert by_id[session_id].was_reported
            case Stop(session_id):
                assert not by_id[session_id].has_ended
            case Renew() | NoteEnded():
                pass


@pytest.mark.parametrize("session_id", ["", "..", "../kept", "/etc", "ses1/..", "ses~1", "ses1\n", "ses 1", "x" * 65])
def test_an_order_whose_id_cannot_name_a_folder_is_none(session_id: str) -> None:
    """As root, the agent makes, mounts and removes folders by it."""
    with pytest.raises(pydantic.ValidationError):
        order(session_id)
    with pytest.raises(pydantic.ValidationError):
        News.model_validate({"revision": 1, "sessions": [{**order().model_dump(), "session_id": session_id}]})
    assert order("ses4k0_-Z").session_id == "ses4k0_-Z"


@pytest.mark.parametrize("name", ["expires_at", "ends_at"])
def test_a_deadline_without_a_time_zone_is_none(name: str) -> None:
    with pytest.raises(pydantic.ValidationError):
        DesiredSession.model_validate({**order().model_dump(), name: datetime(2026, 1, 1)})  # noqa: DTZ001 - naive
    assert DesiredSession.model_validate_json(order().model_dump_json()) == order()
