"""From a request to a running container: ours, and JupyterHub with DockerSpawner, in turn, one image on one engine.

Both are asked over HTTP, and the engine itself says when a container runs. JupyterHub calls a server ready when it
answers HTTP: one that answers at once stands at its place. Ours calls a session running when the game has drawn.
"""

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Self

import aiohttp
import docker
from aiohttp import web

from bench.fleet.town import add_people
from bench.house import ROOT, free_port
from bench.results import Row, percentile
from migrations import migrate
from orchestrator.accounts import tokens
from orchestrator.catalog.images import inspect_image
from orchestrator.embedded import engine_api
from orchestrator.services import open_services
from orchestrator.settings import Settings
from tests.chaos.clearing import clear
from tests.chaos.machine import (
    SLUG,
    AgentFolders,
    agent_start,
    build_image,
    engine_start,
    replica_start,
    tiny_counter,
    waiting_seats,
)
from tests.chaos.parts import Start

LAUNCHES = 15
SEATS = 2
READY_WITHIN_S = 60.0
HUB = ROOT / ".tools" / "jupyterhub"
PEER = "JupyterHub {jupyterhub} + DockerSpawner {dockerspawner}"


@dataclass
class Times:
    """Seconds from the request: until the engine says that the container runs, and until the house says that it may be
    used.
    """

    container_s: list[float] = field(default_factory=list[float])
    ready_s: list[float] = field(default_factory=list[float])


async def measure(launches: int = LAUNCHES) -> list[Row]:
    folder = _new_folder()
    ours, theirs = Times(), Times()
    try:
        async with AsyncExitStack() as stack:
            docker_host = await stack.enter_async_context(_engine(folder))
            build_image(docker_host)
            starts = stack.enter_context(_Starts(docker_host))
            launch = await stack.enter_async_context(_house(folder, docker_host, starts, launches + 1))
            spawn = await stack.enter_async_context(_hub(folder, docker_host, starts))
            for number in range(launches + 1):  # the first one fills caches
                await launch(ours if number else Times())
                await spawn(theirs if number else Times())
    finally:
        clear(folder, set())
    peer = PEER.format_map(_versions())
    return [
        Row("warm_launch_container_p50_s", median(ours.container_s), "s"),
        Row("warm_launch_container_p95_s", percentile(ours.container_s, 0.95), "s"),
        Row("warm_launch_drawn_p50_s", median(ours.ready_s), "s", "<= 0.6"),
        Row("peer_dockerspawner_launch_p50_s", median(theirs.container_s), "s", peer=peer),
        Row("peer_dockerspawner_launch_p95_s", percentile(theirs.container_s, 0.95), "s", peer=peer),
        Row("peer_dockerspawner_ready_p50_s", median(theirs.ready_s), "s", peer=peer),
    ]


def _new_folder() -> Path:
    """One that seats may pass through."""
    folder = Path(tempfile.mkdtemp(prefix="fleet-bench-", dir="/tmp"))
    folder.chmod(0o711)
    return folder


class _Starts:
    """When containers were started, as the engine tells."""

    def __init__(self, docker_host: str) -> None:
        self._client = docker.APIClient(base_url=docker_host, version="1.41")
        self._events = self._client.events(filters={"event": "start", "type": "container"}, decode=True)
        self._at_s: list[float] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._events.close()
        self._client.close()

    async def since(self, began_s: float) -> float:
        """Seconds until the first container was started after this moment of the wall clock."""
        async with asyncio.timeout(READY_WITHIN_S):
            while not self._at_s or self._at_s[-1] < began_s:  # noqa: ASYNC110 - told on another thread
                await asyncio.sleep(0.002)
        return next(at_s for at_s in self._at_s if at_s >= began_s) - began_s

    def _listen(self) -> None:
        for event in self._events:
            self._at_s.append(event["timeNano"] / 1e9)


Act = Callable[[Times], Awaitable[None]]


@asynccontextmanager
async def _house(folder: Path, docker_host: str, starts: _Starts, people: int) -> AsyncGenerator[Act]:
    """One replica and one agent; each launch is somebody else's."""
    port = free_port()
    settings = Settings(data=folder / "data", public_url=f"http://127.0.0.1:{port}")
    settings.data.mkdir()
    await migrate(settings.database_url)
    game = tiny_counter(None)
    async with open_services(settings) as services:
        await services.catalog.add_game(game, await asyncio.to_thread(inspect_image, game.build.image, docker_host))
        cookies = await add_people(services, people)
        token = await services.identities.issue_join_token()
    folders = AgentFolders(folder / "agent", folder / "seats", folder / "runtime")
    for each in (folders.data, folders.seats, folders.runtime):
        each.mkdir(mode=0o755)
    url = settings.public_url
    agent = agent_start("bench", url, docker_host, folders, token, SEATS)
    async with (
        _running(replica_start(settings, port), folder / "replica.log", f"{url}/health/ready"),
        _running(agent, folder / "agent.log"),
        aiohttp.ClientSession(url) as client,
    ):

        async def launch(times: Times) -> None:
            await _until(lambda: bool(waiting_seats(folders.seats)), "no seat came to wait")
            headers = {"Origin": url, "Cookie": f"{tokens.COOKIE}={cookies.pop()}"}
            began_s = time.time()
            async with client.post("/api/game/launch", json={"gameSlug": SLUG}, headers=headers) as answer:
                assert answer.status == 202, await answer.text()
                session_id = (await answer.json())["sessionId"]
            status = f"/api/game/session-status?sessionId={session_id}"
            started = asyncio.create_task(starts.since(began_s))
            while (await _json(client, f"{status}&wait=5", headers))["status"] != "running":
                pass
            times.ready_s.append(time.time() - began_s)
            times.container_s.append(await started)
            async with client.post("/api/game/stop", json={"sessionId": session_id}, headers=headers) as answer:
                assert answer.status == 200, await answer.text()
            while (await _json(client, f"{status}&wait=5", headers))["status"] != "stopped":
                pass

        yield launch


