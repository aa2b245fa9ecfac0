"""`/api/game/*`: the documented session endpoints. HTTP only; what can be done is `play.service`'s."""

import math
from typing import Annotated, Any

from litestar import Controller, Request, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import HeaderParameter, JSONBody, QueryParameter

from orchestrator.accounts.account import Account
from orchestrator.accounts.dependencies import provide_account, signed_in
from orchestrator.catalog.models import Game
from orchestrator.catalog.schemas import Pagination
from orchestrator.fleet.placement import Placement
from orchestrator.http import origin_of
from orchestrator.observing.spans import TracedRequest, traceparent_of
from orchestrator.play.answers import end_view, figures_of, status_answer
from orchestrator.play.launching import LaunchOrder
from orchestrator.play.lifecycle import FINAL, Position, status_of
from orchestrator.play.models import Session, life_of
from orchestrator.play.relays import Relays
from orchestrator.play.schemas import (
    HistoryAnswer,
    KeepaliveAnswer,
    KeepaliveRequest,
    LaunchAnswer,
    LaunchRequest,
    PastSession,
    Probe,
    ProbesAnswer,
    SessionRequest,
    SessionsAnswer,
    SessionSummary,
    StatusAnswer,
    StopAnswer,
)
from orchestrator.play.service import Play
from orchestrator.play.stream_access import StreamAccess

SessionId = Annotated[str, QueryParameter(name="sessionId", pattern=r"^[A-Za-z0-9_-]+$", max_length=64)]
WaitSeconds = Annotated[float, QueryParameter(name="wait", ge=0, le=25)]
KnownRevision = Annotated[str | None, QueryParameter(max_length=64)]
IdempotencyKey = Annotated[str | None, HeaderParameter(name="Idempotency-Key", min_length=1, max_length=200)]


class SessionController(Controller):
    path = "/api/game"
    tags = ("sessions",)
    guards = (signed_in,)
    dependencies = {"account": Provide(provide_account)}

    @post("/launch", status_code=202, operation_id="launchGame", middleware=[TracedRequest()])
    async def launch(
        self,
        request: Request[Any, Any, Any],
        data: JSONBody[LaunchRequest],
        account: NamedDependency[Account],
        play: NamedDependency[Play],
        idempotency_key: IdempotencyKey = None,
    ) -> LaunchAnswer:
        """Start a game in a save slot: the one last played unless `saveSlotId` or `fresh` says otherwise. 409
        `session_active` names the session that is there, 409 `slots_full` asks to delete one. The same
        `Idempotency-Key` again gives the same session.
        """
        order = LaunchOrder(
            owner=account.owner,
            game_slug=data.game_slug,
            save_slot_id=data.save_slot_id,
            is_fresh=data.fresh,
            idempotency_key=idempotency_key,
            timezone=data.timezone,
            latencies=data.latencies,
            traceparent=traceparent_of(request.scope),
        )
        row = await play.launch(order)
        return LaunchAnswer(session_id=row.id, status=status_of(Position(row.position)))

    @get("/probes", operation_id="listProbes")
    async def probes(self, placement: NamedDependency[Placement]) -> ProbesAnswer:
        """The hosts that a page measures before a launch, to send what it found as `latencies`."""
        found = await placement.probes()
        return ProbesAnswer(
            probes=[Probe(host_id=host.host_id, url=f"{host.public_url.rstrip('/')}/api/health") for host in found]
        )

    @get("/session-status", operation_id="sessionStatus")
    async def status(
        self,
        request: Request[Any, Any, Any],
        session_id: SessionId,
        account: NamedDependency[Account],
        play: NamedDependency[Play],
        stream_access: NamedDependency[StreamAccess],
        relays: NamedDependency[Relays],
        wait: WaitSeconds = 0.0,
        after: KnownRevision = None,
    ) -> StatusAnswer:
        """How a session stands. `wait` holds the answer for so many seconds at most while its revision is `after`."""
        view = await play.wait(account.owner, session_id, wait, after)
        ice_servers = relays.ice_servers(account.owner, view.row.ends_at)
        return status_answer(view, stream_access, origin_of(request), account.name, ice_servers)

    @post("/keepalive", status_code=200, operation_id="keepSessionAlive")
    async def keepalive(
        self, data: JSONBody[KeepaliveRequest], account: NamedDependency[Account], play: NamedDependency[Play]
    ) -> KeepaliveAnswer:
        """Somebody plays: the idle time begins anew. 409 `session_ended`."""
        expires_at = await play.keepalive(account.owner, data.session_id, data.frames_decoded)
        return KeepaliveAnswer(expires_at=expires_at)

    @post("/stop", status_code=200, operation_id="stopSession")
    async def stop(
        self, data: JSONBody[SessionRequest], account: NamedDependency[Account], play: NamedDependency[Play]
    ) -> StopAnswer:
        """End a session with its save. `stopped` comes with its figures, `stopping` when that takes longer."""
        row = await play.stop(account.owner, data.session_id)
        if Position(row.position) not in FINAL:
            return StopAnswer(status="stopping")
        return StopAnswer(status="stopped", **figures_of(row).model_dump())

    @get("/sessions", operation_id="activeSessions")
    async def sessions(self, account: NamedDependency[Account], play: NamedDependency[Play]) -> SessionsAnswer:
        """One's sessions that are not over."""
        return SessionsAnswer(
            sessions=[
                SessionSummary(
                    session_id=row.id,
                    game_slug=game.slug,
                    game_title=game.title,
                    status=status_of(Position(row.position)),
                    started_at=row.created_at,
                )
                for row, game in await play.active(account.owner)
            ]
        )

    @get("/history", operation_id="pastSessions")
    async def history(
        self,
        account: NamedDependency[Account],
        play: NamedDependency[Play],
        page: Annotated[int, QueryParameter(ge=1, le=1_000_000)] = 1,
        limit: Annotated[int, QueryParameter(ge=1, le=50)] = 20,
    ) -> HistoryAnswer:
        """The sessions that are over, the newest first, each with its end."""
        found = await play.history(account.owner, page=page, limit=limit)
        return HistoryAnswer(
            sessions=[_past(row, game) for row, game in found.sessions],
            pagination=Pagination(page=page, limit=limit, total=found.total, totalPages=math.ceil(found.total / limit)),
        )


def _past(row: Session, game: Game) -> PastSession:
    return PastSession(
        session_id=row.id,
        game_slug=game.slug,
        game_title=game.title,
        status=status_of(Position(row.position)),
        started_at=row.created_at,
        ended_at=row.ended_at,
        save_slot=row.slot_number,
        end=end_view(life_of(row).end),
        **figures_of(row).model_dump(),
    )
