"""While what stands behind Caddy restarts, its clients wait: nothing fails."""

import asyncio
import re
import shutil
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import web

PROJECT = Path(__file__).parents[3]
CADDY = shutil.which("caddy") or str(PROJECT / ".tools" / "bin" / "caddy")
WITHIN_S = 60.0

UPSTREAMS = (
    ("docs/deploying.md", "127.0.0.1:8000"),
    ("docs/deploying.md", "127.0.0.1:9100"),
    ("deploy/compose/Caddyfile", "host.docker.internal:9100"),
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def proxy_lines(file: str, upstream: str) -> str:
    """The lines of that file about that upstream."""
    block = rf"^\s*reverse_proxy {re.escape(upstream)}(?: \{{.*?\}})?$"
    found = re.search(block, (PROJECT / file).read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[0]


async def answer(_: web.Request) -> web.Response:
    """The connection's last one, as a replica's that goes."""
    response = web.Response(text="here")
    response.force_close()
    return response


@asynccontextmanager
async def serving(port: int) -> AsyncGenerator[None]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
    try:
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def caddy(folder: Path, port: int, lines: str) -> AsyncGenerator[httpx.AsyncClient]:
    file = folder / "Caddyfile"
    file.write_text(f"{{\n\tadmin off\n}}\nhttp://127.0.0.1:{port} {{\n{lines}\n}}\n")
    environment = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    command = (CADDY, "run", "--config", str(file), "--adapter", "caddyfile")
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=log)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=WITHIN_S) as client:
            yield client
    finally:
        process.terminate()
        await process.wait()


async def is_up(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/")).status_code == 200
    except httpx.ConnectError:
        return False


@pytest.mark.parametrize(("file", "upstream"), UPSTREAMS)
async def test_no_request_fails_while_the_only_one_behind_restarts(tmp_path: Path, file: str, upstream: str) -> None:
    port = free_port()
    lines = proxy_lines(file, upstream).replace(upstream, f"127.0.0.1:{port}")
    async with caddy(tmp_path, free_port(), lines) as client:
        async with asyncio.timeout(WITHIN_S), serving(port):
            while not await is_up(client):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.05)
        asked = [asyncio.create_task(client.request(method, "/")) for method in ("GET", "POST", "PUT", "DELETE")]
        done, _ = await asyncio.wait(asked, timeout=3)
        assert not done, "nobody is told that there is nobody"
        async with serving(port):
            answers = await asyncio.gather(*asked)
    assert {each.status_code for each in answers} == {200}
