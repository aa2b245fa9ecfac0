"""The SHA-256 that a sender may announce. Pure. All answers are in hex; `InvalidRequest` for what cannot be read."""

import base64
import re
from collections.abc import Mapping

from orchestrator.errors import InvalidRequest

_HEX = re.compile(r"[0-9a-f]{64}")
_SHA_256 = re.compile(r"(?:^|,)\s*sha-256\s*=\s*:([^:,]*):")


def announced(repr_digest: str | None, content_digest: str | None) -> str | None:
    """From `Repr-Digest` or `Content-Digest` (RFC 9530), which mean the same of a whole body; None without one of
    SHA-256.
    """
    for header in (repr_digest, content_digest):
        if header is not None and (found := _SHA_256.search(header)):
            try:
                raw = base64.b64decode(found[1], validate=True)
            except ValueError:  # what is no ASCII is refused in another way than what is no base64
                raw = b""
            return in_hex(raw.hex())
    return None


def in_hex(text: str) -> str:
    text = text.strip().lower()
    if not _HEX.fullmatch(text):
        raise InvalidRequest("The digest is no SHA-256.")
    return text


def metadata(header: str | None) -> Mapping[str, str]:
    """`Upload-Metadata` of tus 1.0: `key base64, key base64`."""
    found = dict[str, str]()
    for part in (header or "").split(","):
        key, _, value = part.strip().partition(" ")
        if key:
            try:
                found[key] = base64.b64decode(value, validate=True).decode()
            except ValueError as error:
                raise InvalidRequest("Upload-Metadata cannot be read.") from error
    return found
