"""A large archive, from a publisher's PUT until it is checked and its image is in a registry: time, and memory.

One replica on SQLite, everything on this machine. The archive is made while it is sent: random bytes, which nothing
compresses, as most of a game is. `registry` is a real one, which holds the base image; without one the measurement
ends when the image should be stored.
"""

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.house import free_port
from bench.results import Row, write
from migrations import migrate
from orchestrator.publishers.schemas import GameForm
from orchestrator.services import open_services
from orchestrator.settings import Settings
from tests.packing import LAUNCHER, Packed, folder, launcher, tar

MEBIBYTE = 1024**2
MOST_MEMORY_MIB = 200
_FILE_MIB = 64
_NOISE = os.urandom(MEBIBYTE)
_WITHIN_S = 1800.0


@dataclass(frozen=True)
class Figures:
    """`memory_mib` is the most that the replica ever had resident, `began_mib` what it had before."""

    size_bytes: int
    received_s: float
    processed_s: float
    began_mib: float
    memory_mib: float
    status: str


def archive(size_mib: int) -> Iterator[bytes]:
    """A gzipped tar of about this size."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    yield packer.compress(tar([folder("garden/"), launcher()], ends=False))
    for number in range(max(1, size_mib // _FILE_MIB)):
        header = tar([Packed(f"garden/game/{number:04}.rpa", claims=_FILE_MIB * MEBIBYTE)], ends=False)
        yield packer.compress(header)
        for piece in range(_FILE_MIB):
            yield packer.compress(number.to_bytes(4, "big") + piece.to_bytes(4, "big") + _NOISE[8:])
    yield packer.compress(bytes(1024)) + packer.flush()


async def measured(size_mib: int, data: Path, registry: str, base_image: str) -> Figures:
    """Upload an archive of this size to a fresh replica in `data`."""
    settings = Settings(data=data, database_url=f"sqlite+aiosqlite:///{data / 'orchestrator.sqlite3'}")
    await migrate(settings.database_url)
    async with open_services(settings) as services:
        made = await services.publisher_keys.create("Stephen Albert")
        form = {"slug": "garden", "title": "Garden", "developer": "Somebody", "description": "", "tags": ["A"]}
        form |= {"launcher": LAUNCHER, "renpyDir": "Garden"}
        await services.published_games.create(made.publisher, GameForm.model_validate(form))
    port = free_port()
    environment = {**os.environ, "ORCHESTRATOR_DATA": str(data), "ORCHESTRATOR_REGISTRY": registry}
    environment |= {"ORCHESTRATOR_BASE_IMAGE": base_image}
    words = [sys.executable, "-m", "orchestrator", "serve", "--port", str(port)]
    log = data / "replica.log"
    with log.open("wb") as output:
        replica = await asyncio.create_subprocess_exec(*words, env=environment, stdout=output, stderr=output)
    try:
        bearer = {"Authorization": f"Bearer {made.secret}"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=bearer, timeout=None) as publisher:
            return await _uploaded(publisher, replica.pid, size_mib, log)
    finally:
        replica.terminate()
        await replica.wait()


async def _uploaded(publisher: httpx.AsyncClient, replica: int, size_mib: int, log: Path) -> Figures:
    await _until_ready(publisher)
    began_mib = _resident_mib(replica, "VmRSS")
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for piece in filter(None, archive(size_mib)):
            sent += len(piece)
            yield piece

    began_s = time.monotonic()
    headers = {"Content-Type": "application/gzip"}
    answer = await publisher.put("/api/partners/games/garden/upload", content=body(), headers=headers)
    received_s = time.monotonic() - began_s
    answer.raise_for_status()
    began_s = time.monotonic()
    while True:
        status = str((await publisher.get("/api/partners/games/garden")).json()["status"])
        is_stuck = "upload.not_stored" in await asyncio.to_thread(log.read_text, errors="replace")
        if status != "processing" or is_stuck or time.monotonic() - began_s > _WITHIN_S:
            break
        await asyncio.sleep(0.2)
    return Figures(
        size_bytes=sent,
        received_s=received_s,
        processed_s=time.monotonic() - began_s,
        began_mib=began_mib,
        memory_mib=_resident_mib(replica, "VmHWM"),
        status="not_stored" if is_stuck else status,
    )


async def _until_ready(publisher: httpx.AsyncClient) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if (await publisher.get("/health/ready")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "the replica did not start"
        await asyncio.sleep(0.1)


def _resident_mib(process: int, field: str) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(rf"{field}:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def main() -> None:
    from tests.integration.docker_engine import RunningEngine, import_tiny_image  # noqa: PLC0415 - root and an engine
    from tests.integration.registry import Registry  # noqa: PLC0415 - a registry from Debian

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=4096, help="size of the archive")
    arguments = parser.parse_args()
    with Registry() as registry, tempfile.TemporaryDirectory(prefix="uploads-") as data:
        with RunningEngine() as engine:
            import_tiny_image(engine)
            client = engine.client()
            client.tag("playhouse/tiny:latest", f"{registry.address}/base", "1")
            for line in client.push(f"{registry.address}/base", "1", stream=True, decode=True):
                assert "error" not in line, line
            client.close()
        base = f"{registry.address}/base:1"
        figures = asyncio.run(measured(arguments.mib, Path(data), f"{registry.address}/games", base))
    assert figures.status == "active", figures
    size_mb = figures.size_bytes / 1e6
    write(
        "uploads",
        [
            Row("archive", size_mb, "MB"),
            Row("replica's memory, most", figures.memory_mib, "MiB", f"<= {MOST_MEMORY_MIB}"),
            Row("replica's memory, before", figures.began_mib, "MiB"),
            Row("received", figures.received_s, "s"),
            Row("received, per second", size_mb / figures.received_s, "MB/s"),
            Row("checked and in the registry", figures.processed_s, "s"),
            Row("checked and in the registry, per second", size_mb / figures.processed_s, "MB/s"),
        ],
    )


if __name__ == "__main__":
    main()
