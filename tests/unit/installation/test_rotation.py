"""Hosts know a key before it signs, and the one before for as long as its tokens live."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gameserver_agent.http.stream_token import LEEWAY_S
from orchestrator.fleet.sync import INTERVALS_PER_LEASE, interval_s
from orchestrator.installation.rotation import TOLD_AFTER, TOLD_BEFORE, SigningKey, signing, told
from orchestrator.play.stream_access import TOKEN_LIFE

NOW = datetime(2027, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def key(name: str, signs_from: datetime, former_until: datetime) -> SigningKey:
    return SigningKey(name, Ed25519PrivateKey.generate(), signs_from, former_until)


KEYS = [
    key("first", NOW - 900 * MINUTE, NOW - 900 * MINUTE),
    key("second", NOW, NOW + 10 * MINUTE),
    key("third", NOW + 20 * MINUTE, NOW + 30 * MINUTE),
]


@pytest.mark.parametrize(
    ("minutes", "signs", "known"),
    [
        (-1, "first", "first second third"),
        (0, "second", "first second third"),
        (9, "second", "first second third"),
        (10, "second", "second third"),
        (19, "second", "second third"),
        (20, "third", "second third"),
        (30, "third", "third"),
        (9000, "third", "third"),
    ],
)
def test_one_signs_and_those_are_told_whose_tokens_there_may_be(minutes: int, signs: str, known: str) -> None:
    now = NOW + minutes * MINUTE
    assert signing(KEYS, now).id == signs
    assert [each.id for each in told(KEYS, now)] == known.split()


def test_an_only_key_signs_and_is_told_for_ever() -> None:
    assert signing(KEYS[:1], NOW + 9000 * MINUTE) is KEYS[0]
    assert told(KEYS[:1], NOW + 9000 * MINUTE) == KEYS[:1]


def test_no_host_is_silent_and_no_token_lives_for_so_long() -> None:
    assert timedelta(seconds=INTERVALS_PER_LEASE * interval_s(10_000)) < TOLD_BEFORE
    assert TOKEN_LIFE + timedelta(seconds=LEEWAY_S) < TOLD_AFTER
