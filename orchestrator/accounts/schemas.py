"""The bodies of `/api/auth`, named as the public API names them (docs/compatibility.md)."""

from typing import Annotated

from pydantic import Field, StringConstraints

from orchestrator.http import Schema

Email = Annotated[str, StringConstraints(strip_whitespace=True, max_length=320, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$")]
Password = Annotated[str, StringConstraints(min_length=8, max_length=1000)]
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
