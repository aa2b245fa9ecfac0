"""`/api/admin/sessions`: everybody's sessions, and how an operator stops one. HTTP only."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, QueryParameter

from orchestrator.accounts.account import MOST_EMAIL_CHARACTERS
from orchestrator.accounts.dependencies import provide_actor, signed_in_as_admin
from orchestrator.audit.recording import Actor
from orchestrator.catalog.definition import MAX_SLUG_LENGTH
from orchestrator.play.admin_schemas import AdminSessionsAnswer, AdminSessionView, StopOrder, session_view
from orchestrator.play.operations import Question, SessionOperations, Stage

Game = Annotated[str, QueryParameter(name="gameSlug", max_length=MAX_SLUG_LENGTH, pattern=r"^[^\x00]*$")]
Host = Annotated[str, QueryParameter(name="hostId", max_length=40, pattern=r"^[^\x00]*$")]
Person = Annotated[str, QueryParameter(max_length=MOST_EMAIL_CHARACTERS, pattern=r"^[^\x00]*$")]
Wanted = Annotated[Stage, QueryParameter(name="state")]
Page = Annotated[int, QueryParameter(ge=1, le=1_000_000)]
Limit = Annotated[int, QueryParameter(ge=1, le=100)]


class SessionAdminController(Controller):
    path = "/api/admin/sessions"
    tags = ("admin",)
    guards = (signed_in_as_admin,)
    dependencies = {"actor": Provide(provide_actor)}

    @get("/", operation_id="listSessions")
    async def sessions(
        self,
        session_operations: NamedDependency[SessionOperations],
        stage: Wanted = Stage.ACTIVE,
        game: Game = "",
        host: Host = "",
        person: Person = "",
        page: Page = 1,
        limit: Limit = 50,
    ) -> AdminSessionsAnswer:
        """Sessions in this state, the newest first. `person` is a part of the player's name or e-mail address."""
        found = await session_operations.page(Question(stage, game, host, person, page, limit))
        return AdminSessionsAnswer(sessions=[session_view(each) for each in found.sessions], total=found.total)

    @post("/{session_id:str}/stop", status_code=200, operation_id="stopAnySession")
    async def stop(
        self,
        session_id: FromPath[str],
        data: JSONBody[StopOrder],
        session_operations: NamedDependency[SessionOperations],
        actor: NamedDependency[Actor],
    ) -> AdminSessionView:
        """Stop somebody's game with its save. The player reads the reason. What ends or is over stays as it is."""
        return session_view(await session_operations.stop(session_id, data.reason, by=actor))
