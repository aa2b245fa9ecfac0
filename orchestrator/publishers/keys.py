"""Publishers and the keys that prove them: made, rotated, revoked, recognised. No HTTP.

A key is shown once, when it is made. Rotating makes a new one and gives those before it a time of grace.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.audit.recording import COMMAND_LINE, Action, Actor, record
from orchestrator.database import Database
from orchestrator.errors import Conflict, NotFound, Unauthorized
from orchestrator.ids import hash_of, new_id
from orchestrator.limits.throttle import Limit, Throttle
from orchestrator.publishers.models import Publisher, PublisherKey

REQUESTS = Limit("publisher-requests", 600, timedelta(minutes=1))
WRONG_KEYS = Limit("wrong-publisher-keys", 60, timedelta(minutes=15))
MOST_GRACE = timedelta(days=30)

_PREFIX = "ppk_"
_USE_NOTED_EVERY = timedelta(hours=1)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class NewKey:
    """`secret` is told to nobody again."""

    publisher: Publisher
    key: PublisherKey
    secret: str


class PublisherKeys:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._throttle = Throttle(database)

    async def create(self, name: str, *, by: Actor = COMMAND_LINE) -> NewKey:
        """A new publisher with its first key. Conflict `name_taken`."""
        try:
            async with self._database.write() as session:
                now = await self._database.now(session)
                publisher = Publisher(id=new_id("pub"), name=name, created_at=now)
                session.add(publisher)
                await session.flush()
                made = _new_key(session, publisher, now)
                record(session, by, Action.PUBLISHER_MAKE, publisher.id, now, key=made.key.id)
        except IntegrityError as error:
            raise Conflict("A publisher of this name exists already.", code="name_taken") from error
        log.info("publisher.created", publisher=publisher.id)
        return made

    async def rotate(self, publisher_id: str, grace: timedelta, *, by: Actor = COMMAND_LINE) -> NewKey:
        """Another key; those that are good now are good for `grace` longer at the most. NotFound."""
        async with self._database.write() as session:
            now = await self._database.now(session)
            publisher = await _publisher(session, publisher_id)
            ends_later = or_(PublisherKey.expires_at.is_(None), PublisherKey.expires_at > now + grace)
            await session.execute(
                update(PublisherKey)
                .where(PublisherKey.publisher_id == publisher.id, PublisherKey.revoked_at.is_(None), ends_later)
                .values(expires_at=now + grace)
            )
            made = _new_key(session, publisher, now)
            hours = grace.total_seconds() / 3600
            record(session, by, Action.PUBLISHER_KEY_ROTATE, publisher.id, now, key=made.key.id, grace_hours=hours)
        log.info("publisher.key_rotated", publisher=publisher.id, key_id=made.key.id)
        return made

    async def revoke(self, publisher_id: str, key_id: str, *, by: Actor = COMMAND_LINE) -> None:
        """It works no longer, at once. Doing it twice changes nothing. NotFound."""
        async with self._database.write() as session:
            key = await session.get(PublisherKey, key_id)
            if key is None or key.publisher_id != publisher_id:
                raise NotFound(f"This publisher has no key {key_id!r}.")
            now = await self._database.now(session)
            key.revoked_at = key.revoked_at or now
            record(session, by, Action.PUBLISHER_KEY_REVOKE, publisher_id, now, key=key_id)
        log.info("publisher.key_revoked", publisher=publisher_id, key_id=key_id)

    async def authenticate(self, secret: str | None, *, address: str) -> Publisher:
        """Whose key this is. Unauthorized, RateLimited."""
        digest = hash_of(secret or "")
        async with self._database.read() as session:
            now = await self._database.now(session)
            is_good = or_(PublisherKey.expires_at.is_(None), PublisherKey.expires_at > now)
            query = select(PublisherKey, Publisher).join(Publisher, Publisher.id == PublisherKey.publisher_id)
            query = query.where(PublisherKey.key_hash == digest, PublisherKey.revoked_at.is_(None), is_good)
            row = (await session.execute(query)).one_or_none()
        if row is None:
            if secret:
                await self._throttle.count(WRONG_KEYS, address)
            raise Unauthorized("A publisher's key is needed, as `Authorization: Bearer KEY`.")
        key, publisher = row
        await self._throttle.count(REQUESTS, key.id)
        if key.last_used_at is None or key.last_used_at < now - _USE_NOTED_EVERY:
            async with self._database.write() as session:
                await session.execute(update(PublisherKey).where(PublisherKey.id == key.id).values(last_used_at=now))
        return publisher

    async def list(self) -> list[Publisher]:
        async with self._database.read() as session:
            return list(await session.scalars(select(Publisher).order_by(Publisher.name)))

    async def keys_of(self, publisher_id: str) -> tuple[Publisher, Sequence[PublisherKey]]:
        """A publisher with all keys, the oldest first. NotFound."""
        query = select(PublisherKey).where(PublisherKey.publisher_id == publisher_id)
        async with self._database.read() as session:
            publisher = await _publisher(session, publisher_id)
            return publisher, (await session.scalars(query.order_by(PublisherKey.created_at))).all()

    async def id_of(self, word: str) -> str:
        """Of the publisher with this id or name. NotFound."""
        query = select(Publisher.id).where(or_(Publisher.id == word, Publisher.name == word))
        async with self._database.read() as session:
            found = (await session.scalars(query)).first()
        if found is None:
            raise _no_such_publisher(word)
        return found


def _new_key(session: AsyncSession, publisher: Publisher, now: datetime) -> NewKey:
    secret = _PREFIX + secrets.token_urlsafe(32)
    key = PublisherKey(
        id=new_id("pky"),
        publisher_id=publisher.id,
        key_hash=hash_of(secret),
        hint=secret[: len(_PREFIX) + 4],
        created_at=now,
    )
    session.add(key)
    return NewKey(publisher, key, secret)


async def _publisher(session: AsyncSession, publisher_id: str) -> Publisher:
    found = await session.get(Publisher, publisher_id)
    if found is None:
        raise _no_such_publisher(publisher_id)
    return found


def _no_such_publisher(word: str) -> NotFound:
    return NotFound(f"There is no publisher {word!r}.")
