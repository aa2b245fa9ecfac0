"""The session token: a JWT of one hour that a tenant's backend hands to its player's client.

Clients read its claims without the secret, so those are part of the documented API: `players[0]` is whoever has it.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import jwt

from matches.values import Json
from orchestrator.arena.admission import Player
from orchestrator.installation import Installation

LIFETIME: Final = timedelta(hours=1)

_AUDIENCE = "arena"
_ALGORITHM = "HS256"
_LONGEST = 16_384


@dataclass(frozen=True, slots=True)
class Claims:
    """What a genuine token says. `player_id` is None where two players share it."""

    session_id: str
    player_id: str | None
    is_expired: bool


class SessionTokens:
    def __init__(self, installation: Installation) -> None:
        self._issuer = installation.installation_id
        # Another secret than that of people's cookies, though it follows from it.
        self._secret = hmac.digest(installation.cookie_secret, b"arena session tokens", hashlib.sha256)

    def issue(
        self,
        session_id: str,
        game: str,
        mode: str,
        match_type: str,
        players: Sequence[Player],
        theme: Mapping[str, Json],
        own: str | None,
        at: datetime,
    ) -> str:
        """The same for the same arguments. `own` is the one player whose it is."""
        claims: dict[str, object] = {
            "iss": self._issuer,
            "aud": _AUDIENCE,
            "sessionId": session_id,
            "game": game,
            "mode": mode,
            "matchType": match_type,
            "players": [{"id": player.id, "displayName": player.display_name} for player in players],
            "theme": dict(theme),
            "iat": int(at.timestamp()),
            "exp": int((at + LIFETIME).timestamp()),
        }
        return jwt.encode(claims | ({} if own is None else {"sub": own}), self._secret, algorithm=_ALGORITHM)

    def read(self, token: object, now: datetime) -> Claims | None:
        """The claims of a token of ours, expired or not; None of anything else."""
        if not isinstance(token, str) or len(token) > _LONGEST:
            return None
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                issuer=self._issuer,
                options={"require": ["sessionId", "exp", "iat"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return None
        return Claims(str(claims["sessionId"]), claims.get("sub"), float(claims["exp"]) <= now.timestamp())
