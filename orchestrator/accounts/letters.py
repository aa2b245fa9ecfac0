"""What letters say. Pure.

The secret of a link stands behind its `#`, which browsers send to no server. A letter says nothing that whoever ordered
it could choose, such as a name: nobody shall send words of theirs to strangers through us.
"""

from datetime import timedelta
from enum import StrEnum

from orchestrator.mail.letter import Letter


class Purpose(StrEnum):
    """What the secret of a letter is good for."""

    RESET_PASSWORD = "reset"  # noqa: S105 - a purpose, not a password
    VERIFY_EMAIL = "verify"
    CHANGE_EMAIL = "change-email"  # goes to the new address
    EMAIL_MAY_CHANGE = "may-change"  # tells the old one, and holds no secret


LIFETIMES = {
    Purpose.RESET_PASSWORD: timedelta(hours=1),
    Purpose.VERIFY_EMAIL: timedelta(days=3),
    Purpose.CHANGE_EMAIL: timedelta(days=3),
}

_RESET = """Hello,

somebody, hopefully you, asked for a new password for this address at Playhouse.
To choose one, open this page within an hour:

    {url}

It works once. If it was not you, do nothing: your password stays as it is.
"""

_VERIFY = """Hello,

this address was given for an account at Playhouse. To confirm that it is yours,
open this page within three days:

    {url}

If you know nothing of it, do nothing.
"""

_CHANGE = """Hello,

somebody, hopefully you, wants to sign in to Playhouse with this address from now on.
To make it the address of the account, open this page within three days:

    {url}

It works once. If it was not you, do nothing: nothing changes.
"""

_MAY_CHANGE = """Hello,

somebody, hopefully you, asked to replace this address of your account at Playhouse by
another one. It is replaced once a letter to the other one was answered.

If it was not you, somebody knows your password. Choose a new one now, and nothing is
replaced:

    {url}
"""


def write_letter(purpose: Purpose, to: str, public_url: str, secret: str) -> Letter:
    match purpose:
        case Purpose.RESET_PASSWORD:
            text = _RESET.format(url=f"{public_url}/reset-password#{secret}")
            return Letter(to, "A new password for Playhouse", text)
        case Purpose.VERIFY_EMAIL:
            text = _VERIFY.format(url=f"{public_url}/confirm-email#{secret}")
            return Letter(to, "Please confirm your e-mail address", text)
        case Purpose.CHANGE_EMAIL:
            text = _CHANGE.format(url=f"{public_url}/confirm-email#{secret}")
            return Letter(to, "Please confirm your new e-mail address", text)
        case _:
            text = _MAY_CHANGE.format(url=f"{public_url}/forgot-password")
            return Letter(to, "Your e-mail address at Playhouse is about to change", text)
