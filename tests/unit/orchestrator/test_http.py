"""What every answer has in common, as far as it is pure."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from orchestrator.http import local_path, sender, utc_milliseconds, utc_seconds

MOMENT = datetime(2026, 3, 9, 14, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))


def test_timestamps_are_utc_in_seconds() -> None:
    assert utc_seconds(MOMENT) == "2026-03-09T12:00:00Z"


def test_expiry_is_utc_in_milliseconds() -> None:
    assert utc_milliseconds(MOMENT) == "2026-03-09T12:00:00.123Z"
    assert utc_milliseconds(datetime(2026, 3, 9, tzinfo=UTC)) == "2026-03-09T00:00:00.000Z"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/", "/"),
        ("/games/the-question?a=b#c", "/games/the-question?a=b#c"),
        ("http://house.example/games", "/games"),
        ("http://192.168.1.5:8000/", "/"),
    ],
)
def test_a_redirect_stays_with_us(url: str, path: str) -> None:
    assert local_path(url, "http://house.example", "http://192.168.1.5:8000") == path


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        7,
        "games",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example/",
        "http://house.example.evil.example/",
        "http://house.example@evil.example/",
        "http://house.example//evil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: b=c",
        "/\t/evil.example",
        " //evil.example",
    ],
)
def test_a_redirect_that_would_leave_us_goes_home(url: object) -> None:
    assert local_path(url, "http://house.example", "http://192.168.1.5:8000") == "/"


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("a-socket", "a-socket"),
    ],
)
def test_tries_are_counted_by_what_one_customer_has(host: str, counted: str) -> None:
    assert sender(host) == counted
