"""A launch: may this owner start this game now, and where. One transaction; no HTTP here."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from metering import UNMETERED, Meter
from orchestrator.catalog.models import Build, Game
from orchestrator.catalog.service import Catalog
from orchestrator.database import Database
from orchestrator.errors import ApiError, Conflict, InvalidRequest, NoServers, RateLimited
from orchestrator.fleet.placement import Placement
from orchestrator.ids import new_id
from orchestrator.library.access import require_access
from orchestrator.observing import spans
from orchestrator.observing.committed import after_commit
from orchestrator.observing.table import LAUNCHED, LAUNCHES, REPEATED
from orchestrator.play.lifecycle import ACTIVE, Placed, new_life
from orchestrator.play.models import LaunchAttempt, Session, store_life
from orchestrator.play.moves import Moves
from orchestrator.play.waiting import WaitingLine
from orchestrator.saves.models import SaveSlot, SaveVersion
from orchestrator.saves.service import Saves, SlotChoice
from tracing import Span

LAUNCHES_PER_MINUTE = 10
ATTEMPTS_COUNT_FOR = timedelta(minutes=1)

_log = structlog.get_logger()
_ACTIVE = [position.value for position in ACTIVE]
_TICK = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class LaunchOrder:
    """What a person asks for. `timezone` is what the game is told; `latencies` are the seconds that the page measured
    to some hosts. What becomes of it is told below `traceparent`.
    """

    owner: str
    game_slug: str
    save_slot_id: str | None
    is_fresh: bool
    idempotency_key: str | None
    timezone: str
    latencies: Mapping[str, float] = field(default_factory=dict[str, float])
    traceparent: str | None = None

    @property
    def digest(self) -> str:
        """The same for orders that ask for the same, whatever was measured meanwhile."""
        asked = (self.game_slug, self.save_slot_id, self.is_fresh, self.timezone)
        return hashlib.sha256(repr(asked).encode()).hexdigest()


class Launching:
    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        saves: Saves,
        placement: Placement,
        moves: Moves,
        line: WaitingLine,
        meter: Meter = UNMETERED,
    ) -> None:
        self._database = database
        self._meter = meter
        self._catalog = catalog
        self._saves = saves
        self._placement = placement
        self._moves = moves
        self._line = line

    async def launch(self, order: LaunchOrder) -> Session:
        """Start a session, in one transaction; placed at once when a host has room and nobody waits
        for such a one, else it waits in `placing`.

        The same `idempotency_key` with the same order gives the same session again. Raises `InvalidRequest`,
        `NotFound`, `Forbidden`, `Conflict` (`idempotency_key_reused`, `session_active`, `slots_full`), `RateLimited`,
        `NoServers`, in that order.
        """
        span = self._moves.tracer.begin(spans.DECIDE, order.traceparent)
        try:
            row = await self._launched(order, span)
        except ApiError as refusal:
            self._meter.count(LAUNCHES, outcome=refusal.code)
            span.note({spans.OUTCOME: refusal.code})
            raise
        finally:
            span.end()
        return row

    async def _launched(self, order: LaunchOrder, span: Span) -> Session:
        if order.save_slot_id is not None and order.is_fresh:
            raise InvalidRequest("give either saveSlotId or fresh, not both")
        is_repeated = False
        try:
            async with self._database.write() as session:
                await self._database.lock(session, f"owner:{order.owner}")
                repeated = await _repeated(session, order)
                is_repeated = repeated is not None
                outcome = repeated or await self._decide(session, order, span)
                commit = self._moves.tracer.begin(spans.COMMIT, span.traceparent)
            commit.end()
        except IntegrityError:
            first = await self._who_was_first(order)
            if first is None:
                raise
            outcome, is_repeated = first, True
        if isinstance(outcome, ApiError):
            raise outcome
        counted = REPEATED if is_repeated else LAUNCHED
        self._meter.count(LAUNCHES, outcome=counted)
        span.note({spans.SESSION: outcome.id, spans.BUILD: outcome.build_id, spans.OUTCOME: counted})
        return outcome

    async def begin_run(self, session: AsyncSession, owner: str, game_slug: str) -> Session:
        """One run of a game for its result, in the caller's transaction: for an owner that has no library and keeps no
        saves, whose rights the caller knows. Raises `NotFound`, `Conflict` `session_active`, `NoServers`.
        """
        await self._database.lock(session, f"owner:{owner}")
        now = await self._database.now(session)
        game, build = await self._catalog.launchable(session, game_slug)
        active = await _session_active(session, owner)
        if active is not None:
            raise active
        order = LaunchOrder(owner, game_slug, None, is_fresh=True, idempotency_key=None, timezone="UTC")
        slot = SlotChoice(new_id("cls"), 0)
        span = self._moves.tracer.root(spans.DECIDE)  # whoever orders runs has no request for it
        order = replace(order, traceparent=span.traceparent)
        begun = await self._begin(session, order, game, build, slot, now, span, for_result=True)
        if isinstance(begun, NoServers):
            span.note({spans.OUTCOME: begun.code})
            span.end()
            raise begun
        span.note({spans.SESSION: begun.id, spans.BUILD: build.id, spans.OUTCOME: LAUNCHED})
        after_commit(session, span.end)  # what is taken back was not launched, and nobody is told so
        return begun

    async def _decide(self, session: AsyncSession, order: LaunchOrder, span: Span) -> Session | ApiError:
        # A refusal is answered, not raised: the attempt that it counts must be committed.
        now = await self._database.now(session)
        game, build = await self._catalog.launchable(session, order.game_slug)
        await require_access(session, order.owner, game)
        slot = await self._choose_slot(session, order, game)
        # Of two conflicts the active session is the one to name: a launch whose answer was lost looks for it.
        admitted = await _session_active(session, order.owner) or slot
        attempts = await _recent_attempts(session, order.owner, now)
        if not isinstance(admitted, Conflict) and len(attempts) >= LAUNCHES_PER_MINUTE:
            return _too_many(attempts, now)
        await _count_attempt(session, order.owner, attempts, now)
        if isinstance(admitted, Conflict):
            return admitted
        return await self._begin(session, order, game, build, admitted, now, span)

    async def _begin(
        self,
        session: AsyncSession,
        order: LaunchOrder,
        game: Game,
        build: Build,
        slot: SlotChoice,
        now: datetime,
        span: Span,
        *,
        for_result: bool = False,
    ) -> Session | NoServers:
        why_nowhere = await self._placement.why_nowhere(session, build.build_spec, now)
        if why_nowhere is not None:
            return NoServers(why_nowhere, retry_after_s=30)
        row = await _new_session(session, order, game, build, slot, now, for_result=for_result)
        if await self._line.has_earlier_rival(session, row, now):
            self._moves.wake_placer(session)  # nobody overtakes who could take the same place
        else:
            with self._moves.tracer.span(spans.PLACE, span.traceparent) as choice:
                await place(session, row, now, self._placement, self._moves, choice)
        return row

    async def _choose_slot(self, session: AsyncSession, order: LaunchOrder, game: Game) -> SlotChoice | Conflict:
        try:
            return await self._saves.choose(
                session, order.owner, game.id, slot_id=order.save_slot_id, is_fresh=order.is_fresh
            )
        except Conflict as slots_full:
            return slots_full

    async def _who_was_first(self, order: LaunchOrder) -> Session | ApiError | None:
        """The database refused a second active session, or a second one of the same key: it knows the first."""
        async with self._database.read() as session:
            return await _repeated(session, order) or await _session_active(session, order.owner)


async def place(
    session: AsyncSession,
    row: Session,
    now: datetime,
    placement: Placement,
    moves: Moves,
    span: Span,
    *,
    tells_vain: bool = True,
) -> bool:
    """Give a waiting session a host and reserve its place there; False when none has room now. What was decided, and
    why, is noted in `span`, as by `Placement.find`.
    """
    span.note({spans.SESSION: row.id, spans.BUILD: row.build_id})
    build = (await session.get_one(Build, row.build_id)).build_spec
    found = await placement.find(
        session, row.id, build, now, row.failed_hosts, row.latencies, span, tells_vain=tells_vain
    )
    if found is None:
        return False
    row.reserved_cpu_cores = found.resources.cpu_cores
    row.reserved_memory_bytes = found.resources.memory_bytes
    row.was_image_there = found.is_image_there
    await moves.apply(session, row, Placed(found.host_id), now)
    if row.left_at is not None:
        head = select(SaveVersion.created_at).join(SaveSlot, SaveSlot.head_version_id == SaveVersion.id)
        row.resumed_from_at = await session.scalar(head.where(SaveSlot.id == row.slot_id))
    score = asdict(found.score)
    _log.info("session.placed", session=row.id, host=found.host_id, **score, **spans.traced(row.traceparent))
    about = {spans.HOST: found.host_id, spans.GENERATION: row.generation, spans.IS_IMAGE_THERE: found.is_image_there}
    span.note({**about, **{spans.SCORE + part: score[part] for part in spans.SCORES}})
    return True


async def _repeated(session: AsyncSession, order: LaunchOrder) -> Session | Conflict | None:
    if order.idempotency_key is None:
        return None
    same_key = (Session.owner == order.owner) & (Session.idempotency_key == order.idempotency_key)
    first = await session.scalar(select(Session).where(same_key))
    if first is None or first.launch_digest in {None, order.digest}:
        return first
    return Conflict("this Idempotency-Key was used for another launch", code="idempotency_key_reused")


async def _session_active(session: AsyncSession, owner: str) -> Conflict | None:
    active = await session.scalar(select(Session.id).where(Session.owner == owner, Session.position.in_(_ACTIVE)))
    if active is None:
        return None
    return Conflict(
        "You already have an active session. Go on with it, or stop it first.",
        code="session_active",
        details={"sessionId": active},
    )


async def _recent_attempts(session: AsyncSession, owner: str, now: datetime) -> Sequence[LaunchAttempt]:
    """The attempts that count now, oldest first."""
    recent = select(LaunchAttempt).where(LaunchAttempt.owner == owner, LaunchAttempt.at > now - ATTEMPTS_COUNT_FOR)
    return (await session.scalars(recent.order_by(LaunchAttempt.at))).all()


async def _count_attempt(session: AsyncSession, owner: str, attempts: Sequence[LaunchAttempt], now: datetime) -> None:
    """Never more rows of an owner than the limit looks at: the oldest gives way."""
    surplus = [attempt.id for attempt in attempts[: max(0, len(attempts) + 1 - LAUNCHES_PER_MINUTE)]]
    await session.execute(delete(LaunchAttempt).where(LaunchAttempt.id.in_(surplus)))
    session.add(LaunchAttempt(id=new_id("lat"), owner=owner, at=now))
    await session.flush()


def _too_many(attempts: Sequence[LaunchAttempt], now: datetime) -> RateLimited:
    wait = attempts[-LAUNCHES_PER_MINUTE].at + ATTEMPTS_COUNT_FOR - now
    return RateLimited("too many launches, please wait a moment", retry_after_s=int(wait.total_seconds()) + 1)


async def _new_session(
    session: AsyncSession,
    order: LaunchOrder,
    game: Game,
    build: Build,
    slot: SlotChoice,
    now: datetime,
    *,
    for_result: bool,
) -> Session:
    newest = await session.scalar(select(func.max(Session.created_at)).where(Session.owner == order.owner))
    row = Session(
        id=new_id("ses"),
        owner=order.owner,
        idempotency_key=order.idempotency_key,
        launch_digest=order.digest if order.idempotency_key else None,
        game_id=game.id,
        build_id=build.id,
        slot_id=slot.slot_id,
        slot_number=slot.number,
        timezone=order.timezone,
        latencies=dict(order.latencies),
        placed_on=[],
        progress=None,
        last_input_at=None,
        last_frame_at=None,
        left_at=None,
        resumed_from_at=None,
        save_used_bytes=None,
        for_result=for_result,
        result=None,
        traceparent=order.traceparent,
        running_since=None,
        ended_at=None,
        duration_s=None,
        cpu_seconds=None,
        peak_memory_bytes=None,
        # Which of an owner's sessions is the later one decides whose save is the head, also after the clock went back.
        created_at=now if newest is None else max(now, newest + _TICK),
    )
    store_life(row, new_life(now, for_result=for_result))
    session.add(row)
    await session.flush()
    return row
