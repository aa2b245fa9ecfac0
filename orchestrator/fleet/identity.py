"""Who an agent is: join tokens buy an identity, and a short-lived EdDSA token proves it on every call."""

import base64
import secrets
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import delete, select, update

from agent_protocol import JoinRequest
from orchestrator.audit.recording import COMMAND_LINE, Action, Actor, record
from orchestrator.database import Database
from orchestrator.errors import HostRemoved, InvalidRequest, NotFound, Unauthorized
from orchestrator.fleet.models import Host, JoinToken
from orchestrator.ids import hash_of, new_id

JOIN_TOKEN_LIFE = timedelta(hours=24)
AGENT_AUDIENCE = "orchestrator"
_NO_TOKEN = "this join token is unknown, used or expired"  # noqa: S105 - words, not a secret
NO_LABELS: Mapping[str, str] = MappingProxyType({})

_log = structlog.get_logger()


class HostIdentities:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: dict[str, Ed25519PublicKey] = {}

    async def issue_join_token(self, labels: Mapping[str, str] = NO_LABELS, *, by: Actor = COMMAND_LINE) -> str:
        """A token that one host can join with once, within a day; the host gets `labels`. Only its hash is stored."""
        token = "join_" + secrets.token_urlsafe(24)
        async with self._database.write() as session:
            now = await self._database.now(session)
            token_id = new_id("jtk")
            session.add(
                JoinToken(
                    token_hash=hash_of(token),
                    id=token_id,
                    labels=dict(labels),
                    created_at=now,
                    expires_at=now + JOIN_TOKEN_LIFE,
                    host_id=None,
                )
            )
            record(session, by, Action.JOIN_TOKEN_MAKE, token_id, now, **labels)
        return token

    async def join_tokens(self) -> list[JoinToken]:
        """Those that a host may still join with, the newest first."""
        async with self._database.read() as session:
            now = await self._database.now(session)
            usable = select(JoinToken).where(JoinToken.host_id.is_(None), JoinToken.expires_at > now)
            return list(await session.scalars(usable.order_by(JoinToken.expires_at.desc(), JoinToken.id)))

    async def revoke_join_token(self, token_id: str, *, by: Actor = COMMAND_LINE) -> None:
        """Nobody joins with it any more. Raises `NotFound` when it is unknown or was used."""
        async with self._database.write() as session:
            mine = delete(JoinToken).where(JoinToken.id == token_id, JoinToken.host_id.is_(None))
            if (await session.execute(mine.returning(JoinToken.id))).scalar_one_or_none() is None:
                raise NotFound(f"there is no join token '{token_id}' that nobody has used")
            record(session, by, Action.JOIN_TOKEN_REVOKE, token_id, await self._database.now(session))
        _log.info("join_token.revoked", token=token_id)

    async def join(self, request: JoinRequest) -> str:
        """Make the machine a host and answer its id; again to whoever asks again with the same token and key. Raises
        `Unauthorized` for a token that is used by another, old or unknown; the last costs one read and no write.
        """
        _public_key(request.public_key)
        async with self._database.read() as session:
            known = select(JoinToken.id).where(JoinToken.token_hash == hash_of(request.token))
            if await session.scalar(known) is None:
                raise Unauthorized(_NO_TOKEN)
        host_id = new_id("hst")
        async with self._database.write() as session:
            now = await self._database.now(session)
            has_joined = (JoinToken.token_hash == hash_of(request.token)) & (Host.public_key == request.public_key)
            joined = select(Host.id).join(JoinToken, JoinToken.host_id == Host.id)
            joined_as = await session.scalar(joined.where(has_joined, Host.removed_at.is_(None)))
            if joined_as is not None:
                return joined_as
            host = Host(
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
            session.add(host)
            await session.flush()
            used = await session.execute(
                update(JoinToken)
                .where(
                    JoinToken.token_hash == hash_of(request.token),
                    JoinToken.host_id.is_(None),
                    JoinToken.expires_at > now,
                )
                .values(host_id=host_id)
                .returning(JoinToken.labels)
            )
            own_labels = used.scalar_one_or_none()
            if own_labels is None:
                raise Unauthorized(_NO_TOKEN)
            host.own_labels = own_labels
        _log.info("host.joined", host=host_id, name=request.name)
        return host_id

    async def authenticate(self, authorization: str | None) -> str:
        """The id of the host behind an `Authorization` header. Raises `Unauthorized`, `HostRemoved` too."""
        host_id = await self.identify(authorization)
        async with self._database.read() as session:
            removed_at = await session.scalar(select(Host.removed_at).where(Host.id == host_id))
        if removed_at is not None:
            raise HostRemoved
        return host_id

    async def knows(self, host_id: str) -> bool:
        """Whether this host has joined, and was not removed."""
        async with self._database.read() as session:
            here = select(Host.id).where(Host.id == host_id, Host.removed_at.is_(None))
            return await session.scalar(here) is not None

    async def identify(self, authorization: str | None) -> str:
        """The id of the host behind an `Authorization` header, for whoever looks at its row anyway: it may have been
        removed. Raises `Unauthorized`. A host keeps its key for ever, so the database is asked for it once.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized("an agent token is needed")
        try:
            issuer = str(jwt.decode(token, options={"verify_signature": False}).get("iss", ""))
            host_id = issuer.removeprefix("host:")
            jwt.decode(
                token,
                self._keys.get(host_id) or await self._key(host_id),
                algorithms=["EdDSA"],
                audience=AGENT_AUDIENCE,
                issuer=f"host:{host_id}",
                leeway=30,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.InvalidTokenError as error:
            raise Unauthorized("the agent token is not valid") from error
        return host_id

    async def _key(self, host_id: str) -> Ed25519PublicKey:
        async with self._database.read() as session:
            encoded = await session.scalar(select(Host.public_key).where(Host.id == host_id))
        if encoded is None:
            raise Unauthorized("this host is not known here")
        key = self._keys[host_id] = _public_key(encoded)
        return key


def _public_key(encoded: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except ValueError as error:
        raise InvalidRequest("public_key is not a base64url Ed25519 key") from error
