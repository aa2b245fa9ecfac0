"""Taking up a session that an earlier agent has run: what is still there goes on, and what is not has a reason."""

import asyncio
from dataclasses import replace

from agent_protocol import EndReport, ObservedState
from gameserver_agent.errors import AgentError, SeatError, SessionEndedError
from gameserver_agent.runtime.port import ContainerStatus
from gameserver_agent.sessions.clearing import Clearing
from gameserver_agent.sessions.container import left_by_itself
from gameserver_agent.sessions.live import LiveSession
from gameserver_agent.statistics import Meter

_SEAT_ANSWERS_WITHIN_S = 20.0
_CRASHED = "The game was gone when the host came back."
_RESTARTED = "The machine that ran the game was started anew."
_NO_SEAT = "The display of this session was gone when the host came back."


class GameLeftError(AgentError):
    """The game ended and nobody had ordered it."""

    def __init__(self, report: EndReport) -> None:
        super().__init__(report.message)
        self.report = report


async def game_left(live: LiveSession, status: ContainerStatus) -> GameLeftError:
    if live.meter is not None:
        live.meter = live.meter.ended(live.told_by_engine_s(status.ended_at))
    return GameLeftError(left_by_itself(status, await live.log_tail(), live.desired.build.limits.memory_bytes))


async def take_up(live: LiveSession, clearing: Clearing) -> bool:
    """Go on with a living container. False when nothing was played yet, and the session has to begin from the start.
    Raises the reason of its end when the game is over.
    """
    await clearing.find_place()
    live.container_id = await live.find_container()
    status = None if live.container_id is None else await live.services.runtime.status(live.container_id)
    if live.meter is None and (status is None or not (status.is_running or status.has_ended)):
        await clearing.interrupted_start()
        return False
    if live.meter is None:
        live.meter = Meter(started_s=live.told_by_engine_s(None if status is None else status.started_at))
    if status is None or not status.is_running:
        raise await _ended_meanwhile(live, status)
    if status.is_paused and live.state is not ObservedState.RUNNING:  # taken at its title, and it has not moved since
        await live.services.runtime.unpause(live.require_container())
        status = replace(status, is_paused=False)
    live.meter = live.meter.paused(live.now_s()) if status.is_paused else live.meter.thawed(live.now_s())
    await _adopt_seat(live)
    if live.state is not ObservedState.RUNNING:
        live.become(ObservedState.BOOTING, force=True)
    live.services.changed()
    return True


async def _ended_meanwhile(live: LiveSession, status: ContainerStatus | None) -> AgentError:
    """Why a game that had run is over. A seat that is gone with it means that all processes of the host were."""
    if not live.was_machine_restarted:
        try:
            await _adopt_seat(live)
        except AgentError:
            pass
        else:
            return SessionEndedError("crashed", _CRASHED) if status is None else await game_left(live, status)
    if live.meter is not None:
        live.meter = live.meter.ended(live.last_noted_s())
    return SessionEndedError("host_restarted", _RESTARTED)


async def _adopt_seat(live: LiveSession) -> None:
    if live.place is None:
        raise SessionEndedError("seat_failed", _NO_SEAT)
    try:
        async with asyncio.timeout(_SEAT_ANSWERS_WITHIN_S):
            live.seat = await live.services.seats.adopt(live.place)
    except TimeoutError as error:
        raise SeatError("the display does not answer") from error
