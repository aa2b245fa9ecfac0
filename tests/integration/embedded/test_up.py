"""`orchestrator up` as people run it: it adopts an engine, says where to go, and Ctrl-C leaves nothing behind."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from orchestrator.embedded.private_engine import PrivateEngine
from tests.integration.embedded.conftest import ended, give_demo_image

STARTS_WITHIN_S = 90.0
STOPS_WITHIN_S = 20.0
LATE = """
slug = "late"
title = "Late"
developer = "Somebody"
description = "It sleeps."
tags = ["Test"]
[build]
version = "1"
image = "playhouse/late:1"
command = ["/bin/busybox", "sleep", "60"]
"""


async def test_up_serves_signs_in_and_leaves_nothing_behind(data: Path, runtime: Path) -> None:
    port = free_port()
    engine = PrivateEngine(data)
    try:
        await engine.start()
        give_demo_image(engine.docker_host, runtime)
        async with _up(data, port) as running:
            words = await said(running, "Ctrl-C")
            assert f"http://127.0.0.1:{port}" in words
            password = re.search(r"Password +(\S+)", words)
            assert password is not None
            async with _signed_in(port, password[1]) as browser:
                hosts = (await browser.get("/api/admin/hosts")).json()
                assert len(hosts["hosts"]) == 1, json.dumps(hosts)
                await _add_late_game(data, runtime, engine.docker_host)
                launched = await browser.post("/api/game/launch", json={"gameSlug": "late"})
                assert launched.status_code == 202, launched.text

            second = await start(data, free_port())
            refused = (await second.communicate())[0].decode()
            assert second.returncode == 1
            assert f"DATA={data} is already in use" in refused

            began = time.monotonic()
            running.send_signal(signal.SIGINT)
            assert await ended(running, STOPS_WITHIN_S) == 0
            assert time.monotonic() - began < STOPS_WITHIN_S
        assert not engine.is_answering()
        assert _processes_naming(str(data)) == []
    finally:
        await engine.stop()


async def test_up_on_a_taken_port_says_which_is_free(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        refused = await start(data / "new" / "folder", port)
        words = (await refused.communicate())[0].decode()
    assert refused.returncode == 1
    assert await asyncio.to_thread(os.listdir, data) == []
    assert f"Port {port} on 127.0.0.1 is taken" in words
    assert "make play PORT=" in words
    assert "Traceback" not in words


@asynccontextmanager
async def _up(data: Path, port: int) -> AsyncGenerator[asyncio.subprocess.Process]:
    running = await start(data, port)
    try:
        yield running
    finally:
        if running.returncode is None:
            running.terminate()
            await ended(running, STOPS_WITHIN_S)


async def start(data: Path, port: int, *before: str) -> asyncio.subprocess.Process:
    """`before` are words of a program that starts it."""
    return await asyncio.create_subprocess_exec(
        *(*before, sys.executable, "-m", "orchestrator", "up", "--host", "127.0.0.1", "--port", str(port)),
        env=_environment(data),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def said(running: asyncio.subprocess.Process, last: str) -> str:
    """Everything up to the line that holds `last`."""
    assert running.stdout is not None
    words = ""
    async with asyncio.timeout(STARTS_WITHIN_S):
        while last not in words:
            line = await running.stdout.readline()
            assert line, f"it ended after saying:\n{words}"
            words += line.decode()
    return words


@asynccontextmanager
async def _signed_in(port: int, password: str) -> AsyncGenerator[httpx.AsyncClient]:
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, headers={"Origin": url}, timeout=60) as browser:
        token = (await browser.get("/api/auth/csrf")).json()["csrfToken"]
        form = {"email": "demo@playhouse.example", "password": password, "csrfToken": token, "json": "true"}
        assert (await browser.post("/api/auth/callback/credentials", data=form)).status_code == 200
        yield browser


async def _add_late_game(data: Path, folder: Path, docker_host: str) -> None:
    """By hand, while the house is up: its image is in the engine just now."""
    image = ("docker", "--host", docker_host, "import", folder / "image.tar", "playhouse/late:1")
    file = folder / "late.toml"
    file.write_text(LATE)
    for words in (image, (sys.executable, "-m", "orchestrator", "games", "add", file)):
        running = await asyncio.create_subprocess_exec(
            *words, env=_environment(data), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        told = (await running.communicate())[0].decode()
        assert running.returncode == 0, told
    assert told.splitlines()[0].startswith("Added late 1"), told
    assert "once a host" not in told


def _environment(data: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORCHESTRATOR_", "DOCKER_"))}
    return {**kept, "ORCHESTRATOR_DATA": str(data)}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _processes_naming(text: str) -> list[str]:
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if text in words:
            found.append(words)
    return found
