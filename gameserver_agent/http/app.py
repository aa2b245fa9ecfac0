"""The agent's HTTP server. It decides who may connect (`stream_token`) and passes the rest to what it is given."""

import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import pydantic
import structlog
from aiohttp import web

from agent_protocol import ObservedSession, ObservedState
from gameserver_agent.errors import SeatError
from gameserver_agent.host_usage import HostFigures
from gameserver_agent.http.stream_token import Bearer, Expected, TokenForeignError, TokenRefusedError, verified_bearer
from metering import CONTENT_TYPE, may_scrape
from streaming.audience import Role
from streaming.budget import Budget
from streaming.protocol import Introduction, SessionDescription

log = structlog.get_logger()
_BODY_LIMIT = 512 * 1024
_REFUSALS_SAID_PER_S, _REFUSALS_SAID_AT_ONCE = 1.0, 60.0


class PlayableSession(Protocol):
    """A session that a page can connect to."""

    @property
    def lowest_epoch(self) -> int: ...

    async def connect(
        self, offer: SessionDescription, role: Role = Role.PLAYER, who: Introduction | None = None
    ) -> SessionDescription: ...


class AgentView(Protocol):
    """What the server shows and asks of the agent."""

    def figures(self) -> HostFigures: ...

    def is_engine_well(self) -> bool: ...

    def is_ready(self) -> bool: ...

    def observed(self) -> tuple[ObservedSession, ...]: ...

    def session(self, session_id: str) -> PlayableSession | None: ...

    def keys(self) -> dict[str, object]: ...

    async def metrics(self) -> bytes: ...

    def names(self) -> tuple[str, str]:
        """Host id and installation."""
        ...


class ConnectRequest(pydantic.BaseModel):
    """`page` is the same for all connections that one page makes; `again` says that it mends one that broke."""

    token: str = pydantic.Field(max_length=8192)
    offer: SessionDescription
    page: str = pydantic.Field(default="", max_length=64)
    again: bool = False


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(
    agent: AgentView, *, secret: str, play_url: str, now_s: Callable[[], float], metrics_token: str = ""
) -> web.Application:
    """`play_url` is the orchestrator's public URL: the only foreign origin whose pages may call us. `now_s` is the time
    by which its tokens are judged. Metrics are for whoever has the `secret` or the `metrics_token`, and without
    the latter for this machine.
    """
    server = _Server(agent, secret, play_url.rstrip("/"), now_s, metrics_token)
    app = web.Application(client_max_size=_BODY_LIMIT, middlewares=[server.cross_origin])
    app.add_routes(
        [
            web.get("/api/health", server.health),
            web.get("/api/containers", server.containers),
            web.get("/health/live", server.live),
            web.get("/health/ready", server.ready),
            web.get("/metrics", server.metrics),
            web.get("/session/{session_id}/", server.page),
            web.post("/session/{session_id}/connect", server.connect),
            web.options("/session/{session_id}/connect", server.preflight),
        ]
    )
    return app


