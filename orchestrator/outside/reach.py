"""What may be connected to at somebody else's word: which addresses are public, and which URLs can be targets. Pure;
nothing is looked up here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from yarl import URL

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MOST_URL_CHARACTERS = 2000

# IPv6 that is given out to anybody (RFC 4291), without what leads elsewhere: Teredo and other special purposes
# (RFC 2928), documentation (RFC 3849, RFC 9637) and 6to4 (RFC 3056).
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NOT_ANYBODYS = (
    IPv6Network("2001::/23"),
    IPv6Network("2001:db8::/32"),
    IPv6Network("2002::/16"),
    IPv6Network("3fff::/20"),
)
# An IPv4 address by another name: mapped (RFC 4291) and translated (RFC 6052). What counts is the address behind it.
_OTHER_NAMES = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
_OLD_RELAYS = IPv4Network("192.88.99.0/24")  # of 6to4 (RFC 7526)

# A name of a host, in small ASCII letters. Its last label has a letter and is no number of any base: else a resolver
# would take the whole for an IPv4 address (https://url.spec.whatwg.org/#ends-in-a-number-checker).
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_LAST_LABEL = r"(?!0x[0-9a-f]*\.?$)(?=[a-z0-9-]*[a-z])[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"({_LABEL}\.)*{_LAST_LABEL}\.?")
_MOST_HOST_CHARACTERS = 253
_PORTS_OF_HTTP = (80, 443)
_FIRST_FREE_PORT = 1024


class UnfitUrl(ValueError):
    """The URL can be no target; the message says why, in a sentence."""


def is_public(address: Address) -> bool:
    """Whether this is an address of the whole internet: not of a machine itself, of a private network, of a group, or
    for some special purpose, however it is written.
    """
    if isinstance(address, IPv6Address):
        if any(address in network for network in _OTHER_NAMES):
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        return address in _GLOBAL_UNICAST and not any(address in network for network in _NOT_ANYBODYS)
    return address.is_global and not address.is_multicast and address not in _OLD_RELAYS


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be connected to: all that is public by the `public_schemes`, and the operator's `networks` by http as
    well as by https.
    """

    networks: Sequence[Network] = ()
    public_schemes: Sequence[str] = ("https",)

    def includes(self, scheme: str, address: Address) -> bool:
        is_named = any(address in network for network in self.networks)
        return is_named or (scheme in self.public_schemes and is_public(address))

    def target(self, url: str) -> URL:
        """`url` as it will be connected to. Raises `UnfitUrl` for what can be told without asking a name server."""
        if len(url) > MOST_URL_CHARACTERS or not url.isprintable() or " " in url:
            raise UnfitUrl(f"A URL has at most {MOST_URL_CHARACTERS} characters and no spaces.")
        try:
            parsed = URL(url)
        except (ValueError, IndexError) as error:  # the second of brackets that yarl does not get over
            raise UnfitUrl("This is no URL.") from error
        if parsed.scheme not in {*self.public_schemes, *(("http", "https") if self.networks else ())}:
            raise UnfitUrl(f"The URL begins with {' or '.join(f'{scheme}://' for scheme in self.public_schemes)}.")
        if parsed.raw_user is not None or parsed.raw_password is not None or parsed.raw_fragment:
            raise UnfitUrl("The URL has no user, no password and no fragment.")
        if parsed.port not in _PORTS_OF_HTTP and (parsed.port or 0) < _FIRST_FREE_PORT:
            raise UnfitUrl("The URL has port 443, 80, or one above 1023.")
        host = parsed.raw_host or ""
        address = address_in(host)
        if address is None and not (_HOST.fullmatch(host) and len(host) <= _MOST_HOST_CHARACTERS):
            raise UnfitUrl("The URL names a host, or an address in its usual form.")
        if address is not None and not self.includes(parsed.scheme, address):
            raise UnfitUrl("Nothing is sent to private addresses.")
        return parsed


def address_in(host: str) -> Address | None:
    """The address that this host is, written in the usual form; None for a name and for any other form."""
    try:
        return ip_address(host)
    except ValueError:
        return None
