"""Whether an owner may play a game. Within the caller's transaction."""

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.catalog.models import Game
from orchestrator.errors import Forbidden
from orchestrator.library.models import LibraryEntry

_ACCOUNT = "account"


async def require_access(session: AsyncSession, owner: str, game: Game) -> None:
    """`Forbidden` when the game needs a code and the owner's account has redeemed none."""
    if not game.needs_code:
        return
    kind, _, account_id = owner.partition(":")
    has = exists().where(LibraryEntry.account_id == account_id, LibraryEntry.game_id == game.id)
    if kind != _ACCOUNT or not await session.scalar(select(has)):
        raise Forbidden("This game is not in your library. Redeem a code for it first.")
