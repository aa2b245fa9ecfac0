"""Where the replica listens, how browsers reach it, and which addresses carry the picture."""

import errno
import ipaddress
import os
import socket
from dataclasses import dataclass

from orchestrator.embedded.errors import PortTaken

SEARCHED_PORTS = 50


@dataclass(frozen=True)
class Address:
    """`host` and `port` as the operator gave them."""

    host: str
    port: int

    @property
    def is_wildcard(self) -> bool:
        return self.host in ("0.0.0.0", "::", "")  # noqa: S104  # compared, not listened on

    @property
    def is_loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def local_host(self) -> str:
        """Where programs on this machine reach it."""
        if self.is_wildcard:
            return "127.0.0.1"
        return self.host

    @property
    def local_url(self) -> str:
        return _url(self.local_host, self.port)

    def public_url(self, lan_host: str | None) -> str:
        """Where browsers reach it; with a wildcard that is the address that the LAN sees, when there is one."""
        return _url(lan_host, self.port) if self.is_wildcard and lan_host else self.local_url

    @property
    def ice_addresses(self) -> tuple[str, ...]:
        """Addresses offered for the picture; none means all of this machine's, loopback among them.

        Bound to loopback, all are offered too: browsers gather no loopback candidate of their own, and some pair none
        with one, so that a page on this very machine needs an address of its network. Media is encrypted and keyed to
        the session in any case.
        """
        if self.is_wildcard or self.is_loopback:
            return ()
        return (self.host, "127.0.0.1")


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def require_free(address: Address) -> None:
    """Raises PortTaken, with the PORT= to use, when the replica could not listen there."""
    problem = _why_not(address)
    if problem is None:
        return
    if problem == errno.EADDRINUSE:
        free = next(
            (
                port
                for port in range(address.port + 1, min(address.port + SEARCHED_PORTS, 65536))
                if _why_not(Address(address.host, port)) is None
            ),
            None,
        )
        advice = f" Use another one:\n\n    make play PORT={free}" if free else " Give another one with PORT=."
        raise PortTaken(f"Port {address.port} on {address.host} is taken by another program.{advice}")
    if problem == errno.EACCES:
        raise PortTaken(f"Port {address.port} needs root. Give one above 1023 with PORT=.")
    raise PortTaken(f"{address.host}:{address.port} cannot be listened on: {_reason(problem)}. Change BIND= or PORT=.")


def lan_host() -> str | None:
    """This machine's address as its network sees it; None without a network. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: documentation only; a datagram socket's connect only looks up
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _why_not(address: Address) -> int | None:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
            probe.listen(1)
        except OSError as error:  # gaierror is one, too, with a number of its own
            return error.errno or errno.EINVAL
    return None


def _reason(problem: int) -> str:
    return os.strerror(problem) if problem > 0 else "the address is not known"
