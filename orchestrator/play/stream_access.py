"""Where a player's page finds its seat, and the token that opens it.

A host that only this machine can reach (the embedded shape) is reached through the replica's own `/session/{id}/`.
"""

import ipaddress
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from orchestrator.installation.signing import SigningKeys
from orchestrator.play.models import Session

TOKEN_LIFE = timedelta(minutes=5)
NAME_LIMIT = 64


@dataclass(frozen=True, slots=True)
class SeatHost:
    """As much of a host as players need."""

    id: str
    public_url: str


@dataclass(frozen=True, slots=True)
class Address:
    """`container_url` ends with a slash, as documented."""

    server_url: str
    container_url: str


class StreamAccess:
    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    def address(self, host: SeatHost, session_id: str, origin: str) -> Address:
        """`origin` is how the asking browser reaches this replica."""
        server_url = origin if is_only_local(host.public_url) else host.public_url.rstrip("/")
        return Address(server_url, f"{server_url}/session/{session_id}/")

    def token(
        self, host: SeatHost, row: Session, now: datetime, name: str, *, role: str = "player", person: str = ""
    ) -> str:
        """The right to connect to this session's seat on this host, as its player or as a `watcher`, under this name,
        for five minutes from `now`, a moment of the database's clock like everything that hosts judge by. `person` is
        the same for all connections of one watcher.
        """
        return self._keys.sign(
            {
                "aud": f"host:{host.id}",
                "iat": int(now.timestamp()),
                "exp": int((now + TOKEN_LIFE).timestamp()),
                "session": row.id,
                "role": role,
                "name": name[:NAME_LIMIT],
                "person": person,
                "epoch": row.epoch,
                "jti": secrets.token_urlsafe(12),
            }
        )


def is_only_local(url: str) -> bool:
    """True when only this machine can reach `url`."""
    hostname = urlsplit(url).hostname or ""
    if hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return False
