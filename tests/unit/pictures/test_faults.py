"""Which faults of a picture may pass, and what is said of each."""

import pytest

from orchestrator.outside.client import Trouble
from orchestrator.pictures.faults import RETRIES, WORDS, Fault, retry_after, words_for


@pytest.mark.parametrize(
    ("fault", "status", "may_pass"),
    [
        (Fault.TIMEOUT, None, True),
        (Fault.NAME, None, True),
        (Fault.TLS, None, True),
        (Fault.CONNECTION, None, True),
        (Fault.INTERNAL, None, True),
        (Fault.STATUS, 500, True),
        (Fault.STATUS, 503, True),
        (Fault.STATUS, 429, True),
        (Fault.STATUS, 404, False),
        (Fault.STATUS, 204, False),
        (Fault.ADDRESS, None, False),
        (Fault.REDIRECT, 302, False),
        (Fault.TOO_LARGE, 200, False),
        (Fault.NOT_A_PICTURE, 200, False),
        (Fault.NOT_A_PICTURE, None, False),
        (Fault.TOO_MANY_PIXELS, None, False),
    ],
)
def test_what_may_pass_is_tried_again_a_few_times(fault: Fault, status: int | None, *, may_pass: bool) -> None:
    delays = [retry_after(fault, status, tries) for tries in range(1, len(RETRIES) + 2)]
    assert delays == [*(RETRIES if may_pass else len(RETRIES) * [None]), None]


def test_every_fault_has_its_words_and_troubles_are_faults() -> None:
    assert set(WORDS) == set(Fault)
    assert {Fault(trouble) for trouble in Trouble} < set(Fault)
    assert words_for(Fault.STATUS, 404).endswith("It answered 404.")
    assert "404" not in words_for(Fault.NAME, None)
