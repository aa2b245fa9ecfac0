"""Session tokens: ours and unexpired, or nothing."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from orchestrator.accounts import tokens
from orchestrator.accounts.account import Account, Role
from orchestrator.installation import Installation

ACCOUNT = Account("clx1", "ada@example.org", "Ada", None, Role.ADMIN)


def make_installation(name: str = "ins1", secret: bytes = b"s" * 32) -> Installation:
    return Installation(name, secret)


def test_a_token_names_its_account_and_lives_thirty_days() -> None:
    installation = make_installation()
    now = datetime.now(UTC).replace(microsecond=0)
    claims = tokens.read(tokens.issue(ACCOUNT, "tok1", installation, now), installation)
    assert claims is not None
    assert claims.account_id == "clx1"
    assert claims.expires_at == now + timedelta(days=30)


def test_a_token_carries_the_claims_that_clients_read() -> None:
    token = tokens.issue(ACCOUNT, "tok1", make_installation(), datetime.now(UTC))
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims.keys() == {"iss", "aud", "sub", "name", "email", "picture", "role", "iat", "exp", "jti"}
    assert (claims["role"], claims["email"]) == ("admin", "ada@example.org")


def test_a_token_names_its_device() -> None:
    installation = make_installation()
    claims = tokens.read(tokens.issue(ACCOUNT, "tok2", installation, datetime.now(UTC)), installation)
    assert claims is not None
    assert claims.token_id == "tok2"


def test_a_token_is_good_where_the_clock_is_behind() -> None:
    installation = make_installation()
    token = tokens.issue(ACCOUNT, "tok1", installation, datetime.now(UTC) + timedelta(minutes=1))
    assert tokens.read(token, installation) is not None


def test_an_expired_token_is_nothing() -> None:
    installation = make_installation()
    token = tokens.issue(ACCOUNT, "tok1", installation, datetime.now(UTC) - timedelta(days=30, seconds=1))
    assert tokens.read(token, installation) is None


@pytest.mark.parametrize("other", [make_installation("ins2"), make_installation(secret=b"x" * 32)])
def test_another_installations_token_is_nothing(other: Installation) -> None:
    assert tokens.read(tokens.issue(ACCOUNT, "tok1", other, datetime.now(UTC)), make_installation()) is None


def test_a_token_without_a_signature_is_nothing() -> None:
    installation = make_installation()
    claims = jwt.decode(
        tokens.issue(ACCOUNT, "tok1", installation, datetime.now(UTC)), options={"verify_signature": False}
    )
    assert tokens.read(jwt.encode(claims, "", algorithm="none"), installation) is None


@pytest.mark.parametrize("text", ["", "a.b.c", "nonsense"])
def test_what_is_no_token_is_nothing(text: str) -> None:
    assert tokens.read(text, make_installation()) is None
