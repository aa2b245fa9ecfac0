"""What the rest of the house knows of a person: a value, never a row."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

EMAIL_PATTERN = r"^[^@\s\x00]+@[^@\s\x00]+$"
MOST_EMAIL_CHARACTERS = 320


class Role(StrEnum):
    PLAYER = "player"
    ADMIN = "admin"


class AccountState(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"
    DELETED = "deleted"  # by its owner, and about to be erased


@dataclass(frozen=True)
class Account:
    id: str
    email: str
    name: str
    image: str | None
    role: Role

    @property
    def owner(self) -> str:
        """The name under which this person owns sessions and saves."""
        return owner_of(self.id)


def owner_of(account_id: str) -> str:
    return f"account:{account_id}"


@dataclass(frozen=True)
class SignedIn:
    """An account with the token that proves it."""

    account: Account
    token_id: str
    expires_at: datetime
