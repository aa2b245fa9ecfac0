"""A publisher with a key, and the game that the public pages show as their sample."""

import asyncio
import hashlib
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from litestar import Litestar

from orchestrator.catalog.images import EngineImage
from orchestrator.publishers.destinations import Destination
from orchestrator.publishers.image import Base, config_of, digest_of
from orchestrator.publishers.layer import Layer
from orchestrator.publishers.where import DestinationOf
from orchestrator.services import Services
from orchestrator.settings import Settings

FORM: dict[str, Any] = {
    "slug": "garden-of-forking-paths",
    "title": "Garden of Forking Paths",
    "developer": "Ts'ui Pên",
    "description": "A labyrinth of time.",
    "tags": ["Mystery", "Visual Novel"],
    "launcher": "garden-of-forking-paths.sh",
    "renpyDir": "GardenOfForkingPaths-1698234567",
}
GAMES = "/api/partners/games"
GARDEN = f"{GAMES}/{FORM['slug']}"

NewPublisher = Callable[..., Awaitable[httpx.AsyncClient]]


class KeptImages:
    """Images in memory: composed as everywhere, and counted. Told to fail, it does."""

    def __init__(self) -> None:
        self.stored: list[str] = []
        self.failure: Exception | None = None
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def store(self, slug: str, launcher: str, layer: Layer, file: Path) -> EngineImage:
        await self.may_go_on.wait()
        if self.failure is not None:
            raise self.failure
        content = await asyncio.to_thread(file.read_bytes)
        assert layer.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
        image_id = digest_of(config_of(Base(["sha256:" + "0" * 64], []), layer, launcher))
        self.stored.append(image_id)
        return EngineImage(image_id, layer.unpacked_bytes, f"playhouse/games/{slug}:1")


@pytest.fixture
def new_publisher(new_client: Callable[[], httpx.AsyncClient], images: KeptImages, services: Services) -> NewPublisher:
    """`await new_publisher(name)`: a client with the key of a new publisher."""

    async def make(name: str = "Stephen Albert") -> httpx.AsyncClient:
        client = new_client()
        client.headers["Authorization"] = f"Bearer {(await services.publisher_keys.create(name)).secret}"
        return client

    return make


@pytest.fixture
async def publisher(new_publisher: NewPublisher) -> httpx.AsyncClient:
    return await new_publisher()


@pytest.fixture
async def garden(publisher: httpx.AsyncClient) -> str:
    """The sample game, waiting for its archive; its path."""
    answer = await publisher.post(GAMES, json=FORM)
    assert answer.status_code == 201, answer.text
    return GARDEN


@pytest.fixture(autouse=True)
def images(monkeypatch: pytest.MonkeyPatch) -> KeptImages:
    """Where this application keeps the images of publishers' games."""
    kept = KeptImages()

    async def find(_: DestinationOf) -> Destination:
        return kept

    monkeypatch.setattr(DestinationOf, "__call__", find)
    return kept


@pytest.fixture
def spooled(settings: Settings) -> Callable[[], list[str]]:
    """What lies in the spool now."""

    def names() -> list[str]:
        folder = settings.data / "uploads"
        return sorted(file.name for file in folder.iterdir() if file.name != ".id") if folder.exists() else []

    return names


async def put(
    client: httpx.AsyncClient, content: bytes, path: str = f"{GARDEN}/upload", **headers: str
) -> httpx.Response:
    return await client.put(path, content=content, headers={"Content-Type": "application/gzip", **headers})


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Asked again and again."""
    async with asyncio.timeout(60):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.02)


async def settled(client: httpx.AsyncClient, path: str = GARDEN) -> dict[str, Any]:
    """The game, once its newest upload is neither on its way nor looked at."""

    async def is_settled() -> bool:
        upload = (await client.get(path)).json()["upload"]
        return upload is None or upload["state"] in {"accepted", "rejected"}

    await until(is_settled)
    return (await client.get(path)).json()


@pytest.fixture
async def served(app: Litestar) -> AsyncGenerator[str]:
    """The application on a port of this machine, for what only a real connection can do: break."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await serving
    listener.close()
