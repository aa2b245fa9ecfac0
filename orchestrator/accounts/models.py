"""Tables of people: their accounts and devices, and letters to them."""

from datetime import datetime

from sqlalchemy import Enum, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.accounts.account import AccountState, Role
from orchestrator.database import Base

_IS_NOT_ACTIVE = f"state <> '{AccountState.ACTIVE.value}'"


def _values(members: type[Role] | type[AccountState]) -> list[str]:
    return [member.value for member in members]


class AccountRow(Base):
    """`email` is kept in lower case, and is proven to be this person's since `email_verified_at`. Without a
    `password_hash` nobody signs in by password.
    """

    __tablename__ = "accounts"
    __table_args__ = (
        Index("accounts_not_active", "state", sqlite_where=text(_IS_NOT_ACTIVE), postgresql_where=text(_IS_NOT_ACTIVE)),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    image: Mapped[str | None] = mapped_column(String(2000))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(Enum(Role, native_enum=False, length=16, values_callable=_values))
    state: Mapped[AccountState] = mapped_column(
        Enum(AccountState, native_enum=False, length=16, values_callable=_values), default=AccountState.ACTIVE
    )
    email_verified_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Device(Base):
    """A browser in which a person is signed in. `id` is its token's: a token without this row is worth nothing."""

    __tablename__ = "devices"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(60))
    signed_in_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class LinkedIdentity(Base):
    """Somebody who comes through another house's door, and whose account that is here."""

    __tablename__ = "linked_identities"

    issuer: Mapped[str] = mapped_column(String(300), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    linked_at: Mapped[datetime]


class MailToken(Base):
    """A secret that was sent to an address, by its SHA-256: whoever has it reads that address's letters. Good once."""

    __tablename__ = "mail_tokens"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(String(16))
    email: Mapped[str] = mapped_column(String(320))
    expires_at: Mapped[datetime] = mapped_column(index=True)


class MailOrder(Base):
    """A letter to be written and sent to whoever has an address then, or to the person of `account_id`. Its secret is
    made with it, so none lies here. Some replica takes it by lease.
    """

    __tablename__ = "mail_orders"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(16))
    email: Mapped[str] = mapped_column(String(320))
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    tries: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    due_at: Mapped[datetime] = mapped_column(index=True)
    ordered_at: Mapped[datetime]
