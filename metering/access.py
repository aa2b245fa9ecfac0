"""Who may read metrics. Pure."""

import hmac
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

_PASSED_ON = frozenset({"forwarded", "via", "x-forwarded-for", "x-real-ip"})


def may_scrape(peer: str | None, headers: Mapping[str, str], token: str, also: Collection[str] = ()) -> bool:
    """Whoever brings as bearer the `token`, or one of those that are good `also`. Where there is no `token`, whoever
    asks from this machine itself, by a name of its own (a page on it, led here by somebody's DNS, has another): a proxy
    on it that passes a stranger on says so in one of these `headers` (their names in small letters).
    """
    given = headers.get("authorization", "").encode(errors="surrogateescape")
    if any(good and hmac.compare_digest(given, f"Bearer {good}".encode()) for good in (token, *also)):
        return True
    return not token and _is_loopback(peer) and _is_own_name(headers.get("host", "")) and _PASSED_ON.isdisjoint(headers)


def _is_own_name(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name == "localhost" or _is_loopback(name)


def _is_loopback(peer: str | None) -> bool:
    try:
        address = ip_address(peer or "")
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