@asynccontextmanager
async def _hub(folder: Path, docker_host: str, starts: _Starts) -> AsyncGenerator[Act]:
    """JupyterHub with its own proxy, and what answers in place of the servers that it starts."""
    token, hub_port, answer_port = secrets.token_hex(16), free_port(), free_port()
    image = tiny_counter(None).build.image
    command = (await asyncio.to_thread(_inspect, docker_host, image))["Config"]["Cmd"]
    environment = {
        **os.environ,
        "PATH": f"{HUB / 'bin'}:{os.environ['PATH']}",
        "DOCKER_HOST": docker_host,
        "CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(16),
        "BENCH_PROXY": str(HUB / "node_modules" / ".bin" / "configurable-http-proxy"),
        "BENCH_PROXY_PORT": str(free_port()),
        "BENCH_PROXY_API_PORT": str(free_port()),
        "BENCH_HUB_PORT": str(hub_port),
        "BENCH_ANSWER_PORT": str(answer_port),
        "BENCH_TOKEN": token,
        "BENCH_IMAGE": image,
        "BENCH_PYTHON": command[0],
    }
    home = folder / "hub"
    home.mkdir()
    config = str(shutil.copyfile(Path(__file__).with_name("jupyterhub_config.txt"), home / "jupyterhub_config.py"))
    start = Start((str(HUB / "bin" / "jupyterhub"), "-f", config), environment)
    url = f"http://127.0.0.1:{hub_port}"
    async with (
        _answering(answer_port),
        _running(start, folder / "hub.log", f"{url}/hub/health", home),
        aiohttp.ClientSession(url, headers={"Authorization": f"token {token}"}) as client,
    ):

        async def spawn(times: Times) -> None:
            user = f"/hub/api/users/{secrets.token_hex(4)}"
            async with client.post(user) as answer:
                assert answer.status == 201, await answer.text()
            began_s = time.time()
            async with client.post(f"{user}/server") as answer:
                assert answer.status in {201, 202}, await answer.text()
            while not (await _json(client, user))["servers"][""]["ready"]:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.02)
            times.ready_s.append(time.time() - began_s)
            times.container_s.append(await starts.since(began_s))
            async with client.delete(f"{user}/server") as answer:
                assert answer.status in {202, 204}, await answer.text()
            while (await _json(client, user))["servers"]:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)

        yield spawn


@asynccontextmanager
async def _engine(folder: Path) -> AsyncGenerator[str]:
    run = folder / "engine"
    run.mkdir()
    async with _running(engine_start(run, folder / "root"), folder / "engine.log"):
        await _until(lambda: engine_api.answers(run / "docker.sock"), "the engine does not answer")
        yield f"unix://{run}/docker.sock"


@asynccontextmanager
async def _answering(port: int) -> AsyncGenerator[None]:
    """Says yes to whatever is asked."""

    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="yes")

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _running(
    start: Start, log: Path, ready: str | None = None, folder: Path | None = None
) -> AsyncGenerator[None]:
    """A process that answers 200 at `ready`; it is told to end at the end, and made to when it does not."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *start.command,
            env=dict(start.environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        if ready is not None:
            async with asyncio.timeout(READY_WITHIN_S), aiohttp.ClientSession() as client:
                while not await _answers(client, ready):
                    assert process.returncode is None, f"{start.command[0]} ended by itself"
                    await asyncio.sleep(0.1)
        yield
    except BaseException:
        _show(log)
        raise
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(20):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _show(log: Path) -> None:
    print(f"=== {log.name}\n{log.read_text(errors='replace')[-4000:]}")


async def _answers(client: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with client.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def _json(client: aiohttp.ClientSession, path: str, headers: Mapping[str, str] | None = None) -> Any:
    async with client.get(path, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def _until(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while not await asyncio.to_thread(condition):
        if time.monotonic() > deadline:
            raise TimeoutError(otherwise)
        await asyncio.sleep(0.1)


def _inspect(docker_host: str, image: str) -> dict[str, dict[str, list[str]]]:
    client = docker.APIClient(base_url=docker_host, version="1.41")
    try:
        return dict(client.inspect_image(image))
    finally:
        client.close()


def _versions() -> dict[str, str]:
    names = ("jupyterhub", "dockerspawner")
    code = f"import json, importlib.metadata as m; print(json.dumps({{n: m.version(n) for n in {names}}}))"
    done = subprocess.run([HUB / "bin" / "python", "-c", code], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))
