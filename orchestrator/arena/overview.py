"""What a tenant looks at in its console: how much is played, and each session with its match. It changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from matches.rows import line_from
from matches.values import Game, Ply
from orchestrator.arena.models import ArenaMatch, ArenaMove, ArenaSeat, ArenaSession
from orchestrator.database import Database
from orchestrator.errors import NotFound
from orchestrator.tenants.models import TenantMonth

DAYS_SHOWN = 30
MONTHS_SHOWN = 6
MOST_COUNTED = 10_000
"""Sessions of a list are counted up to here."""


@dataclass(frozen=True, slots=True)
class Day:
    """Sessions that were made on a day of UTC, by mode."""

    day: date
    live: int = 0
    training: int = 0
    test: int = 0

    @property
    def total(self) -> int:
        return self.live + self.training + self.test


@dataclass(frozen=True, slots=True)
class Usage:
    """As of `now`: `DAYS_SHOWN` days, the oldest first, and what was charged in each of the last months, the newest,
    which is this one, first.
    """

    days: Sequence[Day]
    months: Sequence[tuple[str, int]]
    now: datetime

    @property
    def month_ends_at(self) -> datetime:
        now = self.now
        return datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SessionQuestion:
    """Empty is any. `word` is the id of a session or of a player."""

    game: str = ""
    mode: str = ""
    status: str = ""
    word: str = ""
    page: int = 1
    limit: int = 50


@dataclass(frozen=True, slots=True)
class SessionPage:
    """The newest first, as of `now`; `total` stops at `MOST_COUNTED`."""

    sessions: Sequence[ArenaSession]
    total: int
    now: datetime


@dataclass(frozen=True, slots=True)
class SessionDetail:
    """A session with its match, if it came to one: who sat where, and every ply."""

    session: ArenaSession
    match: ArenaMatch | None
    seats: Sequence[ArenaSeat]
    line: Sequence[Ply]
    now: datetime


class ArenaOverview:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def usage(self, tenant_id: str) -> Usage:
        async with self._database.read() as session:
            now = await self._database.now(session)
            days = await self._days(session, tenant_id, now)
            month = now.strftime("%Y-%m")
            query = select(TenantMonth.month, TenantMonth.sessions).where(TenantMonth.tenant_id == tenant_id)
            newest = query.order_by(TenantMonth.month.desc()).limit(MONTHS_SHOWN)
            months = [(name, count) for name, count in await session.execute(newest)]
        if not months or months[0][0] != month:
            months = [(month, 0), *months[: MONTHS_SHOWN - 1]]
        return Usage(days, months, now)

    async def sessions(self, tenant_id: str, asked: SessionQuestion) -> SessionPage:
        query = select(ArenaSession).where(ArenaSession.tenant_id == tenant_id)
        for column, value in (
            (ArenaSession.game, asked.game),
            (ArenaSession.mode, asked.mode),
            (ArenaSession.status, asked.status),
        ):
            if value:
                query = query.where(column == value)
        if asked.word:
            played = select(ArenaSeat.session_id).where(
                ArenaSeat.tenant_id == tenant_id, ArenaSeat.player_id == asked.word
            )
            query = query.where(or_(ArenaSession.id == asked.word, ArenaSession.id.in_(played)))
        counted = query.with_only_columns(ArenaSession.id).limit(MOST_COUNTED).subquery()
        ordered = query.order_by(ArenaSession.created_at.desc(), ArenaSession.id)
        async with self._database.read() as session:
            total = await session.scalar(select(func.count()).select_from(counted)) or 0
            page = await session.scalars(ordered.offset((asked.page - 1) * asked.limit).limit(asked.limit))
            return SessionPage(page.all(), total, await self._database.now(session))

    async def session(self, tenant_id: str, session_id: str) -> SessionDetail:
        """NotFound, also for another tenant's."""
        async with self._database.read() as session:
            now = await self._database.now(session)
            found = await session.get(ArenaSession, session_id)
            if found is None or found.tenant_id != tenant_id:
                raise NotFound("There is no such session.")
            if found.match_id is None:
                return SessionDetail(found, None, (), (), now)
            match = await session.get(ArenaMatch, found.match_id)
            seats = select(ArenaSeat).where(ArenaSeat.match_id == found.match_id).order_by(ArenaSeat.seat)
            moves = select(ArenaMove.row).where(ArenaMove.match_id == found.match_id).order_by(ArenaMove.ply)
            line = line_from(Game(found.game), list(await session.scalars(moves)))
            return SessionDetail(found, match, (await session.scalars(seats)).all(), line, now)

    async def _days(self, session: AsyncSession, tenant_id: str, now: datetime) -> Sequence[Day]:
        today = now.astimezone(UTC).date()
        first = today - timedelta(days=DAYS_SHOWN - 1)
        moment = ArenaSession.created_at
        if self._database.is_sqlite:
            day = func.strftime("%Y-%m-%d", moment)
        else:
            day = func.to_char(func.timezone("UTC", moment), "YYYY-MM-DD")
        since = datetime(first.year, first.month, first.day, tzinfo=UTC)
        query = select(day, ArenaSession.mode, func.count()).where(ArenaSession.tenant_id == tenant_id, moment >= since)
        counts: dict[tuple[str, str], int] = {}
        for name, mode, count in await session.execute(query.group_by(day, ArenaSession.mode)):
            counts[(name, mode)] = count
        days = [first + timedelta(days=offset) for offset in range(DAYS_SHOWN)]
        return [
            Day(each, *(counts.get((each.isoformat(), mode), 0) for mode in ("live", "training", "test")))
            for each in days
        ]
