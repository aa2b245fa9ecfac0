"""Metrics are for whoever has the token, and for this machine where there is none."""

import pytest

from metering import may_scrape

TOKEN, OWN = "a-long-token", {"host": "127.0.0.1:8000", "user-agent": "Prometheus"}


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_may(peer: str) -> None:
    assert may_scrape(peer, OWN, "")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "[::1]:8000", "localhost", "LocalHost:9100"])
def test_this_machine_may_by_each_name_of_its_own(host: str) -> None:
    assert may_scrape("127.0.0.1", {"host": host}, "")


@pytest.mark.parametrize(
    "host",
    ["play.example", "127.0.0.1.play.example:8000", "127.0.0.1@play.example", "10.0.0.1:8000", "[::1", "", ":80"],
)
def test_whoever_comes_by_another_name_may_not(host: str) -> None:
    """A proxy that passes on the name that it was called by, or a page whose name leads here."""
    assert not may_scrape("127.0.0.1", {"host": host}, "")


def test_what_has_no_name_may_not() -> None:
    assert not may_scrape("127.0.0.1", {}, "")


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "via", "x-real-ip"])
def test_whom_a_proxy_on_this_machine_passes_on_may_not(header: str) -> None:
    assert not may_scrape("127.0.0.1", {**OWN, header: "203.0.113.9"}, "")


@pytest.mark.parametrize("peer", ["10.0.0.1", "203.0.113.9", "2001:db8::1", "::ffff:10.0.0.1", "nonsense", "", None])
def test_others_may_not(peer: str | None) -> None:
    assert not may_scrape(peer, OWN, "")


def test_where_there_is_a_token_everybody_needs_it() -> None:
    """A proxy on this machine that says nothing of itself cannot be told from the machine."""
    assert not may_scrape("127.0.0.1", OWN, TOKEN)
    assert may_scrape("127.0.0.1", {**OWN, "authorization": f"Bearer {TOKEN}"}, TOKEN)


def test_whoever_has_a_token_may_from_anywhere() -> None:
    for good in (TOKEN, "another"):
        headers = {"host": "play.example", "x-forwarded-for": "203.0.113.9", "authorization": f"Bearer {good}"}
        assert may_scrape("203.0.113.9", headers, TOKEN, ("another",))


@pytest.mark.parametrize("given", ["Bearer wrong", TOKEN, f"Basic {TOKEN}", "Bearer ", "Bearer \udcff"])
def test_a_wrong_token_opens_nothing(given: str) -> None:
    assert not may_scrape("203.0.113.9", {**OWN, "authorization": given}, TOKEN, ("",))


def test_without_a_token_none_is_right() -> None:
    assert not may_scrape("203.0.113.9", {**OWN, "authorization": "Bearer "}, "")
