"""What people are told when no host could ever take a game."""

import pytest

from orchestrator.fleet.refusals import told, why_nowhere
from scheduler.values import Refusal, Request, Resources

REQUEST = Request("sha256:a", 0, Resources(3.5, 6 * 2**30, 1), {"gpu": "yes", "class": "fast"}, 1.0)


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (Refusal.NOT_READY, "ready"),
        (Refusal.LABELS, "class=fast, gpu=yes"),
        (Refusal.CPU, "3.5 cores"),
        (Refusal.MEMORY, "6.0 GiB"),
        (Refusal.IMAGE, "image"),
    ],
)
def test_the_reason_names_what_is_lacking(refusal: Refusal, words: str) -> None:
    assert words in why_nowhere(refusal, REQUEST)


def test_every_refusal_is_a_sentence() -> None:
    assert all(why_nowhere(refusal, REQUEST).endswith(".") for refusal in Refusal)


def test_refusals_are_told_with_how_many_there_are() -> None:
    assert told({Refusal.DISK: 1, Refusal.CPU: 2}) == "cpu 2, disk 1"
    assert told({}) == ""
