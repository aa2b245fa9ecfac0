"""Who may read metrics. Pure."""

import hmac
from collections.abc import Collection
from ipaddress import ip_address

_PASSED_ON = frozenset({"forwarded", "via", "x-forwarded-for", "x-real-ip"})


def may_scrape(peer: str | None, headers: Collection[str], authorization: str, token: str) -> bool:
    """Whoever brings the bearer `token`, where there is one, and whoever asks from this machine itself: a proxy on it
    that passes a stranger on says so in one of these `headers` (their names, in small letters).
    """
    if token and hmac.compare_digest(authorization.encode(errors="surrogateescape"), f"Bearer {token}".encode()):
        return True
    return _is_loopback(peer) and _PASSED_ON.isdisjoint(headers)


def _is_loopback(peer: str | None) -> bool:
    try:
        address = ip_address(peer or "")
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
