"""Where a store of saves lies in S3: a bucket, and a prefix in it. Pure: it reads an address and asks nobody."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9._/-]*")


@dataclass(frozen=True, slots=True)
class S3Location:
    """`prefix` is empty or ends with a slash; every key of ours lies below it."""

    bucket: str
    prefix: str = ""

    def full_key(self, key: str) -> str:
        return self.prefix + key

    def key_of(self, full_key: str) -> str:
        return full_key.removeprefix(self.prefix)


def parse_store_url(url: str) -> S3Location:
    """`s3://bucket` or `s3://bucket/some/prefix`. Anything else is a `ValueError` that does not repeat the address: a
    secret may have been put into it.
    """
    parts = urlsplit(url)
    if parts.scheme != "s3" or parts.query or parts.fragment:
        raise ValueError("must be s3://BUCKET or s3://BUCKET/PREFIX")
    if "@" in parts.netloc or ":" in parts.netloc:
        raise ValueError("must name a bucket alone: keys come from AWS_ACCESS_KEY_ID and the like, or from AWS's files")
    prefix = parts.path.strip("/")
    if not _BUCKET.fullmatch(parts.netloc):
        raise ValueError("names no bucket: 3 to 63 small letters, digits, dots and dashes")
    if not _PREFIX.fullmatch(prefix) or any(part in {"", ".", ".."} for part in prefix.split("/") if prefix):
        raise ValueError("has a prefix that is no path of letters, digits, dots, dashes and underscores")
    return S3Location(parts.netloc, f"{prefix}/" if prefix else "")


def parse_endpoint(url: str) -> str:
    """The address of an S3 server, without a slash at its end. `ValueError` for one with a path or with keys in it."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("must be http://HOST or https://HOST, with :PORT where needed")
    if "@" in parts.netloc:
        raise ValueError("must have no keys in it: they come from AWS_ACCESS_KEY_ID and the like, or from AWS's files")
    return url.rstrip("/")
