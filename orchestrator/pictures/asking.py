"""What a game's pictures need when it names others, or one has come: rows for what is to be fetched, and what is shown.
In transactions of the caller's.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.catalog.models import Game
from orchestrator.ids import new_id
from orchestrator.pictures.models import GamePicture, PictureState
from orchestrator.pictures.showing import address_of, outside_ones, shown_screenshots, shown_thumbnail
from orchestrator.saves.models import UnwantedArchive

TOPIC = "pictures"


def key_of(picture_id: str, number: int) -> str:
    """Where the try of this number stores what it got. Each has its own, for a key always means the same bytes."""
    return f"pictures/{picture_id}-{number}"


async def pictures_of(session: AsyncSession, game_id: str) -> dict[str, GamePicture]:
    """By their URLs."""
    found = await session.scalars(select(GamePicture).where(GamePicture.game_id == game_id))
    return {row.url: row for row in found}


async def settle(session: AsyncSession, game: Game, now: datetime, *, is_named_again: bool = False) -> None:
    """Ask for what the game names, show what is here, forget what is neither named nor shown, but for what is under
    way: its end settles once more. What could not be had is asked for once more when it `is_named_again`. The caller
    holds the lock `game:{slug}`, and marks it as changed.
    """
    rows = await pictures_of(session, game.id)
    named = outside_ones(game.thumbnail, game.screenshots)
    for url in named:
        row = rows.get(url)
        if row is not None and row.state == PictureState.FAILED and is_named_again:
            await _forget(session, row, now)
            row = None
        if row is None:
            rows[url] = row = GamePicture(
                id=new_id("pic"), game_id=game.id, url=url, state=PictureState.WAITING, tries=0, due_at=now
            )
            session.add(row)
    stored = {url: address_of(row.id) for url, row in rows.items() if row.state == PictureState.STORED}
    waiting = {url for url, row in rows.items() if row.state == PictureState.WAITING}
    game.shown_thumbnail = shown_thumbnail(game.thumbnail, game.shown_thumbnail, stored)
    game.shown_screenshots = list(shown_screenshots(game.screenshots, game.shown_screenshots or [], stored, waiting))
    shown = {game.shown_thumbnail, *game.shown_screenshots}
    for url, row in rows.items():
        is_under_way = row.lease_until is not None and row.lease_until > now
        if url not in named and address_of(row.id) not in shown and not is_under_way:
            await _forget(session, row, now)


async def drop(session: AsyncSession, key: str, now: datetime) -> None:
    """Have it deleted from the store; what is not there is fine."""
    await session.merge(UnwantedArchive(key=key, since=now, lease_until=None))


async def _forget(session: AsyncSession, row: GamePicture, now: datetime) -> None:
    """With all that a try may have stored, also one whose replica died."""
    for number in range(1, row.tries + 1):
        await drop(session, key_of(row.id, number), now)
    await session.delete(row)
