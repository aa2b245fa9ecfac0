"""A real registry (Debian's docker-registry) on this machine, and small images of random bytes to put into it."""

import asyncio
import contextlib
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Self

import docker

_CONFIG = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/registry}}}}
http: {{addr: 127.0.0.1:{port}}}
log: {{level: error}}
"""
_WITH_PASSWORD = """
auth: {{htpasswd: {{realm: tests, path: {folder}/htpasswd}}}}
"""


class Registry:
    """May be stopped and started again at the same address with what it holds. `htpasswd` is a line of that file."""

    def __init__(self, htpasswd: str | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="registry-", dir="/tmp"))
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        config = _CONFIG if htpasswd is None else _CONFIG + _WITH_PASSWORD
        (self.folder / "config.yml").write_text(config.format(folder=self.folder, port=self.port))
        (self.folder / "htpasswd").write_text(f"{htpasswd}\n")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            words = ["docker-registry", "serve", str(self.folder / "config.yml")]
            self._process = subprocess.Popen(words, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def layers(self, manifest_digest: str) -> dict[str, int]:
        """Digests and bytes of an image's layers, from its manifest."""
        manifest = json.loads(self.blob(manifest_digest).read_bytes())
        return {layer["digest"]: layer["size"] for layer in manifest["layers"]}

    def blob(self, digest: str) -> Path:
        """The file in which the registry keeps a layer."""
        hexadecimal = digest.partition(":")[2]
        return self.folder / f"registry/docker/registry/v2/blobs/sha256/{hexadecimal[:2]}/{hexadecimal}/data"


class Relay:
    """Passes connections on to a registry; `bytes_per_s` is how fast answers come through it, None for at once."""

    def __init__(self, target: str) -> None:
        host, _, port = target.partition(":")
        self._target = host, int(port)
        self._server: asyncio.Server | None = None
        self._copying = set[asyncio.Task[None]]()
        self.bytes_per_s: float | None = None

    @property
    def address(self) -> str:
        assert self._server is not None
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._copying:
            task.cancel()
        await asyncio.gather(*self._copying, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._copying.add(task)
        writers = [writer]
        try:
            with contextlib.suppress(OSError):
                there = await asyncio.open_connection(*self._target)
                writers.append(there[1])
                await asyncio.gather(self._copy(reader, there[1]), self._copy(there[0], writer, is_answer=True))
        finally:
            self._copying.discard(task)
            for each in writers:
                each.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await asyncio.gather(*(each.wait_closed() for each in writers), return_exceptions=True)

    async def _copy(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, is_answer: bool = False
    ) -> None:
        while piece := await source.read(16384):
            target.write(piece)
            await target.drain()
            if is_answer and self.bytes_per_s is not None:
                await asyncio.sleep(len(piece) / self.bytes_per_s)
        target.close()


def build_image(client: docker.APIClient, name: str, base: str, size_bytes: int) -> str:
    """An image of `base` and a layer of random bytes; answers its id."""
    context = io.BytesIO()
    dockerfile = f"FROM {base}\nCOPY blob /blob\nLABEL playhouse.test=1\n".encode()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for file, content in (("Dockerfile", dockerfile), ("blob", os.urandom(size_bytes))):
            member = tarfile.TarInfo(file)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    context.seek(0)
    for line in client.build(fileobj=context, custom_context=True, tag=name, rm=True, decode=True):
        assert "error" not in line, line
    return str(client.inspect_image(name)["Id"])
