"""One POST to a tenant's server: to addresses that may be reached and no others, within a deadline, and without trust
in what comes back.

The address is checked where the socket for it is made, so there is no moment between the check and the connection in
which a name could come to mean something else. Redirects are not followed, proxies of the environment not asked.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, partial
from ipaddress import ip_address
from typing import Any, Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from orchestrator.webhooks.reach import Reach, UnfitUrl

DEADLINE_S = 10.0
"""From the look-up of the name to the answer's status."""
MOST_ANSWER_BYTES = 2048
_ANSWER_WITHIN_S = 1.0
_NAMES_AT_ONCE = 32

Lookup = Callable[[str, int], Sequence[str]]


class Failure(StrEnum):
    """Why a try did not succeed. Each has a sentence in `FAILURES`."""

    REFUSED = "refused"
    REDIRECT = "redirect"
    GONE = "gone"
    TIMEOUT = "timeout"
    NAME = "name"
    ADDRESS = "address"
    TLS = "tls"
    CONNECTION = "connection"
    INTERNAL = "internal"


FAILURES = {
    Failure.REFUSED: "The target did not answer with a status of 2xx.",
    Failure.REDIRECT: "The target answered with a redirect, which is not followed.",
    Failure.GONE: "The target answered 410: it wants no more webhooks.",
    Failure.TIMEOUT: f"The target did not answer within {DEADLINE_S:.0f} seconds.",
    Failure.NAME: "The target's name could not be resolved.",
    Failure.ADDRESS: "The target's name leads to an address that webhooks are not sent to.",
    Failure.TLS: "No trusted TLS connection to the target could be made.",
    Failure.CONNECTION: "The target could not be connected to, or ended the connection without an answer.",
    Failure.INTERNAL: "Something went wrong on our side.",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a try. `answer` is how the body of an answer that is not 2xx begins, as text."""

    took_ms: int
    status: int | None = None
    failure: Failure | None = None
    answer: str = ""


class Sender(Protocol):
    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Send it once. Whatever the target does is an `Outcome`."""
        ...


class HttpSender:
    """`lookup` gives the addresses of a host, as texts, and may block; `OSError` where there are none."""

    def __init__(self, reach: Reach, *, lookup: Lookup | None = None, deadline_s: float = DEADLINE_S) -> None:
        self._reach = reach
        self._lookup = lookup or _addresses_of
        self._deadline_s = deadline_s
        # Threads of its own: a name server that hangs holds up nothing else that waits for a thread.
        self._threads = ThreadPoolExecutor(_NAMES_AT_ONCE, "webhook-names")

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        started_s = time.monotonic()

        def outcome(**result: Any) -> Outcome:
            return Outcome(round((time.monotonic() - started_s) * 1000), **result)

        try:
            return outcome(**await self._posted(url, headers, body))
        except (UnfitUrl, aiohttp.InvalidURL):
            return outcome(failure=Failure.ADDRESS)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return outcome(failure=_failure_of(error))

    async def _posted(self, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        target = self._reach.target(url)
        connector = aiohttp.TCPConnector(
            resolver=_Names(self._lookup, self._threads),
            use_dns_cache=False,
            ssl=self._tls,
            socket_factory=partial(self._socket, target.scheme),
            force_close=True,
        )
        async with (
            asyncio.timeout(self._deadline_s),
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("Accept-Encoding",),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None),
            ) as client,
            client.post(target, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            failure = _failure_by(answer.status)
            said = await _beginning(answer.content) if failure else ""
            answer.close()  # what else it would say is not waited for
            return {"status": answer.status, "failure": failure, "answer": said}

    def _socket(self, scheme: str, wanted: Any) -> socket.socket:
        family, kind, protocol, _, address = wanted
        if not self._reach.includes(scheme, ip_address(address[0])):
            raise AddressRefused
        return socket.socket(family, kind, protocol)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()


class AddressRefused(OSError):
    """Nothing is sent to this address."""


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
        """The threads are the sender's."""


def _addresses_of(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def _failure_by(status: int) -> Failure | None:
    if 200 <= status < 300:
        return None
    if status == 410:
        return Failure.GONE
    return Failure.REDIRECT if 300 <= status < 400 else Failure.REFUSED


def _failure_of(error: Exception) -> Failure:
    match error:
        case TimeoutError():
            return Failure.TIMEOUT
        case aiohttp.ClientConnectorDNSError():
            return Failure.NAME
        case aiohttp.ClientSSLError():
            return Failure.TLS
        case aiohttp.ClientConnectorError(os_error=AddressRefused()):
            return Failure.ADDRESS
        case _:
            return Failure.CONNECTION


async def _beginning(content: aiohttp.StreamReader) -> str:
    """The first bytes of an answer as far as they come soon, in characters that a log can show."""
    said = bytearray()
    try:
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            while len(said) < MOST_ANSWER_BYTES and (piece := await content.read(MOST_ANSWER_BYTES - len(said))):
                said += piece
    except (aiohttp.ClientError, TimeoutError):
        pass  # the status has been said
    text = said.decode(errors="replace")
    return "".join(character if character.isprintable() else " " for character in text).strip()
