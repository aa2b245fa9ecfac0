"""Targets that lead elsewhere, hang, flood or lie: each costs a try with its reason, and nothing private is reached."""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp import web

from orchestrator.outside.reach import Reach
from orchestrator.webhooks.sender import MOST_ANSWER_BYTES, Failure, HttpSender, Outcome
from tests.certificates import trusted
from tests.integration.orchestrator.webhooks.conftest import REACH
from tests.integration.orchestrator.webhooks.receiver import Receiver, receiving

NAME = "hooks.example"
BODY = b'{"event":"game.ended"}'


async def post(sender: HttpSender, url: str) -> Outcome:
    return await sender.post(url, {"Content-Type": "application/json"}, BODY)


def leading_to(*addresses: str, reach: Reach = REACH, deadline_s: float = 10.0) -> HttpSender:
    """A sender for which every name means these."""
    return HttpSender(reach, lookup=lambda _host, _port: addresses, deadline_s=deadline_s)


@asynccontextmanager
async def answering(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object], host: str = "127.0.0.1"
) -> AsyncGenerator[str]:
    """The URL of a server that is no good HTTP server."""
    tasks: set[asyncio.Task[None]] = set()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await reader.readuntil(BODY)
            result = handle(reader, writer)
            if asyncio.iscoroutine(result):
                await result
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(meet, host, 0)
    async with server:
        yield f"http://{host}:{server.sockets[0].getsockname()[1]}/hook"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    async with receiving() as elsewhere:

        async def redirect(_request: web.Request) -> web.StreamResponse:
            return web.Response(status=status, headers={"Location": elsewhere.url})

        receiver.answer = redirect
        outcome = await post(HttpSender(REACH), receiver.url)
        assert (outcome.status, outcome.failure) == (status, Failure.REDIRECT)
        assert (len(receiver.received), elsewhere.received) == (1, [])


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "10.0.0.1", "169.254.169.254", "64:ff9b::7f00:1", "fe80::1"],
)
async def test_a_name_that_means_a_private_address_is_not_connected_to(
    address: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []

    async def connect(_socket: socket.socket, address: object) -> None:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    outcome = await post(leading_to(address, reach=Reach()), f"https://{NAME}:{receiver.port}/")
    assert (outcome.failure, outcome.status) == (Failure.ADDRESS, None)
    assert tried == []


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "127.0.0.1", "[::ffff:127.0.0.1]", "[::1]"]
)
async def test_an_address_is_private_however_it_is_written(host: str, receiver: Receiver) -> None:
    """Also in rows from before they were refused."""
    outcome = await post(HttpSender(Reach()), f"https://{host}:{receiver.port}/")
    assert (outcome.failure, receiver.received) == (Failure.ADDRESS, [])


async def test_localhost_is_looked_up_and_refused(receiver: Receiver) -> None:
    """By this machine's own resolver."""
    outcome = await post(HttpSender(Reach()), f"https://localhost:{receiver.port}/")
    assert (outcome.failure, receiver.received) == (Failure.ADDRESS, [])


async def test_a_name_that_means_something_else_each_time_leads_nowhere_else(receiver: Receiver) -> None:
    """DNS rebinding: what was checked is what is connected to, for one name is asked for once."""
    async with receiving("127.0.0.2", receiver.port) as private:
        answers = iter([["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1"]])
        asked: list[str] = []

        def lookup(host: str, _port: int) -> Sequence[str]:
            asked.append(host)
            return next(answers)

        sender = HttpSender(REACH, lookup=lookup)
        url = f"http://{NAME}:{receiver.port}/hook"
        outcomes = [await post(sender, url) for _ in range(3)]
        assert [outcome.failure for outcome in outcomes] == [None, Failure.ADDRESS, None]
        assert asked == 3 * [NAME]
        assert len(receiver.received) == 2
        assert receiver.received[0].headers["Host"] == f"{NAME}:{receiver.port}"
        assert private.received == []


async def test_of_several_addresses_only_the_public_ones_are_tried(receiver: Receiver) -> None:
    async with receiving("127.0.0.2", receiver.port) as private:
        url = f"http://{NAME}:{receiver.port}/hook"
        for addresses in (("127.0.0.2", "127.0.0.1"), ("127.0.0.1", "127.0.0.2"), ("::1", "127.0.0.2", "127.0.0.1")):
            assert (await post(leading_to(*addresses), url)).status == 200
        assert (await post(leading_to("127.0.0.2", "::1"), url)).failure is Failure.ADDRESS
        assert (len(receiver.received), private.received) == (3, [])


