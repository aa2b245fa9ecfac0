"""May this token's bearer play or watch this session here? Pure: token, keys and time in, the bearer or the reason out.

Tokens are EdDSA, name a key of the orchestrator's JWKS, this host as audience, one session, and an epoch: raising the
session's epoch revokes every token issued before.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import jwt

from streaming.audience import Role
from streaming.protocol import Introduction

LEEWAY_S = 10


class TokenRefusedError(Exception):
    """The token opens nothing here. The text is for logs, never for its bearer."""


class TokenForeignError(TokenRefusedError):
    """The token is good, and for something else."""


@dataclass(frozen=True)
class Expected:
    """What a token must say."""

    host_id: str
    installation: str
    session_id: str
    lowest_epoch: int


@dataclass(frozen=True)
class Bearer:
    """What the token grants, and who it says its bearer is."""

    role: Role
    who: Introduction


def verified_bearer(token: str, keys: Mapping[str, object], expected: Expected, now_s: float) -> Bearer:
    """Whom the token is for. Raises `TokenRefusedError`, `TokenForeignError` when it opens another session."""
    try:
        key = _key(jwt.get_unverified_header(token).get("kid"), keys)
        claims = jwt.decode(
            token,
            key,
            algorithms=["EdDSA"],
            audience=f"host:{expected.host_id}",
            issuer=expected.installation,
            options={"require": ["exp", "aud", "iss"], "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
    except (jwt.PyJWTError, ValueError) as error:
        raise TokenRefusedError(str(error)) from error
    expires_s, epoch = claims.get("exp"), claims.get("epoch")
    if not isinstance(expires_s, int | float) or now_s > expires_s + LEEWAY_S:
        raise TokenRefusedError("expired")
    if claims.get("session") != expected.session_id:
        raise TokenForeignError("it is for another session")
    if not isinstance(epoch, int) or epoch < expected.lowest_epoch:
        raise TokenRefusedError("revoked")
    try:
        who = {name: claims[name] for name in ("name", "person") if name in claims}
        return Bearer(Role(claims.get("role")), Introduction.model_validate({**who, "epoch": epoch}))
    except ValueError as error:
        raise TokenRefusedError("unknown role, or no name") from error


def _key(key_id: object, keys: Mapping[str, object]) -> jwt.PyJWK:
    listed = keys.get("keys")
    if isinstance(listed, list) and isinstance(key_id, str):
        for entry in listed:
            if isinstance(entry, dict) and entry.get("kid") == key_id and entry.get("crv") == "Ed25519":
                return jwt.PyJWK({str(name): value for name, value in entry.items()}, algorithm="EdDSA")
    raise TokenRefusedError("signed by an unknown key")
