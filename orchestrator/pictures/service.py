"""Fetches the pictures that games name by URL. Every replica runs it, and takes rows by lease.

A try is: fetch, draw anew, store, and then one transaction that says what became of it. Who dies in between leaves a
row whose lease ends, and the next one tries again. Tries are counted as they begin: what kills replicas is given up.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.background import rounds
from orchestrator.catalog.models import Game
from orchestrator.catalog.snapshot import mark_changed
from orchestrator.database import Database
from orchestrator.errors import DatabaseUnavailable, NotFound, StoreUnavailable
from orchestrator.notices import Notices
from orchestrator.pictures.asking import TOPIC, drop, key_of, settle
from orchestrator.pictures.drawing import drawn_anew
from orchestrator.pictures.faults import RETRIES, Fault, retry_after
from orchestrator.pictures.fetching import Fetcher, NotFetched
from orchestrator.pictures.models import GamePicture, PictureState
from orchestrator.publishers.models import PublishedGame
from orchestrator.saves.store import ArchiveGone, ArchiveStore

LEASE = timedelta(seconds=90)
"""More than a fetch, a drawing and a store together may take."""
MOST_AT_ONCE = 8
"""Of one replica."""
MOST_OF_ONE = 2
"""Of one publisher, in all replicas: whose servers are slow holds up nobody else's."""
MOST_TRIES = len(RETRIES) + 1

_DRAWINGS_AT_ONCE = 2

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Order:
    """One try that this replica has taken."""

    picture_id: str
    slug: str
    url: str
    number: int
    is_hopeless: bool
    """It is to be given up, not tried."""

    @property
    def key(self) -> str:
        return key_of(self.picture_id, self.number)


class Pictures:
    def __init__(
        self,
        database: Database,
        notices: Notices,
        store: ArchiveStore,
        fetcher: Fetcher,
        draw: Callable[[bytes], bytes] = drawn_anew,
    ) -> None:
        self._database = database
        self._notices = notices
        self._store = store
        self._fetcher = fetcher
        self._draw = draw
        self._drawings = asyncio.Semaphore(_DRAWINGS_AT_ONCE)
        self._under_way = 0

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as fetching:

            async def begin() -> None:
                for order in await self._take(MOST_AT_ONCE - self._under_way):
                    self._under_way += 1
                    fetching.create_task(self._carry_out_beside(order))

            await rounds(self._notices, TOPIC, begin)

    async def round(self) -> None:
        """Fetch all that is due now."""
        while orders := await self._take(MOST_AT_ONCE):
            await asyncio.gather(*(self._carry_out(order) for order in orders))

    async def content(self, picture_id: str) -> bytes:
        """What is shown under its address. NotFound, StoreUnavailable."""
        async with self._database.read() as session:
            row = await session.get(GamePicture, picture_id)
        if row is None or row.key is None:
            raise NotFound("There is no such picture.")
        try:
            return b"".join([piece async for piece in self._store.read(row.key)])
        except ArchiveGone as error:
            raise NotFound("This picture is gone.") from error

    async def _carry_out_beside(self, order: _Order) -> None:
        try:
            await self._carry_out(order)
        except DatabaseUnavailable:
            _log.info("picture.not_marked", picture=order.picture_id)  # it is tried again when its lease is over
        finally:
            self._under_way -= 1
            self._notices.hear(TOPIC)  # there is a place again

    async def _carry_out(self, order: _Order) -> None:
        failure: NotFetched | None = None
        if order.is_hopeless:
            await self._mark(order, NotFetched(Fault.INTERNAL))
            return
        try:
            fetched = await self._fetcher.fetch(order.url)
            async with self._drawings:
                drawn = await asyncio.to_thread(self._draw, fetched)
            await self._store.put(order.key, hashlib.sha256(drawn).hexdigest(), len(drawn), _once(drawn))
        except NotFetched as error:
            failure = error
        except StoreUnavailable:
            failure = NotFetched(Fault.INTERNAL)  # the store says it itself
        except Exception:  # a bug of ours is a failed try: it must not be tried for ever
            _log.exception("picture.mistake", picture=order.picture_id)
            failure = NotFetched(Fault.INTERNAL)
        await self._mark(order, failure)

    async def _take(self, places: int) -> Sequence[_Order]:
        """Lease what may be fetched now, at most `places`."""
        if places <= 0 or not await self._is_anything_due():
            return ()
        orders: list[_Order] = []
        async with self._database.write() as session:
            now = await self._database.now(session)
            rows = await _fair_share(session, places, now)
            for row, slug in rows:
                is_hopeless = row.tries >= MOST_TRIES  # whoever tried did not live to say what came of it
                row.tries += not is_hopeless
                row.lease_until = now + LEASE
                orders.append(_Order(row.id, slug, row.url, row.tries, is_hopeless))
        return orders

    async def _is_anything_due(self) -> bool:
        async with self._database.read() as session:
            now = await self._database.now(session)
            return (await session.scalars(select(GamePicture.id).where(_is_due(now)).limit(1))).first() is not None

    async def _mark(self, order: _Order, failure: NotFetched | None) -> None:
        """What became of a try, unless the row went to somebody else or is gone."""
        async with self._database.write() as session:
            await self._database.lock(session, f"game:{order.slug}")
            now = await self._database.now(session)
            row = await session.get(GamePicture, order.picture_id)
            if row is None or row.state != PictureState.WAITING or row.tries != order.number:
                await drop(session, order.key, now)
                return
            row.lease_until = None
            if failure is None:
                row.state, row.key, row.fault, row.status = PictureState.STORED, order.key, None, None
                for number in range(1, order.number):  # of replicas that died
                    await drop(session, key_of(row.id, number), now)
            else:
                row.fault, row.status = failure.fault, failure.status
                delay = retry_after(failure.fault, failure.status, row.tries)
                if delay is None:
                    row.state = PictureState.FAILED
                else:
                    row.due_at = now + delay
            game = await session.get_one(Game, row.game_id)
            await settle(session, game, now)
            await mark_changed(self._database, session, [game.id])
        if failure is None:
            _log.info("picture.stored", picture=order.picture_id, game=order.slug)
        else:
            _log.info(
                "picture.not_fetched",
                picture=order.picture_id,
                game=order.slug,
                fault=failure.fault.value,
                status=failure.status,
                tries=order.number,
            )


