"""Identifiers: a three-letter prefix that says what it names, and 110 random bits."""

import secrets

_ALPHABET = "0123456789abcdefghijkmnpqrstuvwxyz"


def new_id(prefix: str) -> str:
    """A new opaque id such as `ses4k0…`; never guessable, never reused."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(22))
