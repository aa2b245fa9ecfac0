"""Which of the installation's keys signs, and which ones hosts are told. Pure.

A key is told for a while before it signs, and on for a while when the next one does: whoever plays notices nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TOLD_BEFORE = timedelta(minutes=10)
"""Longer than any host is silent that is not lost, in a fleet of ten thousand as well."""
TOLD_AFTER = timedelta(minutes=10)
"""Longer than its last tokens live."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The keys before it are told until `former_until`."""

    id: str
    private: Ed25519PrivateKey = field(repr=False)
    signs_from: datetime
    former_until: datetime


def signing(keys: Sequence[SigningKey], now: datetime) -> SigningKey:
    """`keys` are in the order of `signs_from`, and the first has always signed."""
    return [key for key in keys if key.signs_from <= now][-1]


def told(keys: Sequence[SigningKey], now: datetime) -> list[SigningKey]:
    """In the same order."""
    followers = [*keys[1:], None]
    return [key for key, next_ in zip(keys, followers, strict=True) if next_ is None or now < next_.former_until]
