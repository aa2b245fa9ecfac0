"""What can be done with library codes: make a batch, look at it, take it back, redeem one. No HTTP.

A code is shown once, when it is made. Whatever is wrong with one that is redeemed, the answer is the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.accounts.account import Account
from orchestrator.audit.recording import COMMAND_LINE, Action, Actor, record
from orchestrator.catalog.models import Game
from orchestrator.catalog.snapshot import mark_changed
from orchestrator.database import Database, insert_unless_there
from orchestrator.errors import InvalidRequest, NotFound
from orchestrator.ids import new_id
from orchestrator.library.codes import ending_of, hash_of, new_code
from orchestrator.library.models import CodeBatch, LibraryCode, LibraryEntry
from orchestrator.limits.throttle import Limit, Throttle

MOST_CODES_AT_ONCE = 1000
CODES_OF_ACCOUNT = Limit("codes-of-account", 10, timedelta(minutes=15))
CODES_OF_ADDRESS = Limit("codes-of-address", 60, timedelta(minutes=15))

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Redeemed:
    """`is_new` is False when the game was in the library already; a code that nobody used before is good for another
    person then.
    """

    game: Game
    is_new: bool


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """A batch with how many codes it has, and how many of them were redeemed and revoked."""

    batch: CodeBatch
    game: Game
    codes: int
    redeemed: int
    revoked: int


@dataclass(frozen=True, slots=True)
class BatchPage:
    """Batches, the newest first, as of `now`; `total` counts all that were asked for."""

    batches: tuple[BatchSummary, ...]
    total: int
    now: datetime


@dataclass(frozen=True, slots=True)
class NewBatch:
    """`codes` are told this once."""

    summary: BatchSummary
    codes: tuple[str, ...]


class Library:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._throttle = Throttle(database)

    async def redeem(self, account: Account, text: str, address: str) -> Redeemed:
        """Put the game of a code into the account's library. Its own code again changes nothing.

        `InvalidRequest` `code_invalid` for one that is unknown, used by somebody else, revoked or too old, all alike.
        `RateLimited` after too many tries of the account or of the network address.
        """
        await self._throttle.count(CODES_OF_ADDRESS, address)
        await self._throttle.count(CODES_OF_ACCOUNT, account.id)
        async with self._database.write() as session:
            await self._database.lock(session, f"owner:{account.owner}")
            now = await self._database.now(session)
            code, game = await _usable(session, account, hash_of(text), now)
            mine = await session.get(LibraryEntry, (account.id, game.id))
            is_new = mine is None and code.redeemed_at is None
            if is_new:
                code.redeemed_by, code.redeemed_at = account.id, now
                await insert_unless_there(session, LibraryEntry, account_id=account.id, game_id=game.id, added_at=now)
            await self._throttle.forget(session, CODES_OF_ACCOUNT, account.id)
        if is_new:
            _log.info("code.redeemed", code_id=code.id, account=account.id, game=game.slug)
        return Redeemed(game, is_new)

    async def make_codes(
        self, slug: str, count: int, *, note: str | None, expires_at: datetime | None, by: Actor = COMMAND_LINE
    ) -> NewBatch:
        """Make 1 to 1000 codes for a game. `NotFound`, `InvalidRequest` for an end that is over already."""
        codes = tuple(new_code() for _ in range(count))
        async with self._database.write() as session:
            now = await self._database.now(session)
            if expires_at is not None and expires_at <= now:
                raise InvalidRequest("expiresAt: must be in the future")
            game = await _game(session, slug)
            batch = CodeBatch(
                id=new_id("bat"),
                game_id=game.id,
                note=note,
                made_by=by.account_id,
                created_at=now,
                expires_at=expires_at,
            )
            session.add(batch)
            await session.flush()
            session.add_all(_row(batch, code) for code in codes)
            record(session, by, Action.CODES_MAKE, batch.id, now, game=slug, count=count)
        _log.info("codes.made", batch=batch.id, game=slug, count=count, by=by.account_id)
        return NewBatch(BatchSummary(batch, game, count, 0, 0), codes)

    async def batches(self, slug: str | None = None) -> list[BatchSummary]:
        """All batches, or those of a game, the newest first. `NotFound` for a game that is not there."""
        async with self._database.read() as session:
            game = None if slug is None else await _game(session, slug)
            return [BatchSummary(*row) for row in await session.execute(_summaries(game))]

    async def batch_page(self, slug: str | None, *, page: int, limit: int) -> BatchPage:
        """The same, a page at a time. `NotFound` for a game that is not there."""
        async with self._database.read() as session:
            now = await self._database.now(session)
            game = None if slug is None else await _game(session, slug)
            counted = select(func.count()).select_from(CodeBatch)
            counted = counted if game is None else counted.where(CodeBatch.game_id == game.id)
            total = await session.scalar(counted) or 0
            rows = await session.execute(_summaries(game).limit(limit).offset((page - 1) * limit))
            return BatchPage(tuple(BatchSummary(*row) for row in rows), total, now)

    async def batch(self, batch_id: str) -> tuple[BatchSummary, datetime]:
        """One batch, and when it was looked at. `NotFound`."""
        async with self._database.read() as session:
            now = await self._database.now(session)
            row = (await session.execute(_summaries(None).where(CodeBatch.id == batch_id))).one_or_none()
        if row is None:
            raise NotFound(f"There is no batch of codes {batch_id!r}.")
        return BatchSummary(*row), now

    async def game(self, slug: str) -> Game:
        """`NotFound`."""
        async with self._database.read() as session:
            return await _game(session, slug)

    async def codes(self, batch_id: str) -> Sequence[LibraryCode]:
        """The codes of a batch, those that were redeemed last first. `NotFound`."""
        query = select(LibraryCode).where(LibraryCode.batch_id == batch_id)
        async with self._database.read() as session:
            found = (await session.scalars(query.order_by(LibraryCode.redeemed_at.desc(), LibraryCode.id))).all()
        if not found:
            raise NotFound(f"There is no batch of codes {batch_id!r}.")
        return sorted(found, key=lambda code: code.redeemed_at is None)

    async def revoke(self, some_id: str, *, by: Actor = COMMAND_LINE) -> int:
        """Make worthless what nobody has redeemed yet of a batch, or one code; how many that were. Games that were
        redeemed stay where they are. Doing it twice changes nothing. `NotFound`.
        """
        named = (LibraryCode.batch_id == some_id) | (LibraryCode.id == some_id)
        async with self._database.write() as session:
            now = await self._database.now(session)
            if await session.scalar(select(LibraryCode.id).where(named).limit(1)) is None:
                raise NotFound(f"There is neither a batch of codes nor a code {some_id!r}.")
            unused = named, LibraryCode.redeemed_at.is_(None), LibraryCode.revoked_at.is_(None)
            revoked = await session.scalars(
                update(LibraryCode).where(*unused).values(revoked_at=now).returning(LibraryCode.id)
            )
            count = len(revoked.all())
            record(session, by, Action.CODES_REVOKE, some_id, now, count=count)
        _log.info("codes.revoked", named=some_id, count=count)
        return count

    async def set_access(self, slug: str, *, needs_code: bool, by: Actor = COMMAND_LINE) -> None:
        """Say whether a game needs a code. `NotFound`."""
        async with self._database.write() as session:
            now = await self._database.now(session)
            game = await _game(session, slug)
            game.needs_code = needs_code
            record(session, by, Action.GAME_ACCESS, slug, now, needs_code=needs_code)
            await mark_changed(self._database, session, [game.id])
        _log.info("game.access", game=slug, needs_code=needs_code)


def _summaries(game: Game | None) -> Select[CodeBatch, Game, int, int, int]:
    counts = (func.count(), func.count(LibraryCode.redeemed_at), func.count(LibraryCode.revoked_at))
    query = (
        select(CodeBatch, Game, *counts)
        .join(Game, Game.id == CodeBatch.game_id)
        .join(LibraryCode, LibraryCode.batch_id == CodeBatch.id)
        .group_by(CodeBatch.id, Game.id)
        .order_by(CodeBatch.created_at.desc(), CodeBatch.id)
    )
    return query if game is None else query.where(CodeBatch.game_id == game.id)


async def _usable(
    session: AsyncSession, account: Account, code_hash: str | None, now: datetime
) -> tuple[LibraryCode, Game]:
    query = (
        select(LibraryCode, CodeBatch, Game)
        .join(CodeBatch, CodeBatch.id == LibraryCode.batch_id)
        .join(Game, Game.id == CodeBatch.game_id)
        .where(LibraryCode.code_hash == (code_hash or ""))
        .with_for_update(of=LibraryCode)
    )
    found = (await session.execute(query)).one_or_none()
    if found is None:
        raise _invalid()
    code, batch, game = found
    is_used_up = code.redeemed_at is not None and code.redeemed_by != account.id
    is_over = code.redeemed_at is None and batch.expires_at is not None and batch.expires_at <= now
    if is_used_up or is_over or code.revoked_at is not None:
        raise _invalid()
    return code, game


def _row(batch: CodeBatch, code: str) -> LibraryCode:
    code_hash = hash_of(code)
    assert code_hash is not None
    return LibraryCode(id=new_id("cod"), batch_id=batch.id, code_hash=code_hash, ends_with=ending_of(code))


async def _game(session: AsyncSession, slug: str) -> Game:
    game = await session.scalar(select(Game).where(Game.slug == slug))
    if game is None:
        raise NotFound(f"There is no game {slug!r}.")
    return game


def _invalid() -> InvalidRequest:
    return InvalidRequest("This code does not work, or not any more.", code="code_invalid")
