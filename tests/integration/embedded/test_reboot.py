"""A machine that loses its power in the middle of a game: what `orchestrator up` finds afterwards and what it tells."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from gameserver_agent.seats.places import FIRST_UID, LAST_UID
from orchestrator.embedded.private_engine import PrivateEngine
from tests.integration.embedded.conftest import BUSYBOX, ended, give_demo_image
from tests.integration.embedded.test_up import STOPS_WITHIN_S, free_port, said, start
from tests.integration.gameserver_agent.control_plane import files_of

TINY = Path(__file__).parents[3] / "deploy" / "games" / "tiny-counter"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SEATS = Path("/run/playhouse-agent")


async def test_after_a_reboot_every_session_has_ended_with_a_reason_and_its_save_is_there(data: Path) -> None:
    port = free_port()
    engine = PrivateEngine(data)
    assert BUSYBOX.exists()
    try:
        await engine.start()
        await asyncio.to_thread(give_demo_image, engine.docker_host, data)
        build = [sys.executable, str(TINY / "build.py")]
        await asyncio.to_thread(_run, build, {"DOCKER_HOST": engine.docker_host})
        running = await start(data, port)
        await said(running, "Ctrl-C")
        add = [sys.executable, "-m", "orchestrator", "games", "add", str(TINY / "game.toml")]
        await asyncio.to_thread(_run, [*add, "--docker-host", engine.docker_host], {"ORCHESTRATOR_DATA": str(data)})
        async with _browser(port) as browser:
            await _sign_in(browser, data)
            session_id = await _playing(browser)
            await _until(lambda: _newest_count(data) > 0, "a checkpoint is in the store")
            count = _count_at_home(data, session_id)

        await asyncio.to_thread(_lose_power, data, running.pid)
        await running.wait()
        _leave_unfinished(data, session_id)
        assert _newest_count(data) <= count + 1

        again = await start(data, port, *_another_boot(data))
        try:
            await said(again, "Ctrl-C")
            async with _browser(port) as browser:
                await _sign_in(browser, data)
                status = await _over(browser, session_id)
                assert status["error"]["code"] == "host_restarted"
                assert status["error"]["message"]
                assert status["error"]["nextStep"]
                history = (await browser.get("/api/game/history")).json()["sessions"]
                assert [entry["end"]["code"] for entry in history] == ["host_restarted"]
                assert _newest_count(data) >= count
                slots = (await browser.get("/api/saves", params={"gameSlug": "tiny-counter"})).json()
                assert json.dumps(slots).count('"gameSlug"') == 1
            async with asyncio.timeout(60):  # the agent forgets it once it has heard that its end is known
                while list((data / "agent" / "sessions").iterdir()):  # noqa: ASYNC110 - nothing tells of it
                    await asyncio.sleep(0.1)
        finally:
            again.send_signal(signal.SIGINT)
            assert await ended(again, STOPS_WITHIN_S) == 0
        assert _processes_of(data) == []
        assert not list((data / "agent" / "sessions").iterdir())
    finally:
        await asyncio.to_thread(_lose_power, data, None)
        await engine.stop()


def _run(words: list[str], environment: dict[str, str]) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORCHESTRATOR_", "DOCKER_"))}
    subprocess.run(words, env={**kept, **environment}, check=True, capture_output=True)


def _browser(port: int) -> httpx.AsyncClient:
    url = f"http://127.0.0.1:{port}"
    return httpx.AsyncClient(base_url=url, headers={"Origin": url}, timeout=60)


async def _sign_in(browser: httpx.AsyncClient, data: Path) -> None:
    account = json.loads((data / "demo-account.json").read_bytes())
    token = (await browser.get("/api/auth/csrf")).json()["csrfToken"]
    form = {**account, "csrfToken": token, "json": "true"}
    assert (await browser.post("/api/auth/callback/credentials", data=form)).status_code == 200


async def _playing(browser: httpx.AsyncClient) -> str:
    launched = await browser.post("/api/game/launch", json={"gameSlug": "tiny-counter"})
    assert launched.status_code == 202, launched.text
    session_id = str(launched.json()["sessionId"])
    await _status(browser, session_id, lambda status: status["status"] == "running")
    return session_id


async def _over(browser: httpx.AsyncClient, session_id: str) -> dict[str, Any]:
    return await _status(browser, session_id, lambda status: status["status"] in ("stopped", "error"))


async def _status(
    browser: httpx.AsyncClient, session_id: str, fact: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            answer = await browser.get("/api/game/session-status", params={"sessionId": session_id})
            if fact(answer.json()):
                return answer.json()
            await asyncio.sleep(0.2)


async def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < deadline, f"never: {what}"
        await asyncio.sleep(0.1)


def _newest_count(data: Path) -> int:
    """Of all archives that the store has."""
    newest = 0
    for file in (data / "saves").rglob("*"):
        if file.is_file():
            with contextlib.suppress(Exception):  # half written, or no archive
                files = files_of(file.read_bytes())
                newest = max(newest, json.loads(files["save/counter.json"])["count"])
    return newest


def _count_at_home(data: Path, session_id: str) -> int:
    home = data / "agent" / "sessions" / session_id / "home"
    return int(json.loads((home / "save" / "counter.json").read_bytes())["count"])


def _another_boot(data: Path) -> tuple[str, ...]:
    """The words that give a program a machine that has just been started: a kernel with another id."""
    boot = data / "boot-id"
    boot.write_text(f"{uuid.uuid4()}\n")
    return ("unshare", "--mount", "sh", "-c", f'mount --bind {boot} {BOOT_ID} && exec "$@"', "sh")


def _lose_power(data: Path, up: int | None) -> None:
    """No process, no mount and nothing in /run outlives it; everything in DATA does."""
    uids = _seat_uids(data)
    for _ in range(100):
        left = {*_processes_of(data), *_processes_under(uids), *_below(up)}
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        if not left:
            break
        time.sleep(0.05)
    for point in _mounts(data, _engine_run(data)):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
    shutil.rmtree(_engine_run(data), ignore_errors=True)
    for folder in _seat_folders(data):
        shutil.rmtree(folder, ignore_errors=True)


def _leave_unfinished(data: Path, session_id: str) -> None:
    """The record of a checkpoint that was being written."""
    (data / "agent" / "sessions" / session_id / ".record.json.0a1b2c3d").write_bytes(b'{"desired"')


def _engine_run(data: Path) -> Path:
    return Path(PrivateEngine(data).docker_host.removeprefix("unix://")).parent


def _seat_folders(data: Path) -> list[Path]:
    membership = data / "agent" / "host.json"
    return [SEATS / json.loads(membership.read_bytes())["host_id"]] if membership.exists() else []


def _seat_uids(data: Path) -> set[int]:
    found = {seat.stat().st_uid for folder in _seat_folders(data) for seat in folder.glob("*/seat")}
    return {uid for uid in found if FIRST_UID <= uid <= LAST_UID}


def _processes_of(data: Path) -> list[int]:
    """Those that name DATA or its engine's sockets, in their words or in their environment."""
    names = (str(data).encode(), str(_engine_run(data)).encode())
    return [
        process
        for process, folder in _processes()
        if any(name in _read(folder / part) for name in names for part in ("cmdline", "environ"))
    ]


def _processes_under(uids: set[int]) -> list[int]:
    found: list[int] = []
    for process, folder in _processes():
        with contextlib.suppress(OSError):
            if folder.stat().st_uid in uids:
                found.append(process)
    return found


def _below(process: int | None) -> list[int]:
    if process is None:
        return []
    children = _read(Path(f"/proc/{process}/task/{process}/children")).split()
    return [process, *(int(child) for child in children)] if Path(f"/proc/{process}/exe").exists() else []


def _processes() -> list[tuple[int, Path]]:
    own = os.getpid()
    entries = [(int(folder.name), folder) for folder in Path("/proc").glob("[0-9]*")]
    return [(process, folder) for process, folder in entries if process != own and not _is_dead(folder)]


def _is_dead(folder: Path) -> bool:
    state = _read(folder / "stat").rpartition(b")")[2].split()
    return not state or state[0] in {b"Z", b"X"}


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _mounts(*folders: Path) -> list[str]:
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in reversed(points) if any(Path(point).is_relative_to(folder) for folder in folders)]
