"""What a tenant looks at in its console: how much is played, and each session with its match. It changes nothing."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from matches.matchmaking import Mode
from matches.rows import line_from
from matches.values import Game, Ply
from orchestrator.arena.models import ArenaMatch, ArenaMove, ArenaRun, ArenaSeat, ArenaSession
from orchestrator.arena.runs import owner_of
from orchestrator.database import Database
from orchestrator.errors import NotFound
from orchestrator.play.models import Session as Run
from orchestrator.tenants.models import TenantMonth
from orchestrator.tenants.plans import end_of_month

DAYS_SHOWN = 30
MONTHS_SHOWN = 6
MOST_COUNTED = 10_000
"""Sessions of a list are counted up to here."""
MOST_FOUND = 1_000
"""So many of a player's board games, the newest, and of their runs are looked through."""

_MOST_REMEMBERED = 1_000


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
        return end_of_month(self.now)


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
        self._settled: OrderedDict[str, tuple[date, Mapping[tuple[str, str], int]]] = OrderedDict()

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
        query = select(ArenaSession)
        for column, value in (
            (ArenaSession.game, asked.game),
            (ArenaSession.mode, asked.mode),
            (ArenaSession.status, asked.status),
        ):
            if value:
                query = query.where(column == value)
        async with self._database.read() as session:
            if asked.word:  # by their ids alone: of a tenant's whole history nothing else is looked at
                query = query.where(ArenaSession.id.in_(await self._named(session, tenant_id, asked.word)))
            else:
                query = query.where(ArenaSession.tenant_id == tenant_id)
            counted = query.with_only_columns(ArenaSession.id).limit(MOST_COUNTED).subquery()
            ordered = query.order_by(ArenaSession.created_at.desc(), ArenaSession.id)
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

    async def _named(self, session: AsyncSession, tenant_id: str, word: str) -> set[str]:
        """The ids of the tenant's sessions that this word names: its own, and those that a player of this id played."""
        mine = select(ArenaSession.id).where(ArenaSession.id == word, ArenaSession.tenant_id == tenant_id)
        seated = select(ArenaSeat.session_id).join(ArenaMatch, ArenaMatch.id == ArenaSeat.match_id)
        seated = seated.where(ArenaSeat.tenant_id == tenant_id, ArenaSeat.player_id == word)
        owners = [owner_of(tenant_id, mode.value, word) for mode in Mode]
        ran = select(ArenaRun.session_id).join(Run, Run.id == ArenaRun.run_id).where(Run.owner.in_(owners))
        found = set(await session.scalars(mine))
        found.update(await session.scalars(seated.order_by(ArenaMatch.started_at.desc()).limit(MOST_FOUND)))
        found.update(await session.scalars(ran.order_by(Run.created_at.desc()).limit(MOST_FOUND)))
        return found

    async def _days(self, session: AsyncSession, tenant_id: str, now: datetime) -> Sequence[Day]:
        """Summed up once, but for yesterday and today: what was begun on an earlier day has long been written down."""
        today = now.astimezone(UTC).date()
        first, yesterday = today - timedelta(days=DAYS_SHOWN - 1), today - timedelta(days=1)
        known = self._settled.get(tenant_id)
        if known is None or known[0] != today:
            known = today, await self._counts(session, tenant_id, first, yesterday)
            self._settled[tenant_id] = known
        self._settled.move_to_end(tenant_id)
        while len(self._settled) > _MOST_REMEMBERED:
            self._settled.popitem(last=False)
        counts = {**known[1], **await self._counts(session, tenant_id, yesterday, today + timedelta(days=1))}
        days = [first + timedelta(days=offset) for offset in range(DAYS_SHOWN)]
        return [
            Day(each, *(counts.get((each.isoformat(), mode), 0) for mode in ("live", "training", "test")))
            for each in days
        ]

    async def _counts(
        self, session: AsyncSession, tenant_id: str, first: date, end: date
    ) -> Mapping[tuple[str, str], int]:
        """Sessions by day and mode, from the first day until before the end."""
        moment = ArenaSession.created_at
        if self._database.is_sqlite:
            day = func.strftime("%Y-%m-%d", moment)
        else:
            day = func.to_char(func.timezone("UTC", moment), "YYYY-MM-DD")
        query = select(day, ArenaSession.mode, func.count()).where(
            ArenaSession.tenant_id == tenant_id, moment >= _midnight(first), moment < _midnight(end)
        )
        rows = await session.execute(query.group_by(day, ArenaSession.mode))
        return {(name, mode): count for name, mode, count in rows}


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
