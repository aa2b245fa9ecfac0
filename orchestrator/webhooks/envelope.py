"""What a delivery looks like on the wire, and its signature. Pure: the same try gives the same bytes each time.

The form is the tenant API's webhooks page; `eventId` is ours. `deliveryId` names one try and is new for each, `eventId`
stays the same, so that a receiver can tell what it has seen already.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from orchestrator.database import JsonDict
from orchestrator.http import utc_seconds

EVENTS = (
    "session.created",
    "session.started",
    "session.expired",
    "game.move",
    "game.ended",
    "chess.check",
    "chess.promotion",
    "chess.castle",
    "chess.afk_warning",
    "chess.afk_timeout",
    "checkers.king",
    "checkers.capture",
    "checkers.afk_warning",
    "checkers.afk_timeout",
    "connect4.threat",
    "tictactoe.fork",
)
TEST_EVENT = "webhook.test"
"""What an owner has sent to an endpoint in order to see it arrive."""
LIVE = "live"
"""The one mode whose sessions have webhooks."""

_SECRET_PREFIX = "whsec_"  # noqa: S105 - how a secret begins
_AGENT = "Playhouse-Webhooks/1"


def body_of(
    *, event: str, delivery_id: str, event_id: str, session_id: str, game: str, at: datetime, data: JsonDict
) -> bytes:
    envelope = {
        "event": event,
        "deliveryId": delivery_id,
        "eventId": event_id,
        "sessionId": session_id,
        "game": game,
        "mode": LIVE,
        "timestamp": utc_seconds(at),
        "data": data,
    }
    return json.dumps(envelope, separators=(",", ":")).encode()  # all ASCII, so that any text can be sent


def headers_of(event: str, delivery_id: str, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """`secrets` are the one that receivers know by now and, while it is being changed, the one that follows."""
    current, *following = secrets
    headers = {
        "Content-Type": "application/json",
        "User-Agent": _AGENT,
        "X-BetaGamer-Event": event,
        "X-BetaGamer-Delivery": delivery_id,
        "X-BetaGamer-Signature": signature_of(body, current),
    }
    if following:
        headers["X-BetaGamer-Signature-Next"] = signature_of(body, following[0])
    return headers


def signature_of(body: bytes, secret: str) -> str:
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def secret_of(installation_secret: bytes, endpoint_id: str, number: int) -> str:
    """The signing secret `number` of an endpoint: 256 bits by HKDF (RFC 5869), so that none has to be stored."""
    derived = HKDF(SHA256(), length=32, salt=None, info=f"webhook-signing:{endpoint_id}:{number}".encode())
    return _SECRET_PREFIX + urlsafe_b64encode(derived.derive(installation_secret)).decode().rstrip("=")
