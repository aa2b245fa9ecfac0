"""Password hashes: argon2id (RFC 9106, its low-memory parameters). bcrypt hashes are accepted and ask to be upgraded.
What is easy to guess gets none.

Hashing costs 64 MiB and tens of milliseconds, so it happens in threads, two at a time, and never on the event loop.
"""

import asyncio
from enum import StrEnum
from pathlib import Path

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from orchestrator.accounts.guessing import is_guessable
from orchestrator.errors import InvalidRequest

_BCRYPT_PREFIXES = ("$2a$", "$2b$", "$2y$")
_BCRYPT_MAX_BYTES = 72
_AT_ONCE = 2
GUESSABLE = "This password is easy to guess. Take another, such as a few words in a row."
_COMMON = Path(__file__).with_name("common_passwords.txt")

# No password has this hash; checking against it makes an unknown e-mail address cost what a known one does.
DECOY = "$argon2id$v=19$m=65536,t=3,p=4$tiaIv9J8+thgNzn7tZ0uOA$J3LL+yaFmDDEsAvccm4VITSXDNjZ4KkCpqZXa9ubFR4"


class Verdict(StrEnum):
    WRONG = "wrong"
    RIGHT = "right"
    RIGHT_BUT_OUTDATED = "right_but_outdated"


class GuessablePassword(InvalidRequest):
    """It is among the first that others would try."""

    code = "guessable_password"

    def __init__(self) -> None:
        super().__init__(GUESSABLE)


class Passwords:
    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def chosen(self, password: str, *about: str) -> str:
        """The hash of a password that somebody chooses, whose e-mail address and name it is told. GuessablePassword."""
        async with self._turns:
            if await asyncio.to_thread(_is_guessable, password, about):
                raise GuessablePassword
        return await self.hash(password)

    async def hash(self, password: str) -> str:
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password: str, hashed: str | None) -> Verdict:
        """Whether `password` has that hash, and whether the hash should be made anew. None is wrong, as slowly."""
        async with self._turns:
            verdict = await asyncio.to_thread(self._verify, password, hashed or DECOY)
        return Verdict.WRONG if hashed is None else verdict

    def _verify(self, password: str, hashed: str) -> Verdict:
        if hashed.startswith(_BCRYPT_PREFIXES):
            # bcrypt has always ignored what follows the 72nd byte; its library refuses it now.
            try:
                is_right = bcrypt.checkpw(password.encode()[:_BCRYPT_MAX_BYTES], hashed.encode())
            except ValueError:  # no hash at all, whatever its prefix says
                return Verdict.WRONG
            return Verdict.RIGHT_BUT_OUTDATED if is_right else Verdict.WRONG
        try:
            self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return Verdict.WRONG
        return Verdict.RIGHT_BUT_OUTDATED if self._hasher.check_needs_rehash(hashed) else Verdict.RIGHT


def _is_guessable(password: str, about: tuple[str, ...]) -> bool:
    """The list is read each time: that takes a millisecond or two, and there is nothing to carry in between."""
    listed = _COMMON.read_text(encoding="utf-8")
    return is_guessable(password, lambda word: f"\n{word}\n" in listed, about)
