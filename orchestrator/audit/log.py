"""The audit log as it is read, and how long it is kept. No HTTP.

Names are looked up when a page is read: what is gone, or was erased, has none any more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, delete, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.accounts.models import AccountRow
from orchestrator.audit.models import AuditEvent
from orchestrator.audit.recording import Action, ActorKind
from orchestrator.database import Database
from orchestrator.fleet.models import Host
from orchestrator.play.models import Session
from orchestrator.publishers.models import Publisher
from orchestrator.tenants.models import Tenant, TenantKey

KEPT_FOR = timedelta(days=365)
PRUNED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Question:
    """What of the log is asked for. `actor` is an id, the e-mail address of an account, or `command-line`."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    page: int = 1
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """`actor_name` and `subject_name` are None for what has no name, or is gone."""

    event: AuditEvent
    actor_name: str | None
    subject_name: str | None


@dataclass(frozen=True, slots=True)
class LogPage:
    """Newest first, as of `now`; `total` counts all that were asked for."""

    entries: tuple[Entry, ...]
    total: int
    now: datetime


class AuditLog:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, question: Question) -> LogPage:
        async with self._database.read() as session:
            now = await self._database.now(session)
            condition = await _condition(session, question)
            total = await session.scalar(select(func.count()).select_from(AuditEvent).where(*condition)) or 0
            query = select(AuditEvent).where(*condition).order_by(AuditEvent.at.desc(), AuditEvent.id.desc())
            offset = (question.page - 1) * question.limit
            events = (await session.scalars(query.limit(question.limit).offset(offset))).all()
            names = await _names(session, events)
        entries = tuple(Entry(event, names.get(event.actor_id or ""), names.get(event.subject_id)) for event in events)
        return LogPage(entries, total, now)

    async def prune(self) -> None:
        """Forget what is older than `KEPT_FOR`, some of it at a time. Any replica may do it."""
        async with self._database.read() as session:
            before = await self._database.now(session) - KEPT_FOR
            oldest = await session.scalar(select(func.min(AuditEvent.at)))
        if oldest is None or oldest >= before:
            return
        over = select(AuditEvent.id).where(AuditEvent.at < before).order_by(AuditEvent.at).limit(PRUNED_AT_ONCE)
        async with self._database.write() as session:
            await session.execute(delete(AuditEvent).where(AuditEvent.id.in_(over.with_for_update(skip_locked=True))))


async def forget_person(session: AsyncSession, account_id: str, owner: str) -> None:
    """What the log keeps of somebody who is erased are ids: their addresses go, and what was said of their games."""
    theirs = (AuditEvent.actor_kind == ActorKind.ACCOUNT.value) & (AuditEvent.actor_id == account_id)
    await session.execute(update(AuditEvent).where(theirs).values(address=None))
    sessions = select(Session.id).where(Session.owner == owner)
    stops = (AuditEvent.action == Action.SESSION_STOP.value) & AuditEvent.subject_id.in_(sessions)
    await session.execute(update(AuditEvent).where(stops).values(details={}))


def of_person(account_id: str) -> Select[AuditEvent]:
    """What a person did and what was done to their account, the oldest first."""
    theirs = (AuditEvent.actor_kind == ActorKind.ACCOUNT.value) & (AuditEvent.actor_id == account_id)
    return select(AuditEvent).where(theirs | (AuditEvent.subject_id == account_id)).order_by(AuditEvent.at)


async def _condition(session: AsyncSession, question: Question) -> list[ColumnElement[bool]]:
    condition: list[ColumnElement[bool]] = []
    if question.actor == ActorKind.COMMAND_LINE.value:
        condition.append(AuditEvent.actor_kind == question.actor)
    elif question.actor:
        named = select(AccountRow.id).where(AccountRow.email == question.actor.lower())
        condition.append(AuditEvent.actor_id == (await session.scalar(named) or question.actor))
    if question.action:
        condition.append(AuditEvent.action == question.action)
    if question.subject:
        named = select(AccountRow.id).where(AccountRow.email == question.subject.lower())
        condition.append(AuditEvent.subject_id == (await session.scalar(named) or question.subject))
    return condition


async def _names(session: AsyncSession, events: Sequence[AuditEvent]) -> Mapping[str, str]:
    """By id, of the accounts, hosts, publishers, tenants and tenants' keys that these events name."""
    ids = {event.subject_id for event in events} | {event.actor_id for event in events if event.actor_id}
    names: dict[str, str] = {}
    for query in (
        select(AccountRow.id, AccountRow.name).where(AccountRow.id.in_(ids), AccountRow.name != ""),
        select(Host.id, Host.name).where(Host.id.in_(ids)),
        select(Publisher.id, Publisher.name).where(Publisher.id.in_(ids)),
        select(Tenant.id, Tenant.name).where(Tenant.id.in_(ids)),
        select(TenantKey.id, literal("A key of ") + Tenant.name).join(Tenant).where(TenantKey.id.in_(ids)),
    ):
        names |= {row[0]: row[1] for row in await session.execute(query)}
    return names
