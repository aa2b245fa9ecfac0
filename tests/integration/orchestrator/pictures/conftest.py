"""A server of somebody else's with pictures, on this machine, and a way to it that only tests have."""

import asyncio
import io
import struct
import zlib
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network

import pytest
from aiohttp import web
from PIL import Image

from orchestrator.outside.reach import Reach
from orchestrator.pictures.fetching import Fetcher

NAME = "pictures.example"
HERE = Reach([ip_network("127.0.0.1/32")])
"""Public for the tests; 127.0.0.2 stays as private as it is."""

Answer = Callable[[web.Request], web.StreamResponse]


def picture(kind: str = "PNG", size: tuple[int, int] = (460, 215), colour: str = "#2b6cb0", mode: str = "RGB") -> bytes:
    made = io.BytesIO()
    Image.new(mode, size, colour).save(made, kind)
    return made.getvalue()


def png_claiming(width: int, height: int, rows: bytes = b"") -> bytes:
    """A PNG whose header says so, and whose data unpacks to `rows`."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(rows, 9))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


@dataclass
class PictureServer:
    """Answers each path with what `pages` has for it, and remembers what it was asked for."""

    port: int = 0
    pages: dict[str, Answer] = field(default_factory=dict[str, Answer])
    asked: list[str] = field(default_factory=list[str])

    def url(self, path: str = "/cover.png", host: str = NAME) -> str:
        return f"http://{host}:{self.port}{path}"

    def has(self, path: str, content: bytes, content_type: str | None = "image/png", status: int = 200) -> str:
        """Its URL."""
        headers = {} if content_type is None else {"Content-Type": content_type}
        self.pages[path] = lambda _: web.Response(body=content, status=status, headers=headers)
        return self.url(path)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        page = self.pages.get(request.path)
        return web.Response(status=404) if page is None else page(request)


@asynccontextmanager
async def picture_server(host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[PictureServer]:
    server = PictureServer()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    try:
        server.port = runner.addresses[0][1]
        yield server
    finally:
        await runner.cleanup()


@pytest.fixture
async def server() -> AsyncGenerator[PictureServer]:
    async with picture_server() as server:
        yield server


def leading_to(*addresses: str, reach: Reach = HERE, deadline_s: float = 15.0) -> Fetcher:
    """A fetcher for which every name means these."""

    def lookup(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return Fetcher(reach, lookup=lookup, deadline_s=deadline_s)


@asynccontextmanager
async def speaking(talk: Callable[[asyncio.StreamWriter], object]) -> AsyncGenerator[str]:
    """The URL of a server that is no good HTTP server: `talk` says what it says once it was asked."""
    tasks: set[asyncio.Task[None]] = set()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n")
            result = talk(writer)
            if asyncio.iscoroutine(result):
                await result
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    async with server:
        yield f"http://{NAME}:{server.sockets[0].getsockname()[1]}/cover.png"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(autouse=True)
def the_application_fetches_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name means this machine, which for these tests is public."""
    monkeypatch.setattr("orchestrator.services.Fetcher", lambda: leading_to("127.0.0.1"))
