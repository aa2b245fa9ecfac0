"""Passwords: what is right, what is outdated, and that nobody can tell an unknown address from a wrong password."""

import bcrypt
import pytest
from argon2 import PasswordHasher, extract_parameters

from orchestrator.accounts.passwords import DECOY, Passwords, Verdict


@pytest.fixture(scope="module")
def outdated_hash() -> str:
    return bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4)).decode()


async def test_a_hash_accepts_its_own_password_alone() -> None:
    passwords = Passwords()
    hashed = await passwords.hash("correct horse")
    assert hashed.startswith("$argon2id$")
    assert await passwords.verify("correct horse", hashed) is Verdict.RIGHT
    assert await passwords.verify("wrong horse", hashed) is Verdict.WRONG


async def test_a_bcrypt_hash_is_accepted_and_asks_to_be_upgraded(outdated_hash: str) -> None:
    assert await Passwords().verify("correct horse", outdated_hash) is Verdict.RIGHT_BUT_OUTDATED
    assert await Passwords().verify("wrong horse", outdated_hash) is Verdict.WRONG


async def test_bcrypt_ignores_what_follows_the_72nd_byte_as_it_always_did() -> None:
    hashed = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    assert await Passwords().verify("x" * 100, hashed) is Verdict.RIGHT_BUT_OUTDATED


async def test_a_weaker_argon2_hash_asks_to_be_upgraded() -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse")
    assert await Passwords().verify("correct horse", weaker) is Verdict.RIGHT_BUT_OUTDATED


@pytest.mark.parametrize("hashed", [None, "", "plain text", "$argon2id$broken", "$2b$broken"])
async def test_what_is_no_hash_is_never_right(hashed: str | None) -> None:
    assert await Passwords().verify("correct horse", hashed) is Verdict.WRONG


def test_the_decoy_costs_what_a_real_hash_costs() -> None:
    assert not PasswordHasher().check_needs_rehash(DECOY)
    assert extract_parameters(DECOY) == extract_parameters(PasswordHasher().hash("any"))
