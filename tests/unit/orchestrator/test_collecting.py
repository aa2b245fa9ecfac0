"""Garbage of cycles, without standing still for all that lives."""

import gc
import weakref
from collections.abc import Generator

import pytest

from orchestrator import collecting
from orchestrator.collecting import Collecting, is_time


class Knot:
    """Refers to itself, so that only the collector finds it."""

    def __init__(self) -> None:
        self.self = self


@pytest.fixture(autouse=True)
def as_before() -> Generator[None]:
    yield
    gc.unfreeze()


def test_what_was_set_aside_is_garbage_in_the_end() -> None:
    now = [0.0]
    rounds = Collecting(clock_s=lambda: now[0])
    rounds.begin()
    knot = Knot()
    rounds.round()
    seen = weakref.ref(knot)
    del knot
    gc.collect()
    now[0] = 30.0
    rounds.round()
    assert seen() is not None  # set aside: nobody looked
    now[0] = 600.0
    rounds.round()
    assert seen() is None
    assert rounds.looked_s == 600.0


def test_much_that_is_new_is_looked_at_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "_LEAST_ADDED", 1_000)
    assert not is_time(added=1_000, kept=0, since_s=0)
    assert is_time(added=1_001, kept=0, since_s=0)
    assert not is_time(added=1_001, kept=4_000, since_s=0)
    assert is_time(added=0, kept=0, since_s=600)
