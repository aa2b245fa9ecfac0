"""The demo account: made at the first start with a random password, which only this machine's owner can read."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from orchestrator.accounts.account import Role
from orchestrator.accounts.service import Accounts
from orchestrator.errors import Conflict

EMAIL = "demo@playhouse.example"
NAME = "Demo"
FILE = "demo-account.json"


@dataclass(frozen=True)
class SignIn:
    """`password` is None when we cannot know it: the account was not made here, its file is gone, or it has another
    one by now.
    """

    email: str
    password: str | None


async def demo_account(accounts: Accounts, data: Path) -> SignIn:
    """The account that `up` prints, made if need be with the role admin. Doing it again changes nothing."""
    file = data / FILE
    remembered = _remembered(file)
    password = remembered or "-".join(secrets.token_hex(2) for _ in range(4))
    if remembered is None:
        _write_private(file, json.dumps({"email": EMAIL, "password": password}))
    try:
        await accounts.create(EMAIL, password, NAME, Role.ADMIN)
    except Conflict:
        if remembered is None:
            file.unlink()
        if remembered is None or not await accounts.is_password_of(EMAIL, remembered):
            return SignIn(EMAIL, None)
    return SignIn(EMAIL, password)


def _remembered(file: Path) -> str | None:
    """None when there is no file, or one that was cut short."""
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["password"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _write_private(file: Path, content: str) -> None:
    """Whole or not at all."""
    partial = file.with_name(f".{file.name}")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(content)
    partial.replace(file)
