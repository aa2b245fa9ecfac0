"""The whole way on a real host: a publisher uploads a Ren'Py-like distribution, a player plays it, the save is kept."""

import asyncio
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from orchestrator.saves.models import SaveVersion
from tests.chaos.house import House
from tests.chaos.machine import TINY
from tests.chaos.player import Player
from tests.chaos.seeds import seat_runtime
from tests.integration.gameserver_agent.control_plane import files_of
from tests.packing import ELF_X86_64, Packed, folder, launcher, tar_gz

SLUG = "garden-of-forking-paths"
RENPY_DIR = "GardenOfForkingPaths-1698234567"
FORM = {
    "slug": SLUG,
    "title": "Garden of Forking Paths",
    "developer": "Ts'ui Pên",
    "description": "A labyrinth of time.",
    "tags": ["Mystery"],
    "launcher": "garden.sh",
    "renpyDir": RENPY_DIR,
}
GAME = f"/api/partners/games/{SLUG}"


@pytest.fixture(scope="module")
def runtime() -> Generator[Path]:
    with seat_runtime() as folder:
        yield folder


def distribution() -> bytes:
    """The tiny counter as Ren'Py would pack it: started by its launcher, saving where Ren'Py saves."""
    text = (TINY / "counter.py").read_text(encoding="utf-8")
    saved = text.replace('HOME / "save" / "counter.json"', f'HOME / ".renpy" / "{RENPY_DIR}" / "1-1-LT1.save"')
    assert saved != text
    # The base of this test has a Python and no shell.
    python = Path("/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable).resolve()
    return tar_gz(
        [
            folder("garden-1.0-linux/"),
            launcher("garden-1.0-linux/garden.sh", f"#!{python} -IS\n{saved}".encode()),
            Packed("garden-1.0-linux/game/script.rpyc", b"RENPY RPC2" * 100),
            Packed("garden-1.0-linux/lib/py3-linux-x86_64/garden", ELF_X86_64, mode=0o755),
            Packed("garden-1.0-linux/renpy/common/00start.rpy", b"init python:\n"),
        ]
    )


@pytest.mark.timeout(180)
async def test_an_uploaded_distribution_is_played_and_saved(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.chaos.house.DISK", "768m")  # a publisher's game may save 256 MiB
    house = House(runtime, 0.2)
    monkeypatch.setenv("DOCKER_HOST", house.docker_host)
    monkeypatch.setenv("ORCHESTRATOR_BASE_IMAGE", "playhouse/tiny-counter:1")
    async with house.opened(1, None), Player(house.urls, house.note) as player:
        key = (await house.services.publisher_keys.create("Stephen Albert")).secret
        bearer = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=house.urls[0], headers=bearer, timeout=30) as publisher:
            assert (await publisher.post("/api/partners/games", json=FORM)).status_code == 201
            sent = await publisher.put(
                f"{GAME}/upload", content=distribution(), headers={"Content-Type": "application/gzip"}
            )
            assert sent.status_code == 202, sent.text
            details = await until(publisher, lambda seen: seen["upload"]["state"] in {"accepted", "rejected"})
            assert details["status"] == "active", (details, house.log_tails())
            cached = (await until(publisher, lambda seen: seen["cacheStatus"]["cached"] == 1))["cacheStatus"]
            assert cached == {"servers": 1, "cached": 1}  # before that no host could run it
            await player.register()
            session_id = await player.launch(SLUG)
            status = await player.until(session_id, lambda seen: seen.status == "running" or seen.is_over, 60)
            assert status.status == "running", (status, house.log_tails())
            house.learn_seats()
            await player.stop(session_id)
            statistics = (await publisher.get(f"{GAME}/statistics")).json()
            assert (statistics["sessions"], statistics["crashes"]) == (1, 0)
            assert statistics["bootSeconds"] > 0
        async with house.services.database.read() as session:
            versions = list(await session.scalars(select(SaveVersion)))
        contents = [piece async for piece in house.services.store.read(versions[-1].key)]
        assert f".renpy/{RENPY_DIR}/1-1-LT1.save" in files_of(b"".join(contents))


async def until(publisher: httpx.AsyncClient, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The game's details once they are so, or the last ones after a minute."""
    deadline = time.monotonic() + 60
    while True:
        details: dict[str, Any] = (await publisher.get(GAME)).json()
        if holds(details) or time.monotonic() > deadline:
            return details
        await asyncio.sleep(0.1)
