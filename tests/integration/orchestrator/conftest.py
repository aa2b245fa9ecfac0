"""A host that does what a test says: it speaks the agents' real HTTP, and nothing runs behind it."""

import base64
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent_protocol import (
    Capacity,
    DesiredSession,
    EndReport,
    HostImage,
    ObservedSession,
    ObservedState,
    Statistics,
    SyncRequest,
    SyncResponse,
    Usage,
)
from orchestrator.accounts.account import Role
from orchestrator.catalog.definition import GameDefinition
from orchestrator.catalog.images import EngineImage
from orchestrator.services import Services
from tests.conftest import SignedIn

IMAGE_ID = "sha256:" + "a" * 64


@dataclass
class ScriptedHost:
    """Joins with its first `sync`, and reports exactly what `observed` holds."""

    client: httpx.AsyncClient
    join_token: str
    name: str = "host-a"
    cpu_cores: float = 4.0
    public_url: str = "http://127.0.0.1:9100"
    images: tuple[str, ...] = (IMAGE_ID,)
    observed: dict[str, ObservedSession] = field(default_factory=dict[str, ObservedSession])
    host_id: str = ""
    seq: int = 0
    captures: int = 0
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    async def join(self) -> httpx.Response:
        public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        answer = await self.client.post(
            "/api/agents/join",
            json={
                "token": self.join_token,
                "name": self.name,
                "public_key": base64.urlsafe_b64encode(public).decode().rstrip("="),
                "public_url": self.public_url,
            },
        )
        if answer.status_code == 200:
            self.host_id = answer.json()["host_id"]
        return answer

    @property
    def headers(self) -> dict[str, str]:
        now = int(time.time())
        claims = {"iss": f"host:{self.host_id}", "aud": "orchestrator", "iat": now, "exp": now + 60}
        return {"Authorization": f"Bearer {jwt.encode(claims, self.key, algorithm='EdDSA')}"}

    async def sync(self) -> SyncResponse:
        if not self.host_id:
            assert (await self.join()).status_code == 200
        self.seq += 1
        answer = await self.post_sync(self.seq)
        assert answer.status_code == 200, answer.text
        return SyncResponse.model_validate_json(answer.content)

    async def post_sync(self, seq: int, **changes: object) -> httpx.Response:
        request = SyncRequest(
            incarnation=1,
            seq=seq,
            public_url=self.public_url,
            sessions=tuple(self.observed.values()),
            images=tuple(HostImage(image_id=image_id) for image_id in self.images),
            capacity=Capacity(
                cpu_cores=self.cpu_cores, memory_bytes=8 * 1024**3, seats=4, disk_free_bytes=100 * 1024**3
            ),
            usage=Usage(cpu_cores=0.1, memory_bytes=1024**3),
        )
        body = request.model_copy(update=changes).model_dump(mode="json")
        return await self.client.post("/api/agents/sync", json=body, headers=self.headers)

    def see(self, order: DesiredSession, state: ObservedState, **more: Any) -> None:
        """Report this order in this state from the next sync on."""
        self.observed[order.session_id] = ObservedSession(
            session_id=order.session_id, generation=order.generation, state=state, **more
        )

    async def run(self, order: DesiredSession) -> None:
        """Bring an ordered session up to its first frame."""
        self.see(order, ObservedState.RUNNING, seat_ready=True, last_input_at=datetime.now(UTC))
        await self.sync()

    async def end(self, order: DesiredSession, code: str = "stopped", message: str = "as ordered") -> None:
        """Report the end of a session with its figures."""
        self.see_end(order, code, message)
        await self.sync()
        del self.observed[order.session_id]

    def see_end(self, order: DesiredSession, code: str = "stopped", message: str = "as ordered") -> None:
        """Report it from the next sync on."""
        self.see(
            order,
            ObservedState.ENDED,
            end=EndReport(code=code, message=message, log_tail=("last line",)),
            statistics=Statistics(
                duration_s=120.4,
                cpu_seconds=33.25,
                peak_memory_bytes=400 * 2**20,
                boot_s=1.5,
                played_s=100.0,
                played_cpu_seconds=25.0,
                frame_s=0.02,
            ),
        )

    async def put_save(
        self, order: DesiredSession, archive: bytes, *, generation: int | None = None, number: int | None = None
    ) -> httpx.Response:
        """With a `number` of its capture greater than any before, unless another one is given."""
        self.captures += 1
        digest = hashlib.sha256(archive).hexdigest()
        return await self.client.put(
            f"/api/agents/sessions/{order.session_id}/saves",
            params={
                "generation": generation or order.generation,
                "n": self.captures if number is None else number,
                "digest": digest,
                "size": len(archive),
            },
            content=archive,
            headers=self.headers,
        )


@pytest.fixture
async def player(signed_in: SignedIn) -> httpx.AsyncClient:
    return await signed_in("player@example.org")


@pytest.fixture
async def other_player(signed_in: SignedIn) -> httpx.AsyncClient:
    return await signed_in("other@example.org")


@pytest.fixture
async def admin(signed_in: SignedIn) -> httpx.AsyncClient:
    return await signed_in("admin@example.org", role=Role.ADMIN)


HostMaker = Callable[..., Awaitable[ScriptedHost]]


@pytest.fixture
async def make_host(client: httpx.AsyncClient, services: Services) -> HostMaker:
    async def make(**settings: Any) -> ScriptedHost:
        host = ScriptedHost(client, await services.identities.issue_join_token(), **settings)
        await host.sync()
        return host

    return make


@pytest.fixture
async def host(make_host: HostMaker) -> ScriptedHost:
    return await make_host()


async def add_game(services: Services, slug: str = "the-question", **build: Any) -> None:
    definition = GameDefinition.model_validate(
        {
            "slug": slug,
            "title": "The Question",
            "developer": "Somebody",
            "description": "A short story.",
            "tags": ["Romance"],
            "build": {"version": "1.0", "image": f"playhouse/{slug}:1.0", **build},
        }
    )
    await services.catalog.add_game(definition, EngineImage(image_id=IMAGE_ID, size_bytes=1000))


@pytest.fixture
async def game(services: Services) -> str:
    await add_game(services)
    return "the-question"
