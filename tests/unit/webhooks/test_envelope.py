"""What a delivery looks like on the wire."""

import json
from datetime import UTC, datetime

from orchestrator.webhooks.envelope import body_of, headers_of, secret_of, signature_of

BODY = body_of(
    event="game.ended",
    delivery_id="d1",
    event_id="e1",
    session_id="s1",
    game="chess",
    at=datetime(2026, 3, 15, 9, tzinfo=UTC),
    data={"winner": "Zoë \ud800", "pgn": "1. e4"},
)


def test_the_body_has_the_documented_fields_in_their_order_and_is_ascii() -> None:
    assert list(json.loads(BODY)) == [
        *("event", "deliveryId", "eventId", "sessionId", "game", "mode", "timestamp", "data")
    ]
    assert json.loads(BODY)["timestamp"] == "2026-03-15T09:00:00Z"
    assert json.loads(BODY)["mode"] == "live"
    assert BODY.isascii()


def test_a_signature_is_the_hmac_of_the_body_in_hex() -> None:
    # RFC 4231, test case 2
    expected = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert signature_of(b"what do ya want for nothing?", "Jefe") == expected


def test_headers_name_event_and_delivery_and_sign_by_the_secret_that_receivers_have() -> None:
    headers = headers_of("game.ended", "d1", BODY, ["old"])
    assert headers["X-BetaGamer-Event"] == "game.ended"
    assert headers["X-BetaGamer-Delivery"] == "d1"
    assert headers["X-BetaGamer-Signature"] == signature_of(BODY, "old")
    assert headers["Content-Type"] == "application/json"
    assert "X-BetaGamer-Signature-Next" not in headers


def test_while_a_secret_is_changed_the_new_one_signs_as_well() -> None:
    headers = headers_of("game.ended", "d1", BODY, ["old", "new"])
    assert headers["X-BetaGamer-Signature"] == signature_of(BODY, "old")
    assert headers["X-BetaGamer-Signature-Next"] == signature_of(BODY, "new")


def test_every_endpoint_and_number_and_installation_has_a_secret_of_its_own() -> None:
    secrets = {secret_of(house, endpoint, number) for house in (b"1", b"2") for endpoint in "ab" for number in (1, 2)}
    assert len(secrets) == 8
    assert secret_of(b"1", "a", 1) in secrets
    assert all(secret.startswith("whsec_") and len(secret) == 49 for secret in secrets)
