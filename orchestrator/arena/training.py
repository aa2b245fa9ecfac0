"""Learned bots are trained here, one at a time in each replica: whoever claims one reads its tenant's matches, lets a
process learn from them, lets the bot play the built-in levels, and writes down both.

A claim lasts `LEASE_MS`, so that another replica begins anew when this one has died. Tenants take turns: each has one
training at a time, and next is whose last one began the longest ago.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import structlog
from sqlalchemy import ColumnElement, Select, Text, case, cast, delete, exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from matches.bots import learned
from matches.bots.learned import LEAST_MATCHES, MOST_RECORDS, PLIES, Lessons
from matches.bots.levels import Level
from matches.values import Game, Json, Reason, Seat
from orchestrator.arena.bots import schooling
from orchestrator.arena.bots.schooling import Score
from orchestrator.arena.bots.trainer import record_line
from orchestrator.arena.bots.workers import WorkerFailed
from orchestrator.arena.models import ArenaBot, ArenaLesson, ArenaMatch, ArenaMove
from orchestrator.arena.presence import milliseconds
from orchestrator.arena.tenant_bots import TRAINING, wait_for_training
from orchestrator.background import rounds
from orchestrator.database import Database, JsonDict
from orchestrator.errors import DatabaseUnavailable
from orchestrator.notices import Notices
from orchestrator.tenants.models import Tenant

LEASE_MS: Final = 300_000
COUNT_EVERY_S: Final = 60.0
_MATCHES_AT_ONCE: Final = 20
_LESSONS_AT_ONCE: Final = 100
_CLAIMING: Final = "arena-training"
_FAILED: Final = "It could not be trained. Try again later."

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pupil:
    """A bot that is trained, as it was when that began. `lease_ms` tells this training from a later one."""

    bot_id: str
    tenant_id: str
    mode: str
    game: Game
    stars: float
    lease_ms: int


class Training:
    def __init__(self, database: Database, notices: Notices) -> None:
        self._database = database
        self._notices = notices
        self._counted_s = -COUNT_EVERY_S

    async def run(self) -> None:
        """Trains whoever is to be trained. Ends never."""
        await rounds(self._notices, TRAINING, self._round)

    async def claim(self) -> Pupil | None:
        """Whose turn it is: this replica's to train for `LEASE_MS`. None when nobody waits, or only who may not yet."""
        async with self._database.read() as session:
            now_ms = milliseconds(await self._database.now(session))
            if not await session.scalar(select(exists().where(ArenaBot.train_due_ms <= now_ms))):
                return None
        async with self._database.write() as session:
            await self._database.lock(session, _CLAIMING)
            now = await self._database.now(session)
            now_ms = milliseconds(now)
            row = await session.scalar(_next(now_ms).with_for_update(skip_locked=True, of=ArenaBot))
            if row is None or row.target_rating is None:
                return None
            lease_ms = now_ms + LEASE_MS
            row.training, row.tried_at, row.train_due_ms = "running", now, lease_ms
            return Pupil(row.id, row.tenant_id, row.mode, Game(row.game), row.target_rating, lease_ms)

    async def _round(self) -> None:
        await self._count_now_and_then()
        while (pupil := await self.claim()) is not None:
            await self._train(pupil)
            await self._count_now_and_then()

    async def _count_now_and_then(self) -> None:
        """Bots of whose game enough matches ended since their last training began, or at all, are due."""
        moment_s = time.monotonic()
        if moment_s - self._counted_s < COUNT_EVERY_S:
            return
        self._counted_s = moment_s
        is_counted = ArenaBot.train_due_ms.is_(None) & ArenaBot.retrain_threshold.is_not(None)
        async with self._database.read() as session:
            bots = (await session.scalars(select(ArenaBot).where(is_counted))).all()
        due = [bot.id for bot in bots if await self._has_enough(bot)]
        if due:
            async with self._database.write() as session:
                now = await self._database.now(session)
                rows = select(ArenaBot).where(ArenaBot.id.in_(due), is_counted)
                for row in await session.scalars(rows.with_for_update(skip_locked=True)):
                    await wait_for_training(session, row, now)

    async def _has_enough(self, bot: ArenaBot) -> bool:
        since = ArenaMatch.ended_at.is_not(None) if bot.tried_at is None else ArenaMatch.ended_at > bot.tried_at
        of_theirs = select(ArenaMatch.ended_at).where(_is_theirs(bot.tenant_id, bot.mode, bot.game), since)
        some = of_theirs.limit(bot.retrain_threshold).subquery()
        async with self._database.read() as session:
            return await session.scalar(select(func.count()).select_from(some)) == bot.retrain_threshold

    async def _train(self, pupil: Pupil) -> None:
        try:
            lessons = await schooling.learn(pupil.game, await self._records(pupil))
            if not lessons.moves:
                least = f"no position came up in {LEAST_MATCHES} of them"
                await self._fail(pupil, f"Too little was played: {lessons.matches} matches were read, and {least}.")
                return
            await self._write(pupil, lessons, await schooling.measure(lessons, pupil.stars))
        except WorkerFailed as failed:
            log.warning("arena.training_failed", bot=pupil.bot_id, error=repr(failed.__cause__))
            await self._fail(pupil, _FAILED)
        except DatabaseUnavailable:
            raise  # the lease brings it back
        except Exception:
            log.exception("arena.training_mistake", bot=pupil.bot_id)
            await self._fail(pupil, _FAILED)

    async def _records(self, pupil: Pupil) -> Sequence[str]:
        """The newest matches between people of this tenant that teach something, each as a line."""
        async with self._database.read() as session:
            of_theirs = _is_theirs(pupil.tenant_id, pupil.mode, pupil.game.value), ArenaMatch.ended_at.is_not(None)
            newest = select(ArenaMatch.id).where(*of_theirs).order_by(ArenaMatch.ended_at.desc(), ArenaMatch.id)
            found = (await session.scalars(newest.limit(MOST_RECORDS))).all()
        records: list[str] = []
        for start in range(0, len(found), _MATCHES_AT_ONCE):
            async with self._database.read() as session:
                winners = await _winners(session, found[start : start + _MATCHES_AT_ONCE])
                query = select(ArenaMove.match_id, cast(ArenaMove.row, Text)).where(
                    ArenaMove.match_id.in_(list(winners)), ArenaMove.ply < PLIES
                )
                moves = (await session.execute(query.order_by(ArenaMove.match_id, ArenaMove.ply))).all()
            by_match = groupby(moves, key=lambda move: move[0])
            records += [record_line(winners[match_id], [row for _, row in plies]) for match_id, plies in by_match]
        return records

    async def _write(self, pupil: Pupil, lessons: Lessons, scores: Sequence[Score]) -> None:
        """What it knows takes the place of what it knew, some positions at a time: whoever plays does not wait for the
        whole. Nothing more where the bot is gone, or is trained anew.
        """
        mine = ArenaLesson.bot_id == pupil.bot_id
        async with self._database.read() as session:
            known = await session.scalars(select(ArenaLesson.position).where(mine))
            positions = list(dict.fromkeys([*lessons.moves, *known]))
        for start in range(0, len(positions), _LESSONS_AT_ONCE):
            some = positions[start : start + _LESSONS_AT_ONCE]
            rows = [
                {"bot_id": pupil.bot_id, "position": position, "moves": learned.tried_row(lessons.moves[position])}
                for position in some
                if position in lessons.moves
            ]
            async with self._database.write() as session:
                if await _held(session, pupil) is None:
                    return
                await session.execute(delete(ArenaLesson).where(mine, ArenaLesson.position.in_(some)))
                if rows:
                    await session.execute(insert(ArenaLesson), rows)
        async with self._database.write() as session:
            row = await _held(session, pupil)
            if row is None:
                return
            now = await self._database.now(session)
            row.trained_at, row.matches, row.positions = now, lessons.matches, len(lessons.moves)
            if row.target_rating == pupil.stars:
                row.strength, row.failure, row.training, row.train_due_ms = told_of(scores), None, "done", None
            else:
                await wait_for_training(session, row, now)
        log.info("arena.bot_trained", bot=pupil.bot_id, matches=lessons.matches, positions=len(lessons.moves))

    async def _fail(self, pupil: Pupil, failure: str) -> None:
        async with self._database.write() as session:
            row = await _held(session, pupil)
            if row is not None:
                row.training, row.failure, row.train_due_ms = "failed", failure, None


