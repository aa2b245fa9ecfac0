"""Tenants and the keys that prove them: made, rotated, revoked, recognised. No HTTP.

A key is shown once, when it is made. Rotating makes a new one and gives those of the same mode 60 seconds more.
"""

import re
import secrets
import string
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.audit.recording import COMMAND_LINE, Action, Actor, record
from orchestrator.database import Database
from orchestrator.errors import Conflict, InvalidRequest, NotFound, Unauthorized
from orchestrator.ids import hash_of, new_id
from orchestrator.limits.throttle import Limit, Tally, Throttle
from orchestrator.tenants.models import Tenant, TenantKey, TenantOrigin
from orchestrator.tenants.plans import GRANTS, Grants, KeyMode, Plan, granted
from orchestrator.tenants.theme import theme_of
from orchestrator.webhooks.service import Webhooks

GRACE = timedelta(seconds=60)
MOST_ORIGINS = 50
MOST_KEYS = 10
"""Of one mode that work at once."""
WRONG_KEYS = Limit("wrong-tenant-keys", 60, timedelta(minutes=15))
WALK_INS_OF_ADDRESS = Limit("walk-ins-of-address", 120, timedelta(hours=1))
ANY_ORIGIN = "*"
INACTIVE_KEY = "Invalid or inactive API key"

