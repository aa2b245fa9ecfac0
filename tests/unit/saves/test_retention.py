"""What of a slot is kept."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.saves.retention import CHECKPOINTS_KEPT, SESSIONS_KEPT, Kept, superseded

START = datetime(2026, 3, 9, tzinfo=UTC)


def version(name: str, session: str, minute: int, *, is_pinned: bool = False) -> Kept:
    return Kept(name, session, is_pinned, START + timedelta(minutes=minute))


def test_checkpoints_of_the_running_session_replace_each_other() -> None:
    versions = [version(f"v{n}", "now", n) for n in range(5)]
    assert sorted(superseded(versions)) == ["v0", "v1", "v2"]


def test_an_ended_session_keeps_its_last_version() -> None:
    versions = [version("old-1", "before", 1), version("old-2", "before", 2), version("new", "now", 3)]
    assert superseded(versions) == ["old-1"]


def test_only_the_last_ten_sessions_are_kept() -> None:
    versions = [version(f"v{n:02}", f"s{n:02}", n) for n in range(SESSIONS_KEPT + 3)]
    assert sorted(superseded(versions)) == ["v00", "v01", "v02"]


def test_a_pinned_version_is_never_dropped() -> None:
    versions = [version("side", "now", 0, is_pinned=True), *(version(f"v{n}", "now", n + 1) for n in range(4))]
    assert "side" not in superseded(versions)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 500), st.booleans()), max_size=80))
def test_the_newest_of_each_kept_session_always_survives(rows: list[tuple[int, int, bool]]) -> None:
    versions = [version(f"v{i}", f"s{s}", minute, is_pinned=p) for i, (s, minute, p) in enumerate(rows)]
    dropped = set(superseded(versions))
    assert not dropped & {v.version_id for v in versions if v.is_pinned}
    newest = sorted(versions, key=lambda v: v.created_at, reverse=True)[:1]
    assert not dropped & {v.version_id for v in newest}
    free = [v for v in versions if not v.is_pinned and v.version_id not in dropped]
    assert len(free) <= CHECKPOINTS_KEPT + SESSIONS_KEPT - 1
