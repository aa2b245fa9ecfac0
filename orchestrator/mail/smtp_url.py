"""How a mail server is named in one line: `smtps://user:password@mail.example:465`. Pure."""

from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import unquote, urlsplit


class Privacy(Enum):
    """How what is said to the server is kept from others."""

    TLS = "smtps"  # from the first byte on
    STARTTLS = "smtp"  # demanded before anything else is said
    NONE = "smtp+plain"  # for a relay on a network of one's own


_PORTS = {Privacy.TLS: 465, Privacy.STARTTLS: 587, Privacy.NONE: 25}


@dataclass(frozen=True, slots=True)
class SmtpServer:
    host: str
    port: int
    privacy: Privacy
    user: str | None
    password: str | None = field(repr=False)


def parse_smtp_url(url: str) -> SmtpServer:
    """ValueError that says what is wrong, without the password in it."""
    parts = urlsplit(url)
    try:
        privacy = Privacy(parts.scheme)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, privacy = None, None, Privacy.TLS
    if not host or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("must be smtps://, smtp:// or smtp+plain:// with [user:password@]host[:port]")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("must name a user and a password, or neither")
    if parts.username is not None and privacy is Privacy.NONE:
        raise ValueError("must be smtps:// or smtp:// where a password is sent")
    user, password = (None if part is None else unquote(part) for part in (parts.username, parts.password))
    return SmtpServer(host, port or _PORTS[privacy], privacy, user, password)