_ORIGIN = re.compile(r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?")
_USUAL_PORTS = {"http": "80", "https": "443"}
_ALPHABET = string.ascii_letters + string.digits
_KEY_CHARACTERS = 48
_USE_NOTED_EVERY = timedelta(hours=1)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class NewTenantKey:
    """`secret` is told to nobody again."""

    tenant: Tenant
    key: TenantKey
    secret: str


@dataclass(frozen=True, slots=True)
class Proven:
    """Whose key a request carries, and what it may do; a page that has none has no `key_id`. `tally` is what is left of
    this minute's requests.
    """

    tenant: Tenant
    mode: KeyMode
    origins: frozenset[str]
    grants: Grants
    tally: Tally
    key_id: str | None = None

    def allows(self, origin: str | None) -> bool:
        """Whether a page of this origin may use the key. What has no origin is no page."""
        return origin is None or ANY_ORIGIN in self.origins or origin in self.origins


def grants_of(tenant: Tenant) -> Grants:
    """By its plan and what was agreed instead."""
    return granted(tenant.plan, tenant.monthly_sessions, tenant.requests_a_minute, tenant.seats)


class TenantKeys:
    def __init__(self, database: Database, webhooks: Webhooks) -> None:
        self._database = database
        self._webhooks = webhooks
        self._throttle = Throttle(database)

    async def create(
        self, name: str, plan: Plan, origins: Sequence[str] = (), *, by: Actor = COMMAND_LINE
    ) -> tuple[NewTenantKey, NewTenantKey]:
        """A new tenant with its live and its test key. Conflict `name_taken`, InvalidRequest for a bad origin."""
        listed = [_origin(origin) for origin in origins]
        try:
            async with self._database.write() as session:
                now = await self._database.now(session)
                tenant = Tenant(id=new_id("ten"), name=name, plan=plan.value, theme={}, is_active=True, created_at=now)
                session.add(tenant)
                await session.flush()
                live = await _new_key(session, tenant, KeyMode.LIVE, listed, now)
                test = await _new_key(session, tenant, KeyMode.TEST, listed, now)
                record(session, by, Action.TENANT_MAKE, tenant.id, now, plan=plan.value)
        except IntegrityError as error:
            raise Conflict("A tenant of this name exists already.", code="name_taken") from error
        log.info("tenant.created", tenant=tenant.id)
        return live, test

    async def add_key(self, tenant_id: str, mode: KeyMode, *, by: Actor = COMMAND_LINE) -> NewTenantKey:
        """One more key of this mode, with the tenant's origins; those before it go on. NotFound, Conflict
        `too_many_keys`.
        """
        async with self._database.write() as session:
            await self._database.lock(session, f"tenant-keys:{tenant_id}")
            now = await self._database.now(session)
            tenant = await _tenant(session, tenant_id)
            of_mode = TenantKey.tenant_id == tenant.id, TenantKey.mode == mode.value, _is_good(now)
            if (await session.scalar(select(func.count()).where(*of_mode)) or 0) >= MOST_KEYS:
                raise Conflict(f"There are at most {MOST_KEYS} {mode.value} keys that work.", code="too_many_keys")
            made = await _new_key(session, tenant, mode, await _origins(session, tenant.id), now)
            record(session, by, Action.TENANT_KEY_MAKE, tenant.id, now, key=made.key.id)
        log.info("tenant.key_made", tenant=tenant.id, key_id=made.key.id)
        return made

    async def rotate(self, tenant_id: str, mode: KeyMode, *, by: Actor = COMMAND_LINE) -> NewTenantKey:
        """Another key of this mode with the tenant's origins; those before it end within `GRACE`. NotFound, Conflict
        `too_many_keys`.
        """
        async with self._database.write() as session:
            await self._database.lock(session, f"tenant-keys:{tenant_id}")
            now = await self._database.now(session)
            tenant = await _tenant(session, tenant_id)
            before = TenantKey.tenant_id == tenant.id, TenantKey.mode == mode.value, _is_good(now)
            if (await session.scalar(select(func.count()).where(*before)) or 0) >= 2 * MOST_KEYS:
                raise Conflict("These keys were just rotated. Try again in a minute.", code="too_many_keys")
            ends_later = or_(TenantKey.expires_at.is_(None), TenantKey.expires_at > now + GRACE)
            await session.execute(update(TenantKey).where(*before, ends_later).values(expires_at=now + GRACE))
            made = await _new_key(session, tenant, mode, await _origins(session, tenant.id), now)
            record(session, by, Action.TENANT_KEY_ROTATE, tenant.id, now, key=made.key.id)
        log.info("tenant.key_rotated", tenant=tenant.id, key_id=made.key.id)
        return made

    async def revoke(self, tenant_id: str, key_id: str, *, by: Actor = COMMAND_LINE) -> None:
        """It works no longer, at once. Doing it twice changes nothing. NotFound."""
        async with self._database.write() as session:
            key = await session.get(TenantKey, key_id)
            if key is None or key.tenant_id != tenant_id:
                raise NotFound(f"This tenant has no key {key_id!r}.")
            now = await self._database.now(session)
            key.revoked_at = key.revoked_at or now
            record(session, by, Action.TENANT_KEY_REVOKE, tenant_id, now, key=key_id)
        log.info("tenant.key_revoked", tenant=tenant_id, key_id=key_id)

    async def change(
        self,
        tenant_id: str,
        *,
        plan: Plan | None = None,
        monthly_sessions: int | None = None,
        requests_a_minute: int | None = None,
        seats: int | None = None,
        is_active: bool | None = None,
        origins: Sequence[str] | None = None,
        by: Actor = COMMAND_LINE,
    ) -> None:
        """What is said, nothing else. `origins` replaces those of all its keys. NotFound, InvalidRequest."""
        listed = None if origins is None else [_origin(origin) for origin in origins]
        async with self._database.write() as session:
            await self._database.lock(session, f"tenant-keys:{tenant_id}")
            now = await self._database.now(session)
            tenant = await _tenant(session, tenant_id)
            if plan is not None:
                tenant.plan = plan.value
                await self._webhooks.set_retries(session, tenant.id, GRANTS[plan].webhook_retries)
            tenant.monthly_sessions = tenant.monthly_sessions if monthly_sessions is None else monthly_sessions
            tenant.requests_a_minute = tenant.requests_a_minute if requests_a_minute is None else requests_a_minute
            tenant.seats = tenant.seats if seats is None else seats
            tenant.is_active = tenant.is_active if is_active is None else is_active
            if listed is not None:
                await _replace_origins(session, tenant.id, listed)
            told = {} if listed is None else {"origins": " ".join(listed)}
            record(session, by, Action.TENANT_CHANGE, tenant.id, now, plan=tenant.plan, active=tenant.is_active, **told)

    async def set_theme(self, tenant_id: str, fields: Mapping[str, object], *, by: Actor) -> Mapping[str, str]:
        """The theme of sessions that are made from now on, whole. NotFound, InvalidRequest."""
        theme = theme_of(fields)
        async with self._database.write() as session:
            tenant = await _tenant(session, tenant_id)
            tenant.theme = dict(theme)
            record(session, by, Action.TENANT_THEME, tenant.id, await self._database.now(session), **theme)
        return theme

    async def authenticate(self, secret: str, *, address: str) -> Proven:
        """Whose key this is; counts one request. Unauthorized, RateLimited."""
        digest = hash_of(secret)
        async with self._database.read() as session:
            now = await self._database.now(session)
            query = select(TenantKey, Tenant).join(Tenant, Tenant.id == TenantKey.tenant_id)
            query = query.where(TenantKey.key_hash == digest, _is_good(now), Tenant.is_active)
            row = (await session.execute(query)).one_or_none()
            listed = select(TenantOrigin.origin).join(TenantKey).where(TenantKey.key_hash == digest)
            origins = frozenset(await session.scalars(listed))
        if row is None:
            await self._throttle.count(WRONG_KEYS, address)
            raise Unauthorized(INACTIVE_KEY)
        key, tenant = row
        grants = grants_of(tenant)
        tally = await self._throttle.tally(_requests(grants), tenant.id)
        if key.last_used_at is None or key.last_used_at < now - _USE_NOTED_EVERY:
            async with self._database.write() as session:
                await session.execute(update(TenantKey).where(TenantKey.id == key.id).values(last_used_at=now))
        return Proven(tenant, KeyMode(key.mode), origins, grants, tally, key.id)

    async def may_walk_in(self, address: str) -> bool:
        """Counts one session that a page without a key makes from this network address; False when it had too many
        within the hour.
        """
        return not (await self._throttle.tally(WALK_INS_OF_ADDRESS, address)).is_over

    async def of_page(self, tenant_id: str, modes: Container[KeyMode], origin: str) -> Proven:
        """The same of a page that has no key, and is the tenant's as `of_origin` found: in the live environment where a
        live key names it. Counts one request of the tenant's pages, which use up nothing of its keys'. NotFound.
        """
        async with self._database.read() as session:
            tenant = await _tenant(session, tenant_id)
        grants = grants_of(tenant)
        tally = await self._throttle.tally(_requests(grants, "tenant-pages"), tenant.id)
        mode = KeyMode.LIVE if KeyMode.LIVE in modes else KeyMode.TEST
        return Proven(tenant, mode, frozenset({origin}), grants, tally)

    async def of_origin(self, origin: str) -> tuple[str, frozenset[KeyMode]] | None:
        """The one tenant that names this origin, and the modes of the keys that do. None when nobody does, or several
        do: then it proves nothing.
        """
        async with self._database.read() as session:
            now = await self._database.now(session)
            query = select(Tenant.id, TenantKey.mode).select_from(TenantOrigin).join(TenantKey)
            query = query.join(Tenant, Tenant.id == TenantKey.tenant_id)
            query = query.where(TenantOrigin.origin == origin, _is_good(now), Tenant.is_active).distinct()
            rows = (await session.execute(query)).all()
        tenants = {tenant_id for tenant_id, _ in rows}
        if origin == ANY_ORIGIN or len(tenants) != 1:
            return None
        return tenants.pop(), frozenset(KeyMode(mode) for _, mode in rows)

    async def origins_of(self, tenant_id: str, mode: KeyMode) -> frozenset[str]:
        """What this tenant's good keys of a mode list, `*` among it where a page of every origin is meant."""
        query = select(TenantOrigin.origin).join(TenantKey).join(Tenant, Tenant.id == TenantKey.tenant_id)
        async with self._database.read() as session:
            now = await self._database.now(session)
            theirs = query.where(Tenant.id == tenant_id, TenantKey.mode == mode.value, _is_good(now), Tenant.is_active)
            return frozenset(await session.scalars(theirs))

    async def listed_origins(self, tenant_id: str) -> Sequence[str]:
        """The origins whose pages may use the tenant's keys."""
        async with self._database.read() as session:
            return await _origins(session, tenant_id)

    async def requests_now(self, tenant: Tenant) -> int:
        """How many requests its keys made within the minute that is."""
        return await self._throttle.look(_requests(grants_of(tenant)), tenant.id)

    async def list(self) -> list[Tenant]:
        async with self._database.read() as session:
            return list(await session.scalars(select(Tenant).order_by(Tenant.name)))

    async def keys_of(self, tenant_id: str) -> Sequence[TenantKey]:
        """All keys, the oldest first. NotFound."""
        query = select(TenantKey).where(TenantKey.tenant_id == tenant_id)
        async with self._database.read() as session:
            await _tenant(session, tenant_id)
            return (await session.scalars(query.order_by(TenantKey.created_at, TenantKey.id))).all()

    async def find(self, word: str) -> Tenant:
        """The tenant with this id or name. NotFound."""
        query = select(Tenant).where(or_(Tenant.id == word, Tenant.name == word))
        async with self._database.read() as session:
            found = (await session.scalars(query)).first()
        if found is None:
            raise _no_such_tenant(word)
        return found

    async def id_of(self, word: str) -> str:
        """Of the tenant with this id or name. NotFound."""
        return (await self.find(word)).id


def _is_good(now: datetime) -> ColumnElement[bool]:
    return TenantKey.revoked_at.is_(None) & or_(TenantKey.expires_at.is_(None), TenantKey.expires_at > now)


async def _new_key(
    session: AsyncSession, tenant: Tenant, mode: KeyMode, origins: Sequence[str], now: datetime
) -> NewTenantKey:
    prefix = f"bg_{mode.value}_"
    secret = prefix + "".join(secrets.choice(_ALPHABET) for _ in range(_KEY_CHARACTERS))
    key = TenantKey(
        id=new_id("tky"),
        tenant_id=tenant.id,
        mode=mode.value,
        key_hash=hash_of(secret),
        hint=secret[: len(prefix) + 4],
        created_at=now,
    )
    session.add(key)
    await session.flush()
    session.add_all(TenantOrigin(key_id=key.id, origin=origin) for origin in dict.fromkeys(origins))
    return NewTenantKey(tenant, key, secret)


async def _origins(session: AsyncSession, tenant_id: str) -> Sequence[str]:
    query = select(TenantOrigin.origin).join(TenantKey).where(TenantKey.tenant_id == tenant_id)
    return (await session.scalars(query.distinct().order_by(TenantOrigin.origin))).all()


def _requests(grants: Grants, of: str = "tenant-requests") -> Limit:
    return Limit(of, grants.requests_a_minute, timedelta(minutes=1))


async def _replace_origins(session: AsyncSession, tenant_id: str, origins: Sequence[str]) -> None:
    keys = (await session.scalars(select(TenantKey.id).where(TenantKey.tenant_id == tenant_id))).all()
    for row in await session.scalars(select(TenantOrigin).where(TenantOrigin.key_id.in_(keys))):
        await session.delete(row)
    await session.flush()
    session.add_all(TenantOrigin(key_id=key, origin=origin) for key in keys for origin in dict.fromkeys(origins))


def _origin(word: str) -> str:
    """A web origin as browsers send it."""
    if word == ANY_ORIGIN:
        return word
    found = _ORIGIN.fullmatch(word.rstrip("/").lower())
    if found is None or len(word) > 255:
        raise InvalidRequest(f"{word!r} is not an origin such as https://games.example.")
    scheme, host, port = found.groups()
    return f"{scheme}://{host}" + ("" if port in {None, _USUAL_PORTS[scheme]} else f":{port}")


async def _tenant(session: AsyncSession, tenant_id: str) -> Tenant:
    found = await session.get(Tenant, tenant_id)
    if found is None:
        raise _no_such_tenant(tenant_id)
    return found


def _no_such_tenant(word: str) -> NotFound:
    return NotFound(f"There is no tenant {word!r}.")
