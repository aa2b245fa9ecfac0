"""What can be wrong with a picture, what its publisher is told of it, and whether another try may help. Pure."""

from datetime import timedelta
from enum import StrEnum

from orchestrator.outside.client import Trouble

DEADLINE_S = 15.0
"""From the look-up of the name to the last byte."""
MOST_BYTES = 10 * 1024**2
MOST_PIXELS = 25_000_000
RETRIES = (timedelta(seconds=30), timedelta(minutes=5), timedelta(hours=1))
"""How long after each failed try the next one comes."""


class Fault(StrEnum):
    TIMEOUT = Trouble.TIMEOUT.value
    NAME = Trouble.NAME.value
    ADDRESS = Trouble.ADDRESS.value
    TLS = Trouble.TLS.value
    CONNECTION = Trouble.CONNECTION.value
    REDIRECT = "redirect"
    STATUS = "status"
    TOO_LARGE = "too_large"
    NOT_A_PICTURE = "not_a_picture"
    TOO_MANY_PIXELS = "too_many_pixels"
    INTERNAL = "internal"


WORDS = {
    Fault.TIMEOUT: f"The server did not send it within {DEADLINE_S:.0f} seconds.",
    Fault.NAME: "The server's name could not be resolved.",
    Fault.ADDRESS: "The URL does not lead to a public address. Nothing was sent there.",
    Fault.TLS: "No trusted TLS connection to the server could be made.",
    Fault.CONNECTION: "The server could not be connected to, or ended the connection early.",
    Fault.REDIRECT: "The server answered with a redirect, which is not followed. Give the address that it leads to.",
    Fault.STATUS: "The server did not answer with the picture.",
    Fault.TOO_LARGE: f"It is larger than {MOST_BYTES // 1024**2} MiB.",
    Fault.NOT_A_PICTURE: "It is not a whole JPEG, PNG or WebP.",
    Fault.TOO_MANY_PIXELS: f"It has more than {MOST_PIXELS // 1_000_000} million pixels, or takes too much to unpack.",
    Fault.INTERNAL: "Something went wrong on our side.",
}

_PASSING = frozenset({Fault.TIMEOUT, Fault.NAME, Fault.TLS, Fault.CONNECTION, Fault.INTERNAL})
_PASSING_STATUSES = frozenset({408, 425, 429})


def words_for(fault: Fault, status: int | None) -> str:
    """In a sentence or two."""
    return f"{WORDS[fault]} It answered {status}." if fault is Fault.STATUS else WORDS[fault]


def retry_after(fault: Fault, status: int | None, tries: int) -> timedelta | None:
    """When a picture is tried again after so many tries; None when it is given up."""
    is_passing = fault in _PASSING or (status is not None and (status >= 500 or status in _PASSING_STATUSES))
    return RETRIES[tries - 1] if is_passing and tries <= len(RETRIES) else None
