"""Every end says what to do next."""

import pytest

from agent_protocol import EndCode, EndReport
from orchestrator.play import reasons
from orchestrator.play.lifecycle import (
    ACTIVE,
    MOVES,
    Advanced,
    DeadlinePassed,
    EndedOnHost,
    Event,
    GivenAway,
    HostLost,
    Life,
    NowhereElse,
    Position,
    Restored,
    StopAsked,
    step,
)
from orchestrator.play.reasons import NEXT_STEPS, Decider, End, Reason, ended_on_host, next_step, stopped_by_operator
from tests.unit.play.test_lifecycle import NOW

_EVENTS: tuple[Event, ...] = (
    Advanced(1, Position.RUNNING),
    DeadlinePassed(),
    GivenAway(),
    HostLost(),
    NowhereElse(),
    Restored(),
    StopAsked(reasons.STOPPED_BY_PLAYER),
    StopAsked(reasons.ABANDONED),
    *(EndedOnHost(1, code, "why") for code in EndCode),
)


def ends_of_the_table() -> set[str]:
    """The codes of all ends that some event gives a session somewhere, sooner or later, alone or after a failure."""
    codes: set[str] = set()
    for position in ACTIVE:
        for failed in ((), ("host-a", "host-b")):
            for former in (None, "host-a"):
                for expires_at, ends_at in ((NOW, NOW), (NOW, NOW.replace(year=2030)), (NOW.replace(year=2030),) * 2):
                    deadline = None if position is Position.RUNNING else NOW
                    life = Life(position, 1, "host-c", failed, deadline, expires_at, ends_at, former_host_id=former)
                    after = [step(life, event, NOW)[0] for event in _EVENTS]
                    codes |= {life.end.code for life in after if life.end}
    return codes


def test_every_code_of_the_table_and_of_hosts_has_a_next_step() -> None:
    assert set(NEXT_STEPS) == {*Reason, *EndCode}
    assert ends_of_the_table() <= set(NEXT_STEPS)


def test_every_reason_of_ours_is_given_by_the_table() -> None:
    assert {str(reason) for reason in Reason} - {Reason.STOPPED_BY_OPERATOR} <= ends_of_the_table()
    assert stopped_by_operator("").code == Reason.STOPPED_BY_OPERATOR
    assert {position for position, _ in MOVES} == set(ACTIVE)


@pytest.mark.parametrize("sentence", sorted(set(NEXT_STEPS.values())))
def test_a_next_step_is_a_sentence_for_people(sentence: str) -> None:
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert len(sentence) <= 120


def test_a_code_that_only_a_newer_agent_knows_is_readable_and_has_a_next_step() -> None:
    report = EndReport.model_validate_json('{"code": "a-code-of-tomorrow", "message": "why"}')
    assert ended_on_host(report.code, report.message, report.log_tail) == End("a-code-of-tomorrow", "why", Decider.HOST)
    assert next_step(report.code)


def test_what_a_host_says_of_an_end_can_be_stored() -> None:
    end = ended_on_host("c\0" * 100, "m\0" * 3000, tuple(f"{number}\0" + "l" * 600 for number in range(60)))
    assert (end.code, end.message) == ("c" * 64, "m" * 2000)
    assert [line[:3] for line in end.log_tail] == [f"{number}l" for number in range(10, 60)]
    assert {len(line) for line in end.log_tail} == {500}
