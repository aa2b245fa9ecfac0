"""Tables of tenants. What their users play is in the arena's tables."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.database import Base, JsonDict


class Tenant(Base):
    """A partner account. `monthly_sessions`, `requests_a_minute` and `seats` stand in place of the plan's, where
    agreed. `bots_tried_at` is when the last training of a bot began that is gone by now.
    """

    __tablename__ = "tenants"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(150), unique=True)
    plan: Mapped[str] = mapped_column(String(16))
    monthly_sessions: Mapped[int | None]
    requests_a_minute: Mapped[int | None]
    seats: Mapped[int | None]
    theme: Mapped[JsonDict]
    is_active: Mapped[bool]
    bots_tried_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class TenantKey(Base):
    """A key, known by its SHA-256: it has over 256 random bits. `hint` is how it begins. `last_used_at` is right to
    the hour.
    """

    __tablename__ = "tenant_keys"
    __table_args__ = (Index("tenant_keys_by_tenant", "tenant_id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    mode: Mapped[str] = mapped_column(String(8))
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class TenantOrigin(Base):
    """A web origin whose pages may use a key; `*` is every one."""

    __tablename__ = "tenant_origins"
    __table_args__ = (Index("tenant_origins_by_origin", "origin"),)

    key_id: Mapped[str] = mapped_column(ForeignKey("tenant_keys.id", ondelete="CASCADE"), primary_key=True)
    origin: Mapped[str] = mapped_column(String(255), primary_key=True)


class TenantMember(Base):
    """A person who may open the tenant's console."""

    __tablename__ = "tenant_members"
    __table_args__ = (Index("tenant_members_by_account", "account_id"),)

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    created_at: Mapped[datetime]


class TenantMonth(Base):
    """How many sessions were charged in a month of UTC (`2026-03`), counted by the transactions that make them, and how
    many of these pages made that had no session of their tenant's backend.
    """

    __tablename__ = "tenant_months"

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    sessions: Mapped[int]
    walk_ins: Mapped[int] = mapped_column(default=0, server_default=text("0"))
