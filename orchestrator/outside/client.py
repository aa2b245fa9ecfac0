"""One request to a server that somebody else named: to addresses that may be reached and no others.

The address is checked where the socket for it is made, so there is no moment between the check and the connection in
which a name could come to mean something else. Redirects are the caller's not to follow, proxies of the environment are
not asked, nothing is unpacked.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from enum import StrEnum
from functools import cached_property, partial
from ipaddress import ip_address
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from orchestrator.outside.reach import Reach, UnfitUrl

_NAMES_AT_ONCE = 32

Lookup = Callable[[str, int], Sequence[str]]

MISHAPS = (UnfitUrl, aiohttp.InvalidURL, aiohttp.ClientError, TimeoutError, OSError)
"""What a request may raise by whatever the other side does; `trouble_of` says what it means."""


class Trouble(StrEnum):
    """Why there was no answer."""

    TIMEOUT = "timeout"
    NAME = "name"
    ADDRESS = "address"
    TLS = "tls"
    CONNECTION = "connection"


class AddressRefused(OSError):
    """Nothing is sent to this address."""


class OutsideClient:
    """`lookup` gives the addresses of a host, as texts, and may block; `OSError` where there are none."""

    def __init__(self, reach: Reach, threads_name: str, lookup: Lookup | None = None) -> None:
        self._reach = reach
        self._lookup = lookup or _addresses_of
        # Threads of its own: a name server that hangs holds up nothing else that waits for a thread.
        self._threads = ThreadPoolExecutor(_NAMES_AT_ONCE, threads_name)

    @asynccontextmanager
    async def connecting(self, url: str, deadline_s: float) -> AsyncGenerator[tuple[aiohttp.ClientSession, URL]]:
        """For one request: the session for it, and the URL as it is to be asked for. The block has `deadline_s`.
        Raises `MISHAPS`.
        """
        target = self._reach.target(url)
        connector = aiohttp.TCPConnector(
            resolver=_Names(self._lookup, self._threads),
            use_dns_cache=False,
            ssl=self._tls,
            socket_factory=partial(self._socket, target.scheme),
            force_close=True,
        )
        async with (
            asyncio.timeout(deadline_s),
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("Accept-Encoding",),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None),
            ) as session,
        ):
            yield session, target

    def _socket(self, scheme: str, wanted: Any) -> socket.socket:
        family, kind, protocol, _, address = wanted
        if not self._reach.includes(scheme, ip_address(address[0])):
            raise AddressRefused
        return socket.socket(family, kind, protocol)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()


def trouble_of(error: Exception) -> Trouble:
    """What one of the `MISHAPS` means."""
    match error:
        case TimeoutError():
            return Trouble.TIMEOUT
        case UnfitUrl() | aiohttp.InvalidURL() | aiohttp.ClientConnectorError(os_error=AddressRefused()):
            return Trouble.ADDRESS
        case aiohttp.ClientConnectorDNSError():
            return Trouble.NAME
        case aiohttp.ClientSSLError():
            return Trouble.TLS
        case _:
            return Trouble.CONNECTION


class _Names(AbstractResolver):
    def __init__(self, lookup: Lookup, threads: ThreadPoolExecutor) -> None:
        self._lookup = lookup
        self._threads = threads

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().run_in_executor(self._threads, self._lookup, host, port)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in found
        ]

    async def close(self) -> None:
        """The threads are the client's."""


def _addresses_of(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]
