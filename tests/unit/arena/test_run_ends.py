"""When a tenant's streamed game is ended, and what its end means."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent_protocol import EndCode
from orchestrator.arena.run_ends import AFK_AFTER, LEFT_AFTER, Seen, due_end, result_of, unseen_since
from orchestrator.play.lifecycle import Position
from orchestrator.play.reasons import ABANDONED, NO_INPUT, Reason

NOW = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)
PLAYED = Seen(Position.RUNNING, False, 1, NOW, None, True)
UNSEEN = replace(PLAYED, peers=0)
INSTANT = timedelta(milliseconds=1)
TOLD = {"score": 893, "distance": 313, "coins": 58, "duration": 21.87, "reason": "playing"}


def test_a_run_is_unseen_from_the_moment_when_nobody_is_connected() -> None:
    assert unseen_since(PLAYED, NOW, NOW) is None
    assert unseen_since(UNSEEN, None, NOW) == NOW
    assert unseen_since(UNSEEN, NOW - LEFT_AFTER, NOW) == NOW - LEFT_AFTER
    assert unseen_since(replace(UNSEEN, position=Position.BOOTING), NOW, NOW) is None


def test_a_silent_host_ends_none_and_an_absence_stays_what_it_was() -> None:
    silent = replace(UNSEEN, is_host_silent=True)
    assert unseen_since(silent, None, NOW) is None
    assert unseen_since(silent, NOW, NOW + INSTANT) == NOW
    assert due_end(silent, NOW - LEFT_AFTER, NOW) is None


def test_a_player_who_is_gone_for_a_minute_has_left() -> None:
    assert due_end(UNSEEN, NOW, NOW + LEFT_AFTER - INSTANT) is None
    assert due_end(UNSEEN, NOW, NOW + LEFT_AFTER) == ABANDONED
    assert due_end(PLAYED, None, NOW + LEFT_AFTER) is None


def test_a_player_who_does_nothing_for_five_minutes_is_away() -> None:
    assert due_end(PLAYED, None, NOW + AFK_AFTER - INSTANT) is None
    assert due_end(PLAYED, None, NOW + AFK_AFTER) == NO_INPUT
    later = replace(PLAYED, last_input_at=NOW + INSTANT)
    assert due_end(later, None, NOW + AFK_AFTER) is None
    assert due_end(replace(PLAYED, is_afk_enforced=False), None, NOW + AFK_AFTER) is None


@pytest.mark.parametrize("position", [each for each in Position if each is not Position.RUNNING])
def test_what_does_not_run_has_deadlines_of_its_own(position: Position) -> None:
    assert due_end(replace(UNSEEN, position=position), NOW, NOW + AFK_AFTER) is None


def test_what_has_never_run_is_not_judged() -> None:
    assert due_end(replace(UNSEEN, running_since=None), NOW, NOW + AFK_AFTER) is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (Reason.STOPPED, "resignation"), (Reason.ABANDONED, "disconnect"), (Reason.IDLE, "afk_timeout"),
        (Reason.SESSION_CAP, "time_limit"), (EndCode.EXPIRED, "time_limit"), (Reason.NO_SERVERS, "no_servers"),
        (Reason.HOST_LOST, "host_lost"), (EndCode.HOST_RESTARTED, "host_lost"), (Reason.STOPPED_BY_OPERATOR, "stopped"),
        (EndCode.OUT_OF_MEMORY, "failed"), ("a-code-of-tomorrow", "failed"), (None, "failed"),
        (Reason.GAME_EXITED, "finished"),
    ],
)  # fmt: skip
def test_an_end_has_a_reason_and_the_figures_that_were_told(code: str | None, reason: str) -> None:
    figures = {"duration": 22, "score": 893, "distance": 313, "coins": 58}
    assert result_of(code, TOLD) == {"winner": None, "reason": reason, **figures}


def test_a_run_that_was_over_is_finished_whatever_came_after() -> None:
    assert result_of(Reason.ABANDONED, TOLD | {"reason": "crashed"})["reason"] == "finished"


@pytest.mark.parametrize("code", [Reason.GAME_EXITED, EndCode.CRASHED])
def test_a_game_that_told_nothing_has_failed_and_has_no_figures(code: str) -> None:
    figures = {"duration": None, "score": None, "distance": None, "coins": None}
    assert result_of(code, None) == {"winner": None, "reason": "failed", **figures}
