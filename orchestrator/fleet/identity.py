"""Who an agent is: join tokens buy an identity, and a short-lived EdDSA token proves it on every call."""

import base64
import hashlib
import secrets
from datetime import timedelta

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import update

from agent_protocol import JoinRequest
from orchestrator.database import Database
from orchestrator.errors import InvalidRequest, Unauthorized
from orchestrator.fleet.models import Host, JoinToken
from orchestrator.ids import new_id

JOIN_TOKEN_LIFE = timedelta(hours=24)
AGENT_AUDIENCE = "orchestrator"

_log = structlog.get_logger()


class HostIdentities:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def issue_join_token(self) -> str:
        """A token that one host can join with once, within a day. Only its hash is stored."""
        token = "join_" + secrets.token_urlsafe(24)
        async with self._database.write() as session:
            now = await self._database.now(session)
            session.add(JoinToken(token_hash=_hash(token), expires_at=now + JOIN_TOKEN_LIFE, host_id=None))
        return token

    async def join(self, request: JoinRequest) -> str:
        """Make the machine a host and answer its id. Raises `Unauthorized` for a token that is unknown, used or old."""
        _public_key(request.public_key)
        host_id = new_id("hst")
        async with self._database.write() as session:
            now = await self._database.now(session)
            session.add(
                Host(
                    id=host_id,
                    name=request.name,
                    public_key=request.public_key,
                    public_url=request.public_url,
                    labels=dict(request.labels),
                    lease_until=None,
                    last_sync_at=None,
                    capacity={},
                    usage={},
                    images=[],
                    pulling={},
                    pull_bytes_per_s=None,
                    created_at=now,
                )
            )
            await session.flush()
            used = await session.execute(
                update(JoinToken)
                .where(
                    JoinToken.token_hash == _hash(request.token),
                    JoinToken.host_id.is_(None),
                    JoinToken.expires_at > now,
                )
                .values(host_id=host_id)
                .returning(JoinToken.token_hash)
            )
            if used.scalar_one_or_none() is None:
                raise Unauthorized("this join token is unknown, used or expired")
        _log.info("host.joined", host=host_id, name=request.name)
        return host_id

    async def authenticate(self, authorization: str | None) -> str:
        """The host id behind an `Authorization` header. Raises `Unauthorized`."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized("an agent token is needed")
        try:
            issuer = str(jwt.decode(token, options={"verify_signature": False}).get("iss", ""))
            host_id = issuer.removeprefix("host:")
            async with self._database.read() as session:
                host = await session.get(Host, host_id)
            if host is None:
                raise Unauthorized("this host is not known here")
            jwt.decode(
                token,
                _public_key(host.public_key),
                algorithms=["EdDSA"],
                audience=AGENT_AUDIENCE,
                issuer=f"host:{host_id}",
                leeway=30,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.InvalidTokenError as error:
            raise Unauthorized("the agent token is not valid") from error
        return host_id


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _public_key(encoded: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except ValueError as error:
        raise InvalidRequest("public_key is not a base64url Ed25519 key") from error