async def test_a_proxy_of_the_environment_is_not_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await post(HttpSender(REACH), receiver.url)).status == 200
        assert proxy.received == []


async def test_a_name_that_is_not_there_and_one_that_hangs() -> None:
    def nobody(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    outcome = await post(HttpSender(REACH, lookup=nobody), f"http://{NAME}/")
    assert outcome.failure is Failure.NAME

    may_end = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hangs(_host: str, _port: int) -> Sequence[str]:
        asyncio.run_coroutine_threadsafe(may_end.wait(), loop).result()
        return []

    outcome = await post(HttpSender(REACH, lookup=hangs, deadline_s=0.1), f"http://{NAME}/")
    assert outcome.failure is Failure.TIMEOUT
    may_end.set()


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\nX-Slow: 1\r\n"])
async def test_a_target_that_is_slow_costs_no_more_than_the_deadline(says: bytes) -> None:
    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        await asyncio.Event().wait()

    async with answering(hang) as url:
        outcome = await post(HttpSender(REACH, deadline_s=0.15), url)
    assert outcome.failure is Failure.TIMEOUT
    assert 150 <= outcome.took_ms < 30_000


async def test_a_target_that_drips_costs_no_more_than_the_deadline() -> None:
    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with answering(drip) as url:
        assert (await post(HttpSender(REACH, deadline_s=0.2), url)).failure is Failure.TIMEOUT


@pytest.mark.parametrize("status", [200, 500])
async def test_a_huge_answer_is_not_read(status: int) -> None:
    sent = 0
    has_ended = asyncio.Event()

    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        try:
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 100000000000\r\n\r\n" % status)
            while True:
                writer.write(b"<\x00\xff>" * 16384)
                await writer.drain()
                sent += 65536
        finally:
            has_ended.set()

    async with answering(flood) as url:
        outcome = await post(HttpSender(REACH), url)
        async with asyncio.timeout(60):
            await has_ended.wait()
    assert (outcome.status, outcome.failure) == (status, None if status == 200 else Failure.REFUSED)
    assert len(outcome.answer) <= MOST_ANSWER_BYTES
    assert "\x00" not in outcome.answer  # PostgreSQL keeps none
    assert sent < 20_000_000  # what the kernel's buffers take


async def test_a_success_waits_for_no_body() -> None:
    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 204 X\r\nContent-Length: 10\r\n\r\n")
        await asyncio.Event().wait()

    async with answering(hold) as url:
        assert (await post(HttpSender(REACH), url)).failure is None


async def test_a_flood_of_headers_is_refused() -> None:
    sent = 0

    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-More: " + 4000 * b"a" + b"\r\n")
            await writer.drain()
            sent += 4010

    async with answering(flood) as url:
        outcome = await post(HttpSender(REACH, deadline_s=5), url)
    assert outcome.failure is not None
    assert sent < 20_000_000


@pytest.mark.parametrize("says", [b"", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x00" * 100])
async def test_what_speaks_no_http_is_a_failed_connection(says: bytes) -> None:
    async with answering(lambda _reader, writer: writer.write(says)) as url:
        outcome = await post(HttpSender(REACH), url)
    assert (outcome.status, outcome.failure) == (None, Failure.CONNECTION)


async def test_where_nobody_listens_is_a_failed_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert (await post(HttpSender(REACH), f"http://127.0.0.1:{port}/")).failure is Failure.CONNECTION


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """For `NAME`, and trusted by this process."""
    return trusted(NAME, tmp_path, monkeypatch)


async def test_tls_is_for_the_name_although_the_address_was_looked_up(certificate: ssl.SSLContext) -> None:
    asked_for: list[str | None] = []
    certificate.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    async with receiving(ssl_context=certificate) as receiver:
        sender = leading_to("127.0.0.1")
        assert (await post(sender, f"https://{NAME}:{receiver.port}/hook")).status == 200
        assert (await post(sender, f"https://other.example:{receiver.port}/hook")).failure is Failure.TLS
        assert asked_for == [NAME, "other.example"]
        assert [each.headers["Host"] for each in receiver.received] == [f"{NAME}:{receiver.port}"]


async def test_http_leads_to_the_operators_networks_alone(receiver: Receiver) -> None:
    """Though another address is public, and would be reached by https."""
    sender = leading_to("8.8.8.8", reach=Reach([ip_network("10.0.0.0/8")]))
    assert (await post(sender, f"http://{NAME}/")).failure is Failure.ADDRESS