def _next(now_ms: int) -> Select[ArenaBot]:
    """Of the bots that are due, the one whose turn it is."""
    other = aliased(ArenaBot)
    of_tenant = select(func.max(other.tried_at)).where(other.tenant_id == ArenaBot.tenant_id)
    of_those_gone = select(Tenant.bots_tried_at).where(Tenant.id == ArenaBot.tenant_id)
    there, gone = (query.correlate(ArenaBot).scalar_subquery() for query in (of_tenant, of_those_gone))
    last = case((gone > there, gone), else_=func.coalesce(there, gone))
    is_busy = exists().where(
        other.tenant_id == ArenaBot.tenant_id, other.training == "running", other.train_due_ms > now_ms
    )
    due = select(ArenaBot).where(ArenaBot.train_due_ms <= now_ms, ~is_busy)
    return due.order_by(last.asc().nulls_first(), ArenaBot.train_due_ms, ArenaBot.id).limit(1)


async def _held(session: AsyncSession, pupil: Pupil) -> ArenaBot | None:
    """The bot, unless it is gone, or was asked for anew meanwhile."""
    row = await session.get(ArenaBot, pupil.bot_id, with_for_update=True)
    return row if row is not None and row.train_due_ms == pupil.lease_ms else None


def _is_theirs(tenant_id: str, mode: str, game: str) -> ColumnElement[bool]:
    """The matches between people of this tenant."""
    return (ArenaMatch.listed_for == tenant_id) & (ArenaMatch.mode == mode) & (ArenaMatch.game == game)


async def _winners(session: AsyncSession, match_ids: Sequence[str]) -> Mapping[str, Seat | None]:
    """Who won each of these matches that teach something."""
    query = select(ArenaMatch.id, ArenaMatch.state).where(ArenaMatch.id.in_(match_ids))
    ends = [(match_id, state.get("end")) for match_id, state in await session.execute(query)]
    return {match_id: end[0] for match_id, end in ends if end and learned.teaches(Reason(end[1]))}


def told_of(scores: Sequence[Score]) -> JsonDict:
    """A bot's strength as its tenant reads it: measured, with the number of games. Pure."""
    against: dict[str, Json] = {}
    for level in Level:
        mine = [score.score for score in scores if score.level is level]
        against[level.value] = {"games": len(mine), "score": sum(mine)}
    rating = learned.strength([(score.level, score.score) for score in scores])
    return {
        "games": len(scores),
        "against": against,
        "rating": round(rating.rating) if scores else None,
        "deviation": round(rating.deviation) if scores else None,
        "stars": round(learned.stars(rating), 1) if scores else None,
    }
