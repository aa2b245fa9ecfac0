"""An agent's own HTTP, which takes stream tokens."""

from dataclasses import dataclass, field

import httpx
import jwt
from aiohttp import web

from agent_protocol import Capacity, ObservedSession, Usage
from gameserver_agent.host_usage import HostFigures
from gameserver_agent.http.app import make_app
from streaming.audience import Role
from streaming.protocol import Introduction, SessionDescription
from tests.api.served import PLAIN
from tests.api.stolen.scene import Scene

OFFER = {"type": "offer", "sdp": "v=0"}


@dataclass
class Seat:
    lowest_epoch: int = 0
    roles: list[Role] = field(default_factory=list[Role])

    async def connect(
        self, offer: SessionDescription, role: Role = Role.PLAYER, who: Introduction | None = None
    ) -> SessionDescription:
        self.roles.append(role)
        return SessionDescription(type="answer", sdp="v=0")


@dataclass
class Agent:
    """An agent that knows what the orchestrator has told it, and runs this session."""

    host_id: str
    installation: str
    jwks: dict[str, object]
    seats: dict[str, Seat]

    def figures(self) -> HostFigures:
        return HostFigures(
            0,
            0,
            0,
            Usage(cpu_cores=0, memory_bytes=0),
            Capacity(cpu_cores=1, memory_bytes=1, seats=1, disk_free_bytes=1),
        )

    def is_engine_well(self) -> bool:
        return True

    def is_ready(self) -> bool:
        return True

    def observed(self) -> tuple[ObservedSession, ...]:
        return ()

    def session(self, session_id: str) -> Seat | None:
        return self.seats.get(session_id)

    async def metrics(self) -> bytes:
        return b""

    def keys(self) -> dict[str, object]:
        return self.jwks

    def names(self) -> tuple[str, str]:
        return self.host_id, self.installation


def agent_of(scene: Scene) -> Agent:
    issuer = jwt.decode(scene.stream_token, options={"verify_signature": False})["iss"]
    seats = {scene.order.session_id: Seat(), "ses1": Seat()}
    return Agent(scene.host.host_id, issuer, scene.seen.keys, seats)


async def connecting(scene: Scene, agent: Agent, token: str, session_id: str = "", later_s: float = 0) -> int:
    """The status with which the agent answers an offer with this token, so much later than the token was made."""
    issued_s = jwt.decode(scene.stream_token, options={"verify_signature": False})["iat"]
    app = make_app(agent, secret="s", play_url=scene.replica.url, now_s=lambda: issued_s + later_s)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with httpx.AsyncClient(**PLAIN) as client:
            url = f"http://127.0.0.1:{runner.addresses[0][1]}/session/{session_id or scene.order.session_id}/connect"
            return (await client.post(url, json={"token": token, "offer": OFFER})).status_code
    finally:
        await runner.cleanup()
