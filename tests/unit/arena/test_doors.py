"""How many connections a replica holds, and of whom."""

import pytest

from orchestrator.arena import doors
from orchestrator.arena.doors import Doors


@pytest.fixture(autouse=True)
def small_house(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "MOST", 5)
    monkeypatch.setattr(doors, "MOST_OF_ADDRESS", 2)
    monkeypatch.setattr(doors, "MOST_OF_TENANT", 3)


def entered(*connections: tuple[str, str]) -> Doors:
    held = Doors()
    for connection, address in connections:
        held.enter(connection, address)
    return held


def test_an_address_has_so_many_that_have_shown_nothing() -> None:
    held = entered(("a", "::1"), ("b", "::1"))
    assert held.is_full("::1")
    assert not held.is_full("::2")
    held.leave("a")
    held.leave("a")
    assert not held.is_full("::1")
    assert held.count == 1


def test_who_has_shown_a_token_counts_for_the_tenant() -> None:
    held = entered(("a", "::1"), ("b", "::1"))
    assert held.prove("a", "acme")
    assert held.prove("a", "acme")
    assert not held.is_full("::1")
    held.enter("c", "::1")
    assert held.is_full("::1")


def test_a_tenant_has_so_many_and_another_still_comes_in() -> None:
    held = entered(*((str(number), f"::{number}") for number in range(4)))
    assert [held.prove(str(number), "acme") for number in range(4)] == [True, True, True, False]
    assert held.prove("3", "other")
    held.leave("0")
    held.enter("4", "::1")
    assert held.prove("4", "acme")


def test_who_has_left_proves_nothing() -> None:
    held = entered(("a", "::1"))
    held.leave("a")
    assert not held.prove("a", "acme")
    assert held.count == 0


def test_there_are_so_many_in_all() -> None:
    held = entered(*((str(number), f"::{number}") for number in range(5)))
    assert held.is_full("::9")
