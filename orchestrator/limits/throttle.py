"""How often one may try: counted in the database, so that N replicas admit no more than one would.

A try is counted before it is judged, so that many at once cannot slip past the limit together.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import case, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.database import Database, insert_into
from orchestrator.errors import RateLimited
from orchestrator.limits.models import Tries


@dataclass(frozen=True)
class Limit:
    """At most `tries` within a `window` that begins with the first."""

    name: str
    tries: int
    window: timedelta


@dataclass(frozen=True)
class Tally:
    """How often it was tried in the window that ends at `ends_at`, which is `ends_in_s` from now; `tries` stands still
    one above the limit.
    """

    limit: Limit
    tries: int
    ends_at: datetime
    ends_in_s: int

    @property
    def is_over(self) -> bool:
        return self.tries > self.limit.tries

    @property
    def remaining(self) -> int:
        return max(0, self.limit.tries - self.tries)


class Throttle:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, limit: Limit, *subject: str) -> None:
        """Count one try of `subject`; RateLimited, with the seconds until the window ends, once there are too many."""
        tally = await self.tally(limit, *subject)
        if tally.is_over:
            raise RateLimited("Too many tries. Please wait and try again.", retry_after_s=tally.ends_in_s)

    async def tally(self, limit: Limit, *subject: str) -> Tally:
        """Count one try of `subject` and say how many there were."""
        async with self._database.write() as session:
            now = await self._database.now(session)
            await _clear(session, now)
            is_over = Tries.ends_at <= now
            first = {"key": _key(limit, subject), "tries": 1, "ends_at": now + limit.window}
            statement = insert_into(session, Tries).values(first)
            row = (
                await session.execute(
                    statement.on_conflict_do_update(
                        index_elements=[Tries.key],
                        set_={
                            "tries": case(
                                (is_over, 1),
                                # Beyond the limit there is nothing more to count.
                                (Tries.tries > limit.tries, Tries.tries),
                                else_=Tries.tries + 1,
                            ),
                            "ends_at": case((is_over, now + limit.window), else_=Tries.ends_at),
                        },
                    ).returning(Tries.tries, Tries.ends_at)
                )
            ).one()
        return Tally(limit, row.tries, row.ends_at, max(1, math.ceil((row.ends_at - now).total_seconds())))

    async def look(self, limit: Limit, *subject: str) -> int:
        """How often `subject` tried within the window that is, without counting."""
        query = select(Tries.tries, Tries.ends_at).where(Tries.key == _key(limit, subject))
        async with self._database.read() as session:
            row = (await session.execute(query)).one_or_none()
            return 0 if row is None or row.ends_at <= await self._database.now(session) else row.tries

    async def forget(self, session: AsyncSession, limit: Limit, *subject: str) -> None:
        """A success ends its window."""
        await session.execute(delete(Tries).where(Tries.key == _key(limit, subject)))


async def _clear(session: AsyncSession, now: datetime) -> None:
    """Windows that are over, save for those that another replica is at: two that clear never wait for each other."""
    over = select(Tries.key).where(Tries.ends_at <= now).with_for_update(skip_locked=True)
    await session.execute(delete(Tries).where(Tries.key.in_(over)))


def _key(limit: Limit, subject: tuple[str, ...]) -> str:
    return sha256("\0".join((limit.name, *subject)).encode()).hexdigest()
