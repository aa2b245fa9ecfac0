"""Metrics are for this machine and for whoever has the token."""

import pytest

from metering import may_scrape

TOKEN = "a-long-token"


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_may(peer: str) -> None:
    assert may_scrape(peer, {"host", "user-agent"}, "", "")


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "via", "x-real-ip"])
def test_whom_a_proxy_on_this_machine_passes_on_may_not(header: str) -> None:
    assert not may_scrape("127.0.0.1", {"host", header}, "", TOKEN)


@pytest.mark.parametrize("peer", ["10.0.0.1", "203.0.113.9", "2001:db8::1", "::ffff:10.0.0.1", "nonsense", "", None])
def test_others_may_not(peer: str | None) -> None:
    assert not may_scrape(peer, {"host"}, "", TOKEN)


def test_whoever_has_the_token_may_from_anywhere() -> None:
    assert may_scrape("203.0.113.9", {"x-forwarded-for"}, f"Bearer {TOKEN}", TOKEN)


@pytest.mark.parametrize("given", ["Bearer wrong", TOKEN, f"Basic {TOKEN}", "Bearer ", "Bearer \udcff"])
def test_a_wrong_token_opens_nothing(given: str) -> None:
    assert not may_scrape("203.0.113.9", {"host"}, given, TOKEN)


def test_without_a_token_none_is_right() -> None:
    assert not may_scrape("203.0.113.9", {"host"}, "Bearer ", "")
