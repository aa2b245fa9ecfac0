"""Servers that lead elsewhere, hang, flood or lie: each is a fault with its name, and nothing private is reached."""

import asyncio
import socket
from collections.abc import Sequence

import pytest
from aiohttp import web

from orchestrator.pictures.faults import MOST_BYTES, Fault
from orchestrator.pictures.fetching import Fetcher, NotFetched
from tests.integration.orchestrator.pictures.conftest import (
    HERE,
    NAME,
    PictureServer,
    leading_to,
    picture,
    picture_server,
    speaking,
)


async def fault_of(fetcher: Fetcher, url: str) -> tuple[Fault, int | None]:
    with pytest.raises(NotFetched) as told:
        await fetcher.fetch(url)
    return told.value.fault, told.value.status


@pytest.mark.parametrize("said", ["image/png", "image/jpeg; q=1", "binary/octet-stream", None])
async def test_what_a_server_says_is_a_picture_is_fetched_whole(server: PictureServer, said: str | None) -> None:
    content = picture()
    url = server.has("/cover.png", content, said)
    assert await leading_to("127.0.0.1").fetch(url) == content
    assert server.asked == ["/cover.png"]


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "10.0.0.1", "192.168.1.1", "169.254.169.254", "fe80::1"),
        *("fd00::1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "100.64.0.1"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_name_that_means_a_private_address_is_not_connected_to(
    address: str, scheme: str, server: PictureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []

    async def connect(_socket: socket.socket, address: object) -> None:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    fetcher = Fetcher(lookup=lambda _host, _port: [address])
    assert await fault_of(fetcher, f"{scheme}://{NAME}:{server.port}/cover.png") == (Fault.ADDRESS, None)
    assert tried == []


async def test_a_public_address_is_connected_to_by_http_and_by_https(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other half of the test above: it is the address that decides."""
    tried: list[object] = []

    async def connect(_socket: socket.socket, address: object) -> None:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    for scheme in ("http", "https"):
        fetcher = Fetcher(lookup=lambda _host, _port: ["8.8.8.8"])
        assert await fault_of(fetcher, f"{scheme}://{NAME}/cover.png") == (Fault.CONNECTION, None)
    assert tried == [("8.8.8.8", 80), ("8.8.8.8", 443)]


@pytest.mark.parametrize(
    "host",
    [
        *("2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "127.0.0.1", "[::ffff:127.0.0.1]", "[::1]"),
        *("localhost", "[::ffff:a9fe:a9fe]", "169.254.169.254"),
    ],
)
async def test_an_address_is_private_however_it_is_written(host: str, server: PictureServer) -> None:
    """By this machine's own resolver."""
    server.has("/cover.png", picture())
    assert await fault_of(Fetcher(), server.url(host=host)) == (Fault.ADDRESS, None)
    assert server.asked == []


@pytest.mark.parametrize(
    "url", ["ftp://pictures.example/a.png", "file:///etc/passwd", "http://ada:secret@pictures.example/", "https://"]
)
async def test_what_is_no_url_of_a_picture_is_not_asked_for(url: str) -> None:
    assert await fault_of(leading_to("127.0.0.1"), url) == (Fault.ADDRESS, None)


async def test_of_several_addresses_only_the_public_ones_are_tried(server: PictureServer) -> None:
    url = server.has("/cover.png", picture())
    async with picture_server("127.0.0.2", server.port) as private:
        for addresses in (("127.0.0.2", "127.0.0.1"), ("127.0.0.1", "127.0.0.2"), ("::1", "127.0.0.1")):
            assert await leading_to(*addresses).fetch(url)
        assert await fault_of(leading_to("127.0.0.2", "::1"), url) == (Fault.ADDRESS, None)
        assert (len(server.asked), private.asked) == (3, [])


async def test_a_name_that_means_something_else_each_time_leads_nowhere_else(server: PictureServer) -> None:
    """DNS rebinding: what was checked is what is connected to, for one name is asked for once."""
    url = server.has("/cover.png", picture())
    asked: list[str] = []
    async with picture_server("127.0.0.2", server.port) as private:
        answers = iter([["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1"]])

        def lookup(host: str, _port: int) -> Sequence[str]:
            asked.append(host)
            return next(answers)

        fetcher = Fetcher(HERE, lookup=lookup)
        assert await fetcher.fetch(url)
        assert await fault_of(fetcher, url) == (Fault.ADDRESS, None)
        assert await fetcher.fetch(url)
        assert (asked, len(server.asked), private.asked) == (3 * [NAME], 2, [])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_to_a_private_address_or_any_other(server: PictureServer, status: int) -> None:
    async with picture_server("127.0.0.2", server.port) as private:
        for elsewhere in (private.url(host="127.0.0.2"), server.url("/other.png")):
            server.pages["/cover.png"] = lambda _, elsewhere=elsewhere: web.Response(
                status=status, headers={"Location": elsewhere, "Content-Type": "image/png"}, body=picture()
            )
            assert await fault_of(leading_to("127.0.0.1"), server.url()) == (Fault.REDIRECT, status)
        assert (server.asked, private.asked) == (2 * ["/cover.png"], [])


@pytest.mark.parametrize("status", [204, 206, 403, 404, 410, 500, 503])
async def test_what_is_not_answered_with_a_picture_is_a_fault(server: PictureServer, status: int) -> None:
    url = server.has("/cover.png", b"" if status == 204 else picture(), status=status)
    assert await fault_of(leading_to("127.0.0.1"), url) == (Fault.STATUS, status)


@pytest.mark.parametrize("said", ["text/html", "image/svg+xml", "image/gif", "application/json"])
async def test_what_says_it_is_something_else_is_not_read(server: PictureServer, said: str) -> None:
    url = server.has("/cover.png", picture(), said)
    assert await fault_of(leading_to("127.0.0.1"), url) == (Fault.NOT_A_PICTURE, 200)


async def test_what_is_packed_is_not_unpacked(server: PictureServer) -> None:
    """A bomb in gzip: nobody asked for it, and nobody opens it."""
    server.pages["/cover.png"] = lambda _: web.Response(
        body=b"\x1f\x8b", headers={"Content-Type": "image/png", "Content-Encoding": "gzip"}
    )
    assert await fault_of(leading_to("127.0.0.1"), server.url()) == (Fault.NOT_A_PICTURE, 200)


@pytest.mark.parametrize("length", [b"Content-Length: 100000000000\r\n", b""])
async def test_a_flood_is_cut_off(length: bytes) -> None:
    sent = 0
    has_ended = asyncio.Event()

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        try:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n" + length + b"\r\n")
            while True:
                writer.write(65536 * b"a")
                await writer.drain()
                sent += 65536
        finally:
            has_ended.set()

    async with speaking(flood) as url:
        assert await fault_of(leading_to("127.0.0.1"), url) == (Fault.TOO_LARGE, 200)
        async with asyncio.timeout(60):
            await has_ended.wait()
    assert sent < MOST_BYTES + 20_000_000  # what the kernel's buffers take


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 100\r\n\r\nab"])
async def test_a_server_that_hangs_or_drips_costs_no_more_than_the_deadline(says: bytes) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        while True:
            if says:
                writer.write(b"c")
            await asyncio.sleep(0.02)

    async with speaking(drip) as url:
        assert await fault_of(leading_to("127.0.0.1", deadline_s=0.15), url) == (Fault.TIMEOUT, None)


async def test_a_picture_that_is_cut_off_is_no_picture() -> None:
    def cut(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n" + picture()[:50])

    async with speaking(cut) as url:
        assert await fault_of(leading_to("127.0.0.1"), url) == (Fault.CONNECTION, None)


async def test_a_name_that_is_not_there() -> None:
    def nobody(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    assert await fault_of(Fetcher(lookup=nobody), f"https://{NAME}/cover.png") == (Fault.NAME, None)
