"""A real S3 server (SeaweedFS), in a folder of its own that goes with whoever started it, and a way to it that fails.

It checks signatures, honours `If-None-Match` and proves checksums: what a test relies on, the server does.
"""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from aiobotocore.session import get_session

_START_TIMEOUT_S = 90.0
_NAMES = count(1)

PROBE = "probe"
"""The key of an object by which a server is asked whether it takes any; one that dies meanwhile may keep it."""

PORTS = 4

# Serves until its standard input ends, as it does when the process that started it has gone, however it went.
_KEEPER = """
"$@" &
if read -r _; then kill -KILL $!; wait $!; else kill -KILL $!; wait $!; rm -rf "$FOLDER"; fi
"""

KEYS = {
    "AWS_ACCESS_KEY_ID": "house",
    "AWS_SECRET_ACCESS_KEY": "a-key-of-the-tests",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def serving(folder: Path, ports: Sequence[int]) -> tuple[str, ...]:
    """The command of a server whose everything lies in `folder`, on these `PORTS` ports: S3 speaks on the first."""
    s3, filer, master, volume = ports
    weed = Path(sys.executable).parent / "weed"
    if not weed.exists():
        raise FileNotFoundError("the S3 server is missing: run `deploy/setup test`")
    keys = {"accessKey": KEYS["AWS_ACCESS_KEY_ID"], "secretKey": KEYS["AWS_SECRET_ACCESS_KEY"]}
    house = {"name": "house", "credentials": [keys], "actions": ["Admin", "Read", "Write", "List"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [house]}))
    options = {
        "dir": folder,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "filer": "true",
        "filer.port": filer,
        "master.port": master,
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 64,
        "s3": "true",
        "s3.config": folder / "s3.json",
        "s3.iam": "false",
        "s3.port": s3,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "volume.max": 100,
        "volume.port": volume,
    }
    return (str(weed), "server", *(f"-{name}={value}" for name, value in options.items()))


async def make_bucket(endpoint: str, bucket: str) -> None:
    """It is there and takes objects, or this fails: the door of a server answers before what is behind it does."""
    async with client_of(endpoint) as client:
        with contextlib.suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
            await client.create_bucket(Bucket=bucket)
        await client.put_object(Bucket=bucket, Key=PROBE, Body=b"")
        await client.delete_object(Bucket=bucket, Key=PROBE)


def client_of(endpoint: str) -> Any:
    return get_session().create_client(
        "s3",
        endpoint_url=endpoint,
        region_name=KEYS["AWS_REGION"],
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
    )


class S3Server:
    """`with`: a running server on 127.0.0.1. `KEYS` are the only ones that it lets in."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="playhouse-s3-"))
        self._keeper: subprocess.Popen[bytes] | None = None
        self.ports = free_ports()
        self.endpoint = f"http://127.0.0.1:{self.ports[0]}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end(b"")
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Returns when the server answers."""
        outside = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        with (self._folder / "server.log").open("ab") as log:
            self._keeper = keeper = subprocess.Popen(
                ["/bin/sh", "-c", _KEEPER, "keeper", *serving(self._folder, self.ports)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=outside | {"FOLDER": str(self._folder)},
                start_new_session=True,  # Ctrl-C is for the tests
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._answers():
            if keeper.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "server.log").read_text()[-4000:])
            time.sleep(0.1)
        while True:
            try:
                _run(make_bucket(self.endpoint, "first"))
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        """Ends the server at once, as a crash would; `start` brings it back with what was stored."""
        self._end(b"stop\n")

    def make_bucket(self) -> str:
        """The name of a bucket that nobody else has."""
        name = f"saves-{next(_NAMES)}"
        _run(make_bucket(self.endpoint, name))
        return name

    async def spoil(self, bucket: str, key: str, content: bytes) -> None:
        """Put other bytes under a key, as no store ever should."""
        async with client_of(self.endpoint) as client:
            await client.put_object(Bucket=bucket, Key=key, Body=content)

    async def keys(self, bucket: str) -> list[str]:
        async with client_of(self.endpoint) as client:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)  # a thousand on each
            return [entry["Key"] async for page in pages for entry in page.get("Contents", ())]

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(self.endpoint, timeout=5).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def _end(self, word: bytes) -> None:
        if self._keeper is not None:
            self._keeper.communicate(word)
            self._keeper = None


class Mood(StrEnum):
    WELL = "well"
    GONE = "gone"  # every connection is closed at once
    BROKEN = "broken"  # 500 whatever is asked
    STUCK = "stuck"  # takes everything, says nothing


class FaultyWay:
    """A port that leads to a server, or fails as its mood says. Changing the mood ends every connection."""

    def __init__(self, target: str, url: str) -> None:
        self._host, self._port = urlsplit(target).hostname or "", urlsplit(target).port or 0
        self.url = url
        self.most_at_once = 0
        self._mood = Mood.WELL
        self._writers: set[asyncio.StreamWriter] = set()

    def be(self, mood: Mood) -> None:
        self._mood = mood
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self.most_at_once = max(self.most_at_once, len(self._writers))
        try:
            if self._mood is Mood.WELL:
                await self._pass_on(reader, writer)
            elif self._mood is Mood.BROKEN:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                await writer.drain()
            elif self._mood is Mood.STUCK:
                while await reader.read(65536):
                    pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._host, self._port)
        self._writers.add(back)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, back))
                group.create_task(_copy(there, writer))
        finally:
            self._writers.discard(back)
            back.close()


@asynccontextmanager
async def faulty_way(target: str) -> AsyncGenerator[FaultyWay]:
    way = FaultyWay(target, "")
    server = await asyncio.start_server(way.serve, "127.0.0.1", 0)
    way.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield way
    finally:
        server.close()
        way.be(Mood.GONE)
        await server.wait_closed()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
        writer.write_eof()


def _run(work: Coroutine[Any, Any, None]) -> None:
    """In a thread: whoever asks for a server may have a loop of its own."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


def free_ports() -> list[int]:
    """`PORTS` ports that are free together with the ones ten thousand above them, which a server uses as well."""
    with contextlib.ExitStack() as held:
        found: list[int] = []
        for port in range(12_000 + os.getpid() % 4000, 22_000):
            try:
                for each in (port, port + 10_000):
                    held.enter_context(socket.create_server(("127.0.0.1", each)))
            except OSError:
                continue
            found.append(port)
            if len(found) == PORTS:
                return found
    raise RuntimeError("no ports are free for an S3 server")
