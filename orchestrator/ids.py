"""Identifiers: a three-letter prefix that says what it names, and 110 random bits. And by what a secret is known."""

import hashlib
import secrets

_ALPHABET = b"0123456789abcdefghijkmnpqrstuvwxyz"
_LETTERS = 22
_LETTER_OF_BYTE = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))
_SURPLUS = bytes(range(256 - 256 % len(_ALPHABET), 256))  # would make some letters likelier than others
_BYTES = 2 * _LETTERS


def new_id(prefix: str) -> str:
    """A new opaque id such as `ses4k0…`; never guessable, never reused."""
    letters = b""
    while len(letters) < _LETTERS:  # once, in practice: each request has an id, and to ask for bytes takes longest
        letters += secrets.token_bytes(_BYTES).translate(_LETTER_OF_BYTE, _SURPLUS)
    return prefix + letters[:_LETTERS].decode()


def hash_of(secret: str) -> str:
    """All that is kept of a random secret that we made; also of what is none, byte by byte as a header brought it."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()
