"""Garbage of cycles, without standing still for all that lives."""

import gc
import weakref
from collections.abc import Generator

import pytest

from orchestrator import collecting
from orchestrator.collecting import Collecting, is_much


class Knot:
    """Refers to itself, so that only the collector finds it."""

    def __init__(self) -> None:
        self.self = self


@pytest.fixture(autouse=True)
def as_before() -> Generator[None]:
    yield
    gc.unfreeze()


def lost(rounds: Collecting) -> "weakref.ref[Knot]":
    """A knot that was set aside, and that nobody knows any more."""
    knot = Knot()
    rounds.round()
    return weakref.ref(knot)


def test_what_was_set_aside_is_garbage_in_the_end() -> None:
    now = [0.0]
    rounds = Collecting(clock_s=lambda: now[0])
    rounds.begin()
    seen = lost(rounds)
    gc.collect()
    now[0] = 1799.0
    rounds.round()
    assert seen() is not None  # set aside: nobody looked
    now[0] = 1800.0
    rounds.round()
    assert seen() is None
    assert rounds.looked_s == 1800.0


def test_much_that_is_new_is_looked_at_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "_LEAST_ADDED", 1_000)
    now = [0.0]
    rounds = Collecting(clock_s=lambda: now[0])
    rounds.begin()
    rounds.kept = 0
    seen = lost(rounds)
    held = [Knot() for _ in range(1_001)]
    now[0] = 299.0
    rounds.round()
    assert seen() is not None
    now[0] = 300.0
    rounds.round()
    assert seen() is None
    assert (rounds.looked_s, rounds.added, len(held)) == (300.0, 0, 1_001)


def test_what_is_gone_again_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that comes and goes is counted as new at first: not to count it each time is the point."""
    monkeypatch.setattr(collecting, "_LEAST_ADDED", 100_000)
    now = [0.0]
    rounds = Collecting(clock_s=lambda: now[0])
    rounds.begin()
    rounds.kept = 10 * rounds.kept
    seen = lost(rounds)
    rounds.added = rounds.kept + 1
    now[0] = 300.0
    rounds.round()
    assert seen() is not None
    assert (rounds.counted_s, rounds.added < 0) == (300.0, True)


def test_much_is_as_much_as_there_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "_LEAST_ADDED", 1_000)
    assert not is_much(added=1_000, kept=0)
    assert is_much(added=1_001, kept=0)
    assert not is_much(added=4_000, kept=4_000)
