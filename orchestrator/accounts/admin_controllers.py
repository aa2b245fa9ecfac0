"""`/api/admin/users`: who has an account here, and whether they may come in. HTTP only."""

from typing import Annotated, Literal

from litestar import Controller, get, patch
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, QueryParameter

from orchestrator.accounts.account import AccountState, Role
from orchestrator.accounts.dependencies import provide_actor, signed_in_as_admin
from orchestrator.accounts.schemas import UserPatch, UsersAnswer, UserView, user_view
from orchestrator.accounts.standing import Standing
from orchestrator.audit.recording import Actor

Search = Annotated[str, QueryParameter(max_length=320, pattern=r"^[^\x00]*$")]
Page = Annotated[int, QueryParameter(ge=1, le=1_000_000)]
Limit = Annotated[int, QueryParameter(ge=1, le=100)]
State = Annotated[Literal["active", "suspended", "closed"] | None, QueryParameter(name="state")]
WantedRole = Annotated[Role | None, QueryParameter()]


class UserAdminController(Controller):
    path = "/api/admin/users"
    tags = ("admin",)
    guards = (signed_in_as_admin,)
    dependencies = {"actor": Provide(provide_actor)}

    @get("/", operation_id="listUsers")
    async def users(
        self,
        standing: NamedDependency[Standing],
        search: Search = "",
        wanted: State = None,
        role: WantedRole = None,
        page: Page = 1,
        limit: Limit = 50,
    ) -> UsersAnswer:
        """People whose name or e-mail address contains `search`."""
        state = None if wanted is None else AccountState(wanted)
        found = await standing.people(search, page=page, limit=limit, state=state, role=role)
        return UsersAnswer(users=[user_view(row) for row in found.people], total=found.total)

    @patch("/{user_id:str}", operation_id="changeUser")
    async def change(
        self,
        user_id: FromPath[str],
        data: JSONBody[UserPatch],
        actor: NamedDependency[Actor],
        standing: NamedDependency[Standing],
    ) -> UserView:
        """Suspend or close an account, or let it in again. Whoever is not active is signed out, their game is stopped,
        and a sign-in is answered like that of a stranger.
        """
        return user_view(await standing.change(user_id, AccountState(data.state), by=actor))
