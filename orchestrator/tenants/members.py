"""Who may open a tenant's console: people with an account here, whom an operator has named. No HTTP.

Operators may open every tenant's. To anybody else a tenant is one that is not there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import func, select

from orchestrator.accounts.account import Account, AccountState, Role
from orchestrator.accounts.models import AccountRow
from orchestrator.audit.recording import COMMAND_LINE, Action, Actor, record
from orchestrator.database import Database
from orchestrator.errors import Conflict, NotFound
from orchestrator.tenants.models import Tenant, TenantMember, TenantMonth

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Member:
    account: AccountRow
    since: datetime


@dataclass(frozen=True, slots=True)
class TenantFigures:
    """`sessions` are those of the month that is."""

    tenant: Tenant
    members: Sequence[Member]
    sessions: int


class TenantMembers:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, tenant_id: str, email: str, *, may_be_unconfirmed: bool = False, by: Actor = COMMAND_LINE
    ) -> None:
        """Doing it twice changes nothing. NotFound; Conflict `address_unconfirmed` for an account that has not proven
        its address: somebody else may have registered it.
        """
        async with self._database.write() as session:
            if await session.get(Tenant, tenant_id) is None:
                raise NotFound(f"There is no tenant {tenant_id!r}.")
            query = select(AccountRow).where(AccountRow.email == email.strip().lower())
            account = await session.scalar(query.where(AccountRow.state == AccountState.ACTIVE))
            if account is None:
                raise NotFound(f"There is no account of {email}.")
            if account.email_verified_at is None and not may_be_unconfirmed:
                raise Conflict(
                    f"{account.email} has not confirmed this address: it may be somebody else's account.",
                    code="address_unconfirmed",
                )
            await self._database.lock(session, f"tenant-members:{tenant_id}")
            if await session.get(TenantMember, (tenant_id, account.id)) is not None:
                return
            now = await self._database.now(session)
            session.add(TenantMember(tenant_id=tenant_id, account_id=account.id, created_at=now))
            record(session, by, Action.TENANT_MEMBER_ADD, tenant_id, now, account=account.id)
        log.info("tenant.member_added", tenant=tenant_id, account_id=account.id)

    async def remove(self, tenant_id: str, account_id: str, *, by: Actor = COMMAND_LINE) -> None:
        """They open the console no longer, at once. NotFound."""
        async with self._database.write() as session:
            row = await session.get(TenantMember, (tenant_id, account_id))
            if row is None:
                raise NotFound("Nobody with this account is a member of this tenant.")
            await session.delete(row)
            now = await self._database.now(session)
            record(session, by, Action.TENANT_MEMBER_REMOVE, tenant_id, now, account=account_id)
        log.info("tenant.member_removed", tenant=tenant_id, account_id=account_id)

    async def of_tenant(self, tenant_id: str) -> Sequence[Member]:
        """All of them, by address."""
        query = select(AccountRow, TenantMember.created_at).join(TenantMember, TenantMember.account_id == AccountRow.id)
        query = query.where(TenantMember.tenant_id == tenant_id).order_by(AccountRow.email)
        async with self._database.read() as session:
            return [Member(account, since) for account, since in await session.execute(query)]

    async def tenants_of(self, account: Account) -> Sequence[Tenant]:
        """Those whose member this is, by name. An operator is asked like anybody."""
        query = select(Tenant).join(TenantMember, TenantMember.tenant_id == Tenant.id)
        query = query.where(TenantMember.account_id == account.id).order_by(Tenant.name)
        async with self._database.read() as session:
            return (await session.scalars(query)).all()

    async def admitted(self, account: Account, tenant_id: str) -> Tenant:
        """The tenant, for whoever may open its console. NotFound for anybody else."""
        async with self._database.read() as session:
            found = await session.get(Tenant, tenant_id)
            is_member = await session.get(TenantMember, (tenant_id, account.id)) is not None
        if found is None or not (is_member or account.role is Role.ADMIN):
            raise NotFound(f"There is no tenant {tenant_id!r}.")
        return found

    async def figures(self) -> Sequence[TenantFigures]:
        """Every tenant, by name, for an operator."""
        named = select(TenantMember, AccountRow).join(AccountRow, TenantMember.account_id == AccountRow.id)
        members: dict[str, list[Member]] = {}
        async with self._database.read() as session:
            month = (await self._database.now(session)).strftime("%Y-%m")
            used = (TenantMonth.tenant_id == Tenant.id) & (TenantMonth.month == month)
            query = select(Tenant, func.coalesce(TenantMonth.sessions, 0)).outerjoin(TenantMonth, used)
            rows = (await session.execute(query.order_by(Tenant.name))).all()
            for member, account in await session.execute(named.order_by(AccountRow.email)):
                members.setdefault(member.tenant_id, []).append(Member(account, member.created_at))
        return [TenantFigures(tenant, members.get(tenant.id, []), sessions) for tenant, sessions in rows]
