"""Measures what the rules ask for. It decides nothing, and nothing here raises: trouble is a fact."""

import asyncio
import contextlib
import os
import socket
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

DEADLINE_S = 5.0
NO_ADDRESS = OSError, ValueError, OverflowError
"""What connecting raises: nobody there, a name that is none (`mail..x` is a UnicodeError), a port that is none."""
_STUN_BINDING = b"\x00\x01\x00\x00\x21\x12\xa4\x42"  # RFC 8489, section 5: type, length, magic cookie


@dataclass(frozen=True, slots=True)
class Answer:
    """Of a GET. `skew` is how far our clock is ahead of the `Date` that it came with; None without a readable one."""

    status: int | None
    trouble: str = ""
    skew: timedelta | None = None
    is_distrusted: bool = False
    """Somebody answered, and no TLS came about: its certificate has ended, is another's, or nobody's."""


async def answer_of(url: str) -> Answer:
    """Redirects are followed."""
    try:
        timeout = aiohttp.ClientTimeout(total=DEADLINE_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            return Answer(answer.status, skew=_skew(answer.headers.get("Date")))
    except aiohttp.ClientSSLError as error:
        return Answer(None, words_of(error), is_distrusted=True)
    except (aiohttp.ClientError, *NO_ADDRESS) as error:
        return Answer(None, words_of(error))


async def days_of_certificate(url: str) -> float | None:
    """Until the certificate of an https URL ends; None where none could be read. Whether it is trusted is for
    `answer_of` to tell.
    """
    parts = urlsplit(url)
    context = ssl.create_default_context()
    try:
        async with asyncio.timeout(DEADLINE_S):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=context)
    except NO_ADDRESS:
        return None
    ends = str((writer.get_extra_info("peercert") or {}).get("notAfter", ""))
    await _hang_up(writer)
    return (ssl.cert_time_to_seconds(ends) - time.time()) / 86400 if ends else None


async def trouble_of_relay(url: str) -> str:
    """Empty when the STUN or TURN server of this URL (RFC 7065) answers."""
    scheme, _, rest = url.partition(":")
    address, _, query = rest.partition("?")
    host, _, port = address.rpartition(":") if not address.endswith("]") and ":" in address else (address, "", "")
    is_tls = scheme in {"stuns", "turns"}
    target = host.strip("[]"), int(port) if port.isdecimal() else 5349 if is_tls else 3478
    try:
        async with asyncio.timeout(DEADLINE_S):
            if is_tls or "transport=tcp" in query:
                context = ssl.create_default_context() if is_tls else None
                _, writer = await asyncio.open_connection(*target, ssl=context)
                await _hang_up(writer)
            else:
                await _binding(target)
    except NO_ADDRESS as error:
        return words_of(error)
    return ""


async def trouble_of_connection(host: str, port: int) -> str:
    """Empty when somebody listens there by TCP."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            _, writer = await asyncio.open_connection(host, port)
    except NO_ADDRESS as error:
        return words_of(error)
    await _hang_up(writer)
    return ""


def trouble_of_binding(host: str, port: int, kind: socket.SocketKind) -> str:
    """Empty when the port is free here."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except NO_ADDRESS as error:
            return words_of(error)
    return ""


def trouble_of_engine(address: str) -> str:
    """Empty when somebody listens at a Docker Engine's `unix://` address; of another kind of address too."""
    if not address.startswith("unix://"):
        return ""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(DEADLINE_S)
        try:
            probe.connect(address.removeprefix("unix://"))
        except OSError as error:
            return words_of(error)
    return ""


def trouble_of_folder(folder: Path) -> str:
    """Empty when we may make files in it, or make it."""
    there = existing(folder)
    if not there.is_dir():
        return f"{there} is no folder"
    if not can_enter(there):
        return f"{there} cannot be entered by this user"
    return "" if os.access(there, os.W_OK | os.X_OK) else f"{there} is not ours to write"


def existing(path: Path) -> Path:
    """The nearest folder above that is there, or the path itself. What lies in a closed folder is not there for us."""
    path = path.absolute()
    while not os.path.exists(path) and path != path.parent:  # noqa: PTH110 - `Path.exists` raises in a closed folder
        path = path.parent
    return path


def can_enter(folder: Path) -> bool:
    """Whether we would see what lies in it."""
    return os.access(folder, os.X_OK)


def words_of(error: BaseException, waited_s: float | None = None) -> str:
    """What an error says, in one line; of a time-out of asyncio's, which says nothing, how long it `waited_s`
    (`DEADLINE_S`).
    """
    if isinstance(error, TimeoutError) and not str(error):
        return f"nothing came within {waited_s or DEADLINE_S:.0f} s"
    return (str(error).splitlines() or [type(error).__name__])[0]


def _skew(told: str | None) -> timedelta | None:
    try:
        there = None if told is None else parsedate_to_datetime(told)
    except (ValueError, OverflowError):
        return None
    if there is None:
        return None
    return datetime.now(UTC) - (there if there.tzinfo else there.replace(tzinfo=UTC))  # `-0000` is UTC without a zone


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):  # who is gone already need not be told
        await writer.wait_closed()


async def _binding(target: tuple[str, int]) -> None:
    answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    class Asking(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            if not answered.done() and len(data) >= 20:
                answered.set_result(None)

        def error_received(self, exc: Exception) -> None:
            if not answered.done():
                answered.set_exception(exc)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Asking, remote_addr=target)
    try:
        transport.sendto(_STUN_BINDING + os.urandom(12))
        await answered
    finally:
        transport.close()
