"""Tables of people: their accounts, the tokens they gave back, and how often a sign-in was tried."""

from datetime import datetime

from sqlalchemy import Enum, String
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.accounts.account import AccountState, Role
from orchestrator.database import Base


def _values(members: type[Role] | type[AccountState]) -> list[str]:
    return [member.value for member in members]


class AccountRow(Base):
    """`email` is kept in lower case. Without a `password_hash` nobody signs in by password."""

    __tablename__ = "accounts"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    image: Mapped[str | None] = mapped_column(String(2000))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(Enum(Role, native_enum=False, length=16, values_callable=_values))
    state: Mapped[AccountState] = mapped_column(
        Enum(AccountState, native_enum=False, length=16, values_callable=_values), default=AccountState.ACTIVE
    )
    created_at: Mapped[datetime]


class RevokedToken(Base):
    """A session token that its owner gave back. It may be forgotten once it would have expired anyway."""

    __tablename__ = "revoked_tokens"

    jti: Mapped[str] = mapped_column(String(40), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SignInThrottle(Base):
    """Tries within one window. `key` is a digest: no address and no e-mail of a stranger is kept."""

    __tablename__ = "sign_in_throttles"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    tries: Mapped[int]
    ends_at: Mapped[datetime] = mapped_column(index=True)