def _is_due(now: datetime) -> ColumnElement[bool]:
    """Waited for long enough, and in nobody's hands."""
    return and_(GamePicture.state == PictureState.WAITING, GamePicture.due_at <= now, ~_is_leased(now))


def _is_leased(now: datetime) -> ColumnElement[bool]:
    return and_(GamePicture.lease_until.is_not(None), GamePicture.lease_until > now)


async def _fair_share(session: AsyncSession, places: int, now: datetime) -> Sequence[tuple[GamePicture, str]]:
    """What is due longest, of each publisher no more than `MOST_OF_ONE` with those under way. Games of the operator's
    are one publisher's.
    """
    turn = (
        func.row_number()
        .over(
            partition_by=func.coalesce(PublishedGame.publisher_id, ""),
            order_by=(case((_is_leased(now), 0), else_=1), GamePicture.due_at, GamePicture.id),
        )
        .label("turn")
    )
    in_turn = (
        select(GamePicture.id, turn)
        .outerjoin(PublishedGame, PublishedGame.game_id == GamePicture.game_id)
        .where(or_(_is_due(now), and_(GamePicture.state == PictureState.WAITING, _is_leased(now))))
        .subquery()
    )
    query = (
        select(GamePicture, Game.slug)
        .join(Game, Game.id == GamePicture.game_id)
        .where(GamePicture.id.in_(select(in_turn.c.id).where(in_turn.c.turn <= MOST_OF_ONE)), _is_due(now))
        .order_by(GamePicture.due_at, GamePicture.id)
        .limit(places)
        .with_for_update(of=GamePicture, skip_locked=True)
    )
    return [(row, slug) for row, slug in await session.execute(query)]


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