class _Server:
    def __init__(
        self, agent: AgentView, secret: str, play_url: str, now_s: Callable[[], float], metrics_token: str
    ) -> None:
        self._metrics_token = metrics_token
        self._agent = agent
        self._secret = secret
        self._play_url = play_url
        self._now_s = now_s
        self._refusals = Budget.full(_REFUSALS_SAID_PER_S, _REFUSALS_SAID_AT_ONCE, time.monotonic())
        self._unsaid = 0

    async def health(self, request: web.Request) -> web.Response:
        figures = self._agent.figures()
        running = sum(session.state in _RUNNING for session in self._agent.observed())
        return web.json_response(
            {
                "status": "ok" if self._agent.is_engine_well() else "error",
                "containers": running,
                "cpu_percent": figures.cpu_percent,
                "memory_percent": figures.memory_percent,
                "disk_percent": figures.disk_percent,
            }
        )

    async def containers(self, request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(errors="surrogateescape"), f"Bearer {self._secret}".encode()):
            return _problem(401, "unauthorized", "This needs the agent's secret as bearer token.")
        shown = [
            {
                "session_id": session.session_id,
                "generation": session.generation,
                "state": session.state,
                "peers": session.peers,
                "cpu_seconds": 0.0 if session.statistics is None else session.statistics.cpu_seconds,
                "peak_memory_bytes": 0 if session.statistics is None else session.statistics.peak_memory_bytes,
                "duration_s": 0.0 if session.statistics is None else session.statistics.duration_s,
            }
            for session in self._agent.observed()
            if session.state in _RUNNING
        ]
        return web.json_response(shown)

    async def live(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(self, request: web.Request) -> web.Response:
        is_ready = self._agent.is_ready()
        return web.json_response({"status": "ok" if is_ready else "starting"}, status=200 if is_ready else 503)

    async def metrics(self, request: web.Request) -> web.Response:
        """For whoever has the metrics token or the agent's secret; docs/metrics.md lists what it tells."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        if not may_scrape(request.remote, headers, self._metrics_token, (self._secret,)):
            return _problem(401, "unauthorized", "This needs the metrics token or the agent's secret.")
        return web.Response(body=await self._agent.metrics(), headers={"Content-Type": CONTENT_TYPE})

    async def page(self, request: web.Request) -> web.Response:
        raise web.HTTPFound(f"{self._play_url}/play/{request.match_info['session_id']}")

    async def preflight(self, request: web.Request) -> web.Response:
        return web.Response(status=204)

    async def connect(self, request: web.Request) -> web.Response:
        session_id = request.match_info["session_id"]
        try:
            order = ConnectRequest.model_validate_json(await request.read())
        except pydantic.ValidationError:
            return _problem(400, "invalid_request", "The body must be {token, offer: {type, sdp}}.")
        session = self._agent.session(session_id)
        lowest_epoch = 0 if session is None else session.lowest_epoch
        host_id, installation = self._agent.names()
        try:
            bearer = verified_bearer(
                order.token,
                self._agent.keys(),
                Expected(host_id, installation, session_id, lowest_epoch),
                self._now_s(),
            )
        except TokenForeignError as error:
            self._say_refused("stream_token.foreign", session_id, error)
            return _problem(403, "forbidden", "This stream token is for another session.")
        except TokenRefusedError as error:
            self._say_refused("stream_token.refused", session_id, error)
            return _problem(401, "unauthorized", "The stream token is not valid (any more).")
        if session is None:
            return _problem(404, "not_found", "This host runs no such session.")
        try:
            answer = await session.connect(order.offer, bearer.role, _introduced(bearer, order))
        except SeatError as error:
            return _seat_problem(error)
        return web.json_response({"answer": answer.model_dump()})

    def _say_refused(self, event: str, session_id: str, error: TokenRefusedError) -> None:
        """In the log; of a flood a line a second, with how many were left out before it."""
        spent = self._refusals.spent(time.monotonic())
        if spent.is_overdrawn:
            self._unsaid += 1
            return
        log.info(event, session=session_id, reason=str(error), unsaid=self._unsaid)
        self._refusals, self._unsaid = spent, 0

    @web.middleware
    async def cross_origin(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as error:
            if error.status >= 400:
                response = _problem(error.status, _CODES.get(error.status, "refused"), error.reason)
            else:
                response = error
        except Exception:
            request_id = f"req{secrets.token_hex(11)}"
            log.exception("request.failed", method=request.method, path=request.path, request_id=request_id)
            words = f"Something went wrong on our side. The host's log has it under {request_id}."
            response = _problem(500, "internal_error", words)
        if request.path.startswith("/session/") or request.path == "/api/health":  # pages time the second one
            response.headers["Access-Control-Allow-Origin"] = self._play_url
            response.headers["Access-Control-Allow-Methods"] = "POST, OPTIONS"
            response.headers["Access-Control-Allow-Headers"] = "Content-Type"
            response.headers["Access-Control-Max-Age"] = "600"
            response.headers["Vary"] = "Origin"
        response.headers.update(_OF_ALL)
        return response


_OF_ALL = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
_RUNNING: frozenset[ObservedState] = frozenset({ObservedState.BOOTING, ObservedState.RUNNING, ObservedState.STOPPING})


def _introduced(bearer: Bearer, order: ConnectRequest) -> Introduction:
    """Watchers are known by their token; of a player's pages each is known by what it calls itself."""
    person = bearer.who.person or order.page
    return bearer.who.model_copy(update={"person": person, "again": order.again})


def _seat_problem(error: SeatError) -> web.Response:
    match error.code:
        case "revoked":  # while it connected
            return _problem(401, "unauthorized", "The stream token is not valid (any more).")
        case "watchers_full":
            return _problem(409, error.code, f"There is no place left: {error}")
        case "replaced":
            return _problem(409, error.code, "A newer page has taken this session over.")
        case "too_fast":
            answer = _problem(429, "rate_limited", f"Too many offers: {error}")
            answer.headers["Retry-After"] = "1"
            return answer
        case "bad_offer":
            return _problem(400, "invalid_request", f"This offer cannot be answered: {error}")
        case _:
            return _problem(409, "seat_not_ready", f"The seat is not ready: {error}")


def _problem(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": code, "message": message}, status=status)
