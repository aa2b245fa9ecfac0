"""The bodies of `/api/auth` and `/api/account`, named as the public API names them (docs/compatibility.md)."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from orchestrator.accounts.account import EMAIL_PATTERN, MOST_EMAIL_CHARACTERS, SignedIn
from orchestrator.accounts.models import AccountRow, Device
from orchestrator.accounts.my_account import Particulars
from orchestrator.http import Schema, Timestamp, Wire

Email = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=MOST_EMAIL_CHARACTERS, pattern=EMAIL_PATTERN)
]
Password = Annotated[str, StringConstraints(min_length=8, max_length=1000)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00]*$")]


class CsrfToken(Schema):
    csrf_token: str = Field(alias="csrfToken")


class Credentials(Schema):
    """A sign-in form. Every field may be missing: then the sign-in fails, it is not malformed."""

    email: str = Field(default="", pattern=r"^[^\x00]*$")  # PostgreSQL knows no text with a NUL
    password: str = ""
    csrf_token: str = Field(default="", alias="csrfToken")
    callback_url: str = Field(default="/", alias="callbackUrl")
    json_answer: bool = Field(default=False, alias="json")


class SignOut(Schema):
    csrf_token: str = Field(default="", alias="csrfToken")
    callback_url: str = Field(default="/", alias="callbackUrl")
    json_answer: bool = Field(default=False, alias="json")


class Registration(Schema):
    email: Email
    password: Password
    name: Name


class SessionUser(Schema):
    id: str
    name: str
    email: str
    image: str | None


class SessionView(Schema):
    """Who is signed in, and until when (ISO 8601, milliseconds)."""

    user: SessionUser
    expires: str


class NoSession(Schema):
    """Nobody is signed in: an empty object."""


class Destination(Schema):
    """Where the browser should go next."""

    url: str


class AccountView(Wire):
    """One's own account. `role` is `player` or `admin`. Without a password nobody signs in by password. An address is
    verified once a letter to it was answered.
    """

    id: str
    name: str
    email: str
    role: str
    created_at: Timestamp
    has_password: bool
    email_verified: bool


class AccountPatch(Wire):
    name: Name


class PasswordChange(Wire):
    current_password: str = Field(max_length=1000)
    new_password: Password


class ResetRequest(Wire):
    email: Email


class PasswordReset(Wire):
    """`token` is from the letter: what stands behind the `#` of its link."""

    token: Secret
    password: Password


class Confirmation(Wire):
    """`token` is from the letter: what stands behind the `#` of its link."""

    token: Secret


class EmailChange(Wire):
    """The address that shall be this account's."""

    email: Email
    password: str = Field(max_length=1000)


class Deletion(Wire):
    password: str = Field(max_length=1000)


class DeviceView(Wire):
    """A browser in which the person is signed in, such as `Firefox on Linux`."""

    id: str
    name: str
    signed_in_at: Timestamp
    expires_at: Timestamp
    is_current: bool


class DevicesAnswer(Wire):
    """The newest first."""

    devices: list[DeviceView]


class UserView(Wire):
    """An account as admins see it. `state` is `active`, `suspended` or `closed`."""

    id: str
    name: str
    email: str
    role: str
    state: str
    email_verified: bool
    created_at: Timestamp


class UsersAnswer(Wire):
    """The newest first; `total` counts all that were asked for."""

    users: list[UserView]
    total: int


class UserPatch(Wire):
    state: Literal["active", "suspended", "closed"]


def user_view(row: AccountRow) -> UserView:
    return UserView(
        id=row.id,
        name=row.name,
        email=row.email,
        role=row.role.value,
        state=row.state.value,
        email_verified=row.email_verified_at is not None,
        created_at=row.created_at,
    )


def account_view(found: Particulars) -> AccountView:
    account = found.account
    return AccountView(
        id=account.id,
        name=account.name,
        email=account.email,
        role=account.role.value,
        created_at=found.created_at,
        has_password=found.has_password,
        email_verified=found.is_email_verified,
    )


def device_view(device: Device, signed_in: SignedIn) -> DeviceView:
    return DeviceView(
        id=device.id,
        name=device.name,
        signed_in_at=device.signed_in_at,
        expires_at=device.expires_at,
        is_current=device.id == signed_in.token_id,
    )
