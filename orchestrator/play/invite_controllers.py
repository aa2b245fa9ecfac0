"""`/api/game/invites` and `/api/game/watch`: a player lets others watch. HTTP only; `play.invites` does it."""

from collections.abc import Sequence
from datetime import timedelta

from litestar import Controller, post
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody

from orchestrator.accounts.account import Account
from orchestrator.accounts.dependencies import provide_account, signed_in
from orchestrator.database import Database
from orchestrator.http import AnyRequest, address_of, origin_of
from orchestrator.ids import new_id
from orchestrator.limits.throttle import Limit, Throttle
from orchestrator.play.invites import Invites, Watch
from orchestrator.play.lifecycle import Position, life_is_connectable, status_of
from orchestrator.play.models import life_of
from orchestrator.play.relays import IceServer, Relays
from orchestrator.play.schemas import (
    InviteAnswer,
    RevokeAnswer,
    SessionRequest,
    WatchAnswer,
    WatchRequest,
)
from orchestrator.play.stream_access import StreamAccess, is_only_local
from orchestrator.settings import Settings

WATCHES_OF_ADDRESS = Limit("watches-of-address", 600, timedelta(minutes=5))


class InviteController(Controller):
    path = "/api/game/invites"
    tags = ("watching",)
    guards = (signed_in,)
    dependencies = {"account": Provide(provide_account)}

    @post("", status_code=201, operation_id="makeInvite")
    async def make(
        self,
        request: AnyRequest,
        data: JSONBody[SessionRequest],
        account: NamedDependency[Account],
        invites: NamedDependency[Invites],
        settings: NamedDependency[Settings],
    ) -> InviteAnswer:
        """A link by which others watch this session. Each call makes one more; all last until they are revoked."""
        invite = await invites.make(account.owner, data.session_id)
        origin = origin_of(request) if is_only_local(settings.public_url) else settings.public_url
        return InviteAnswer(
            invite_url=f"{origin}/watch/{data.session_id}#{invite.secret}", expires_at=invite.expires_at
        )

    @post("/revoke", status_code=200, operation_id="revokeInvites")
    async def revoke(
        self, data: JSONBody[SessionRequest], account: NamedDependency[Account], invites: NamedDependency[Invites]
    ) -> RevokeAnswer:
        """Takes back all links of this session, and drops whoever watches."""
        await invites.revoke(account.owner, data.session_id)
        return RevokeAnswer()


class WatchController(Controller):
    """Open to everybody who knows a link's secret; watching needs no account."""

    path = "/api/game/watch"
    tags = ("watching",)

    @post("", status_code=200, operation_id="watchSession")
    async def watch(
        self,
        request: AnyRequest,
        data: JSONBody[WatchRequest],
        invites: NamedDependency[Invites],
        stream_access: NamedDependency[StreamAccess],
        relays: NamedDependency[Relays],
        database: NamedDependency[Database],
    ) -> WatchAnswer:
        """Where to watch and a token for it, to be asked for anew before each try to connect."""
        await Throttle(database).count(WATCHES_OF_ADDRESS, address_of(request))
        watch = await invites.accept(data.session_id, data.secret)
        person = data.person or new_id("wat")
        ice_servers = relays.ice_servers(person, watch.relayed_until)
        return _answer(watch, stream_access, origin_of(request), data.name or "Guest", person, ice_servers)


def _answer(
    watch: Watch, stream_access: StreamAccess, origin: str, name: str, person: str, ice_servers: Sequence[IceServer]
) -> WatchAnswer:
    row, host = watch.row, watch.host
    seat_host = host if row.is_seat_ready and life_is_connectable(life_of(row)) else None
    return WatchAnswer(
        session_id=row.id,
        status=status_of(Position(row.position)),
        game_title=watch.game_title,
        player_name=watch.player_name,
        container_url=None if seat_host is None else stream_access.address(seat_host, row.id, origin).container_url,
        stream_token=None
        if seat_host is None
        else stream_access.token(seat_host, row, watch.now, name, role="watcher", person=person),
        ice_servers=list(ice_servers),
        person=person,
        paused=row.is_paused,
        expires_at=row.ends_at,
    )
