"""The task that carries one session through its phases on this host, from pulling to ended.

    pulling → restoring → booting → running → stopping → ended

`stop` is heard at any point. Cancelling the task (`leave`) ends nothing: game and seat live on and the next agent takes
them up from the record. Each phase has its deadline; whatever happens, the way ends in `Ending.wind_down`.
"""

import asyncio
import time

from agent_protocol import DesiredSession, EndReport, ObservedSession, ObservedState, SavedVersion
from gameserver_agent.errors import SeatError
from gameserver_agent.reconcile import Seen
from gameserver_agent.sessions.ending import Ending
from gameserver_agent.sessions.live import LiveSession
from gameserver_agent.sessions.playing import Playing
from gameserver_agent.sessions.record import SessionRecord
from gameserver_agent.sessions.services import SessionServices
from gameserver_agent.tasks import cancelled
from streaming.audience import Role
from streaming.budget import Budget
from streaming.protocol import Introduction, SessionDescription

_CANCELLED_WITHIN_S = 1.0
_OFFERS = {Role.PLAYER: (1.0, 10.0), Role.WATCHER: (8.0, 40.0)}
"""Of one session, a second and at once. Each is work for the process that makes its picture."""
_ON_ITS_WAY = frozenset({ObservedState.PULLING, ObservedState.RESTORING, ObservedState.BOOTING})


class SessionTask:
    """One generation of one session."""

    def __init__(self, desired: DesiredSession, services: SessionServices, record: SessionRecord | None = None) -> None:
        self._live = LiveSession(desired, services, record)
        self._ending = Ending(self._live)
        self._playing = Playing(self._live, self._ending)
        self._stop_ordered: asyncio.Future[EndReport] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self._offers = {role: Budget.full(*often, time.monotonic()) for role, often in _OFFERS.items()}
        self.was_reported = False

    # What others see and order.

    @property
    def desired(self) -> DesiredSession:
        return self._live.desired

    @property
    def has_ended(self) -> bool:
        """Nothing of it is left here. That it is over is reported earlier, by `observed`."""
        return self._is_over and (self._task is None or self._task.done())

    @property
    def _is_over(self) -> bool:
        return self._live.state is ObservedState.ENDED

    @property
    def sends_its_save(self) -> bool:
        """Until it is over; what waits in the outbox after that is the outbox's own to send."""
        return not self._is_over

    @property
    def lowest_epoch(self) -> int:
        """Stream tokens of an older epoch are refused."""
        return self._live.desired.epoch

    @property
    def title_id(self) -> str | None:
        """Of the title that this session has taken."""
        return self._live.title_id

    def note_saved(self, saved: SavedVersion) -> None:
        """An archive that had waited in the outbox was taken after all."""
        self._live.saves.last = saved

    def seen(self) -> Seen:
        is_stopping = self._stop_ordered.done() or self._live.end is not None
        return Seen(self._live.desired, is_stopping, self.has_ended, self.was_reported)

    def observed(self) -> ObservedSession:
        return self._live.observed()

    def begin(self) -> None:
        """Start, or go on with what an earlier agent began."""
        if not self._live.is_cleared:
            if not self._live.was_adopted:
                self._live.log.info("session.ordered")
            if self._live.state in _ON_ITS_WAY:
                self._live.trace.begin(is_adopted=self._live.was_adopted)
            self._task = asyncio.create_task(self._run(), name=f"session {self._live.session_id}")
            self._task.add_done_callback(lambda _: self._live.services.changed())

    def renew(self, desired: DesiredSession) -> None:
        """Newer deadlines or epoch of the same generation, for the next agent as well once the game has begun. Waits
        neither for the seat nor for the disk: who decides for all sessions calls this.
        """
        self._live.desired = desired
        self._playing.hear_of_new_epoch()
        if self._live.meter is not None and not self._is_over:
            self._live.note_soon()

    def stop(self, code: str, message: str) -> None:
        """Order the end. Only the first order counts."""
        if not self._stop_ordered.done():
            self._stop_ordered.set_result(EndReport(code=code, message=message))

    def hasten(self) -> None:
        """Shorten an end that was ordered: the agent is about to go."""
        self._ending.hasten()

    async def connect(
        self, offer: SessionDescription, role: Role = Role.PLAYER, who: Introduction | None = None
    ) -> SessionDescription:
        """Signalling for a page; a paused game runs before its player is answered, and stands still for who watches.
        Raises `SeatError` when the seat is not ready or refuses a watcher; `too_fast` where offers come without end.
        """
        if self._live.seat is None or self._is_over:
            raise SeatError("the seat is not ready yet")
        offers = self._offers[role].spent(time.monotonic())
        if offers.is_overdrawn:
            raise SeatError("wait a moment, then try again", "too_fast")
        self._offers[role] = offers
        if role is Role.WATCHER:
            return await self._live.seat.connect(offer, role, who)
        async with self._playing.pausing.awake():
            return await self._answered(offer, who)

    async def _answered(self, offer: SessionDescription, who: Introduction | None) -> SessionDescription:
        live = self._live
        if not live.trace.awaits_answer:
            return await live.require_seat().connect(offer, Role.PLAYER, who)
        span = live.trace.offered()
        answer = await live.require_seat().connect(offer, Role.PLAYER, who)
        live.trace.answered(span)
        self._playing.hear_of_answer()
        return answer

    async def finished(self) -> None:
        """Wait until nothing of the session is left."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def leave(self) -> None:
        """The agent goes, the game stays."""
        await self._playing.forget_telling()
        if self._task is not None:
            await cancelled(self._task)
        if self._live.seat is not None:
            await self._live.seat.leave()
        self._live.trace.ended("agent_left")
        await self._live.note()

    async def abandon(self) -> None:
        """There was no time for an orderly end: container and seat are killed; the next agent saves what was played."""
        if self.has_ended:
            return
        await self._playing.forget_telling()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_CANCELLED_WITHIN_S)
        if self._live.end is None and self._stop_ordered.done():
            self._live.end = self._stop_ordered.result()
        await self._ending.clearing.kill()
        self._live.log.warning("session.abandoned")

    async def forget(self) -> None:
        """The orchestrator no longer asks for it: the last trace goes, and so does a home that would not go before.
        What its end still clears away is waited for, or its folder would stay.
        """
        await self.finished()
        if self._live.saves.home.exists():
            await self._live.attempt("save_folder.end", self._ending.clearing.end_home(), 20)
        await asyncio.to_thread(self._live.forget)

    # The way through the phases.

    async def _run(self) -> None:
        live = self._live
        try:
            if live.end is None:
                live.end = await self._until_end()
            await self._playing.forget_telling()
            live.log.info("session.ending", code=live.end.code, message=live.end.message)
            await self._ending.wind_down(live.end)
        except asyncio.CancelledError:
            raise
        except Exception:
            live.log.exception("session.broken")
            live.end = live.end or EndReport(code="engine_failed", message="The host made a mistake.")
            live.become(ObservedState.ENDED, force=True)
            await live.note()

    async def _until_end(self) -> EndReport:
        playing = asyncio.ensure_future(self._playing.run())
        try:
            await asyncio.wait({playing, self._stop_ordered}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancelled(playing)
        if self._stop_ordered.done():
            return self._stop_ordered.result()
        return await self._playing.report_of(playing.exception())
