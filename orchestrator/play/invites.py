"""Invitations to watch a session: made and taken back by its player, accepted by whoever knows a link's secret.

The secret is in the link alone; the database has its hash. Who was let in is known to the host by a stream token of a
few minutes, and taking the invitations back raises the session's epoch, which ends all watchers there.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.accounts.models import AccountRow
from orchestrator.catalog.models import Game
from orchestrator.database import Database
from orchestrator.errors import Conflict, Forbidden
from orchestrator.fleet.models import Host
from orchestrator.ids import hash_of
from orchestrator.play.lifecycle import FINAL
from orchestrator.play.models import Invite, Session
from orchestrator.play.moves import Moves
from orchestrator.play.service import require_alive, session_of
from orchestrator.play.stream_access import TOKEN_LIFE, SeatHost

INVITES_LIMIT = 20
_FINAL = [position.value for position in FINAL]
_SOMEBODY = "Somebody"


@dataclass(frozen=True, slots=True)
class NewInvite:
    """`secret` is told this once."""

    secret: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Watch:
    """A session as its watchers may see it, read at `now`. `host` is where it has a place."""

    row: Session
    game_title: str
    player_name: str
    host: SeatHost | None
    now: datetime

    @property
    def relayed_until(self) -> datetime:
        """Relays take new connections of a watcher no longer than hosts do: whoever was kept out gets no others."""
        return min(self.row.ends_at, self.now + TOKEN_LIFE)


class Invites:
    def __init__(self, database: Database, moves: Moves) -> None:
        self._database = database
        self._moves = moves

    async def make(self, owner: str, session_id: str) -> NewInvite:
        """One more link. Raises `Conflict` `session_ended`, or `invites_full` when there are `INVITES_LIMIT`."""
        secret = secrets.token_urlsafe(24)
        async with self._database.write() as session:
            row = await session_of(session, owner, session_id, for_update=True)
            require_alive(row)
            await self._clear(session, owner)
            count = select(func.count()).select_from(Invite).where(Invite.session_id == session_id)
            if (await session.scalar(count) or 0) >= INVITES_LIMIT:
                message = f"There are {INVITES_LIMIT} invitations already. Use one of them, or take all of them back."
                raise Conflict(message, code="invites_full")
            now = await self._database.now(session)
            session.add(Invite(secret_hash=hash_of(secret), session_id=session_id, created_at=now))
            return NewInvite(secret, row.ends_at)

    async def revoke(self, owner: str, session_id: str) -> None:
        """No link lets anybody in any more, and whoever watches is dropped. Repeating it does the same again."""
        async with self._database.write() as session:
            row = await session_of(session, owner, session_id, for_update=True)
            row.epoch += 1
            await session.execute(delete(Invite).where(Invite.session_id == session_id))
            await self._moves.tell_of_new_terms(session, row)

    async def accept(self, session_id: str, secret: str) -> Watch:
        """Raises `Forbidden` when the secret opens nothing (any more), `Conflict` `session_ended` after the end."""
        async with self._database.read() as session:
            invite = await session.get(Invite, hash_of(secret))
            if invite is None or not secrets.compare_digest(invite.session_id, session_id):
                raise Forbidden("This invitation does not work, or not any more.")
            row = await session.get_one(Session, session_id)
            require_alive(row)
            game = await session.get_one(Game, row.game_id)
            found = await session.get(Host, row.host_id) if row.host_id else None
            host = SeatHost(found.id, found.public_url) if found else None
            player_name = await _name_of(session, row.owner)
            return Watch(row, game.title, player_name, host, await self._database.now(session))

    async def _clear(self, session: AsyncSession, owner: str) -> None:
        """The owner's earlier sessions need no links any more."""
        over = select(Session.id).where(Session.owner == owner, Session.position.in_(_FINAL))
        await session.execute(delete(Invite).where(Invite.session_id.in_(over)))


async def _name_of(session: AsyncSession, owner: str) -> str:
    kind, _, account_id = owner.partition(":")
    account = await session.get(AccountRow, account_id) if kind == "account" else None
    return _SOMEBODY if account is None else account.name or _SOMEBODY
