"""The session token: a JWT of 30 days that only this installation can make and only its own pages accept.

Whether its device is still signed in, and whether its account still exists, is the service's to ask.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt

from orchestrator.accounts.account import Account
from orchestrator.installation import Installation

COOKIE = "next-auth.session-token"
LIFETIME = timedelta(days=30)

_AUDIENCE = "web"
_ALGORITHM = "HS256"


@dataclass(frozen=True)
class Claims:
    """What a genuine token says."""

    account_id: str
    token_id: str
    expires_at: datetime


def issue(account: Account, token_id: str, installation: Installation, now: datetime) -> str:
    claims = {
        "iss": installation.installation_id,
        "aud": _AUDIENCE,
        "sub": account.id,
        "name": account.name,
        "email": account.email,
        "picture": account.image,
        "role": account.role.value,
        "iat": now,
        "exp": now + LIFETIME,
        "jti": token_id,
    }
    return jwt.encode(claims, installation.cookie_secret, algorithm=_ALGORITHM)


def read(token: str, installation: Installation) -> Claims | None:
    """The claims of a token of ours that has not expired, None of anything else."""
    try:
        claims = jwt.decode(
            token,
            installation.cookie_secret,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            issuer=installation.installation_id,
            # It was issued by the database's clock, of which ours may be a little behind.
            options={"require": ["sub", "jti", "exp", "iat"], "verify_iat": False},
        )
    except jwt.InvalidTokenError:
        return None
    return Claims(claims["sub"], claims["jti"], datetime.fromtimestamp(claims["exp"], UTC))
