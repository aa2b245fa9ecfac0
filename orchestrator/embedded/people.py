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
    """`password` is None when the account was not made here or its file is gone: then we cannot know it."""

    email: str
    password: str | None


async def demo_account(accounts: Accounts, data: Path) -> SignIn:
    """The account that `up` prints, made if need be with the role admin. Doing it again changes nothing."""
    file = data / FILE
    is_remembered = file.exists()
    if is_remembered:
        password = str(json.loads(file.read_text(encoding="utf-8"))["password"])
    else:
        password = "-".join(secrets.token_hex(2) for _ in range(4))
        _write_private(file, json.dumps({"email": EMAIL, "password": password}))
    try:
        await accounts.create(EMAIL, password, NAME, Role.ADMIN)
    except Conflict:
        if not is_remembered:
            file.unlink()
            return SignIn(EMAIL, None)
    return SignIn(EMAIL, password)


def _write_private(file: Path, content: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(content)
