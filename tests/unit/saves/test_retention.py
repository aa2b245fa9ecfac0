"""What of a slot is kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.saves.retention import (
    CHECKPOINTS_KEPT,
    MILESTONES_KEPT,
    SIDES_KEPT,
    Kept,
    superseded,
)

START = datetime(2026, 3, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def version(
    session: int, after: timedelta = timedelta(0), *, is_head: bool = False, is_side: bool = False, name: str = ""
) -> Kept:
    """A version of the session that begins `session` hours after `START`."""
    began_at = START + session * HOUR
    return Kept(name or f"{session}+{after}", f"s{session}", began_at, began_at + after, is_head, is_side)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def left(versions: list[Kept]) -> list[Kept]:
    gone = set(superseded(versions))
    return [version for version in versions if version.version_id not in gone]


def test_an_empty_slot_loses_nothing() -> None:
    assert superseded([]) == []


def test_inside_a_session_checkpoints_replace_each_other_and_the_newest_two_stay() -> None:
    versions = [version(0, timedelta(seconds=3 * n)) for n in range(5)]
    assert left(versions) == versions[-2:]


def test_every_ten_minutes_of_play_leave_their_last_version() -> None:
    versions = [version(0, minutes(n)) for n in range(35)]
    assert [v.created_at - START for v in left(versions)] == [minutes(n) for n in (9, 19, 29, 33, 34)]


def test_the_ten_minutes_count_from_when_the_session_began_to_run() -> None:
    late_start = [replace(version(0, minutes(n)), session_began_at=START + minutes(7)) for n in range(7, 30)]
    assert [v.created_at - START for v in left(late_start)] == [minutes(n) for n in (16, 26, 28, 29)]


def test_an_ended_session_keeps_its_last_version() -> None:
    first, last, newer = version(0, minutes(1)), version(0, minutes(2)), version(1)
    assert superseded([first, last, newer]) == [first.version_id]


def test_of_what_was_kept_the_last_ten_stay() -> None:
    versions = [version(session, minutes(1)) for session in range(MILESTONES_KEPT + 3)]
    assert left(versions) == versions[3:]


def test_a_long_session_leaves_no_more_than_ten_either() -> None:
    versions = [version(0, minutes(10 * n + 5)) for n in range(30)]
    assert left(versions) == versions[-MILESTONES_KEPT:]


def test_the_head_always_stays() -> None:
    restored = version(0, minutes(1), is_head=True)
    versions = [restored, *(version(session, minutes(1)) for session in range(1, 15))]
    assert left(versions) == [restored, *versions[-MILESTONES_KEPT:]]


def test_a_side_version_is_replaced_by_no_checkpoint() -> None:
    side = version(0, is_side=True)
    versions = [side, *(version(0, timedelta(seconds=3 * n)) for n in range(1, 9))]
    assert left(versions) == [side, *versions[-2:]]


def test_the_newest_ten_side_versions_stay_whatever_is_played() -> None:
    sides = [version(0, minutes(n), is_side=True) for n in range(SIDES_KEPT + 2)]
    played = [version(session, minutes(1)) for session in range(1, 20)]
    assert [v for v in left([*sides, *played]) if v.is_side] == sides[2:]


slots = st.lists(
    st.tuples(st.integers(0, 14), st.integers(0, 59), st.booleans(), st.booleans()), min_size=1, max_size=90
).map(
    lambda rows: [
        version(session, minutes(minute), is_side=is_side, name=f"v{number}", is_head=number == 0 and is_head)
        for number, (session, minute, is_side, is_head) in enumerate(rows)
    ]
)


@given(slots)
def test_what_stays_is_bounded_and_never_misses_what_a_person_counts_on(versions: list[Kept]) -> None:
    stay = left(versions)
    played = sorted((v for v in versions if not v.is_side), key=lambda v: (v.created_at, v.version_id))
    sides = sorted((v for v in versions if v.is_side), key=lambda v: (v.created_at, v.version_id))
    assert len(stay) <= 1 + CHECKPOINTS_KEPT + MILESTONES_KEPT + SIDES_KEPT
    assert all(v in stay for v in versions if v.is_head)
    assert all(v in stay for v in sides[-SIDES_KEPT:])
    assert all(v in stay for v in played[-1:])
    ends = list({v.session_id: v for v in played}.values())
    assert ends[-1:] == [] or ends[-1] in stay
    assert all(v in stay for v in [v for v in ends if v in played[-MILESTONES_KEPT:]])


@given(slots)
def test_asking_again_takes_nothing_more_away_and_the_order_of_asking_is_nothing(versions: list[Kept]) -> None:
    assert superseded(left(versions)) == []
    assert superseded(versions) == superseded(versions[::-1])


@given(st.lists(st.integers(0, 90), min_size=1, max_size=60))
def test_dropping_as_one_plays_leaves_what_dropping_at_the_end_would(gaps: list[int]) -> None:
    """Versions come one by one and are dropped one by one: no milestone is lost on the way."""
    moments = [timedelta(0)]
    for gap in gaps:
        moments.append(moments[-1] + timedelta(seconds=3 + gap * 10))
    everything = [version(0, moment, name=f"v{number:03}") for number, moment in enumerate(moments)]
    kept: list[Kept] = []
    for newest in everything:
        kept = left([*kept, newest])
    assert kept == left(everything)
