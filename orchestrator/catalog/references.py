"""What an image's name says: registry, repository, tag, digest. Pure.

The grammar is Docker's: what stands before the first slash is a registry when it has a dot or a colon or is
`localhost`; a name without one is a matter of the engine that has it.
"""

import re
from dataclasses import dataclass, replace
from ipaddress import ip_address

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_REGISTRY = re.compile(r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?")
_NOT_IN_TAG = re.compile(r"[^A-Za-z0-9._-]+")


class InvalidReference(ValueError):
    """This is no image's name; the message says why in one line."""


@dataclass(frozen=True, slots=True)
class ImageReference:
    """`registry:5000/repository:tag@digest`. `registry` is None where the name has none."""

    registry: str | None
    repository: str
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        registry = f"{self.registry}/" if self.registry else ""
        tag = f":{self.tag}" if self.tag else ""
        return f"{registry}{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def wanted(self) -> str:
        """What to ask a registry for: the digest, else the tag, which is `latest` unless it is said."""
        return self.digest or self.tag or "latest"

    def tagged(self, text: str) -> "ImageReference":
        """With a tag made of `text`, as near to it as tags allow, and no digest."""
        tag = _NOT_IN_TAG.sub("-", text).lstrip(".-")[:128] or "latest"
        return replace(self, tag=tag, digest=None)


def parse_reference(text: str) -> ImageReference:
    """Raises `InvalidReference`."""
    name, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise InvalidReference(f"{text!r}: behind the @ must stand sha256: and 64 digits")
    first, slash, rest = name.partition("/")
    is_registry = bool(slash) and ("." in first or ":" in first or first == "localhost")
    registry, path = (first, rest) if is_registry else (None, name)
    folder, slash, last = path.rpartition("/")
    last, colon, tag = last.partition(":")
    repository = folder + slash + last
    if registry is not None and not _REGISTRY.fullmatch(registry):
        raise InvalidReference(f"{text!r}: {registry!r} is no registry")
    if not _REPOSITORY.fullmatch(repository):
        raise InvalidReference(f"{text!r}: {repository!r} is no repository; they are written small")
    if colon and not _TAG.fullmatch(tag):
        raise InvalidReference(f"{text!r}: {tag!r} is no tag")
    return ImageReference(registry, repository, tag or None, digest or None)


def is_plain_http(registry: str, insecure: tuple[str, ...] = ()) -> bool:
    """Whether this registry is spoken to without TLS: those of this machine, as for the engine, and those that the
    operator names.
    """
    host = registry.rpartition(":")[0] if re.search(r":\d+$", registry) else registry
    if registry in insecure or host in insecure or host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
