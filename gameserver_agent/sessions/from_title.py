"""A session that begins where a game waits at its title: seat, home and container of the title become the session's.

Bound on the disk first, which can be done once. The save is brought into the home under the game that stands still,
then the session's record names the title, and only then does the game move and hear that somebody plays. Whatever
fails, or dies, before the record is written leaves a session that begins as any other, and a title that is cleared
away; an agent that dies after it leaves a session that the next one takes up.
"""

import asyncio
import json
import os
from pathlib import Path

from agent_protocol import ObservedState
from gameserver_agent import spans
from gameserver_agent.errors import AgentError, SeatError, SessionEndedError
from gameserver_agent.sessions.container import LANGUAGE, TAKEN
from gameserver_agent.sessions.live import LiveSession
from gameserver_agent.sessions.state import restoring_within_s
from gameserver_agent.statistics import Meter
from gameserver_agent.tasks import all_or_first_error, finished_despite_cancellation
from gameserver_agent.titles.title import Title, require_still


async def began_from_title(live: LiveSession) -> bool:
    """The game runs and is the session's. False when no title of its build waits, or the one that did is of no use.
    Raises `SessionEndedError` where another way would have no save either.
    """
    title = live.services.titles.taken(live.desired.build)
    if title is None:
        return False
    live.title_id = title.title_id
    try:
        with live.trace.span(spans.TITLE, {spans.HAS_SAVE: live.desired.restore is not None}):
            await _take(live, title)
    except BaseException as error:
        live.log.warning("title.not_taken", title=title.title_id, reason=str(error) or type(error).__name__)
        await finished_despite_cancellation(asyncio.ensure_future(_give_up(live, title)))
        if isinstance(error, SessionEndedError) or not isinstance(error, AgentError | OSError):
            raise
        return False
    live.log.info("title.taken", title=title.title_id, display=title.seat.hello.display)
    return True


async def _take(live: LiveSession, title: Title) -> None:
    services = live.services
    live.become(ObservedState.RESTORING)
    await require_still(title.container_id, services.runtime)
    await services.seats.bind(title.place, live.session_id)
    live.place = title.place
    await all_or_first_error(_take_seat(live, title), _bring_save(live, title))
    told = asyncio.to_thread(_tell, title.place.session, live.desired.timezone)
    await finished_despite_cancellation(asyncio.ensure_future(told))
    live.container_id = title.container_id
    live.meter = Meter(started_s=live.now_s(), waited_cpu_seconds=title.cpu_seconds)
    if not await live.note():  # the next agent would take it for a title that nobody has taken
        raise SeatError("the session's record could not be written")
    await services.runtime.unpause(title.container_id)
    live.trace.game_started()
    live.become(ObservedState.BOOTING, force=True)


async def _take_seat(live: LiveSession, title: Title) -> None:
    await title.seat.take(live.seat_config())
    live.seat = title.seat
    live.services.changed()


async def _bring_save(live: LiveSession, title: Title) -> None:
    handing = asyncio.ensure_future(asyncio.to_thread(title.home.hand_over, live.saves.home))
    await finished_despite_cancellation(handing)
    try:
        async with asyncio.timeout(restoring_within_s(live.saves.restored_bytes)):
            await live.saves.prepare_taken(title.place.owner)
    except TimeoutError as error:
        raise SessionEndedError("restore_failed", "Restoring the save took too long.") from error


async def _give_up(live: LiveSession, title: Title) -> None:
    live.place = live.seat = live.container_id = live.meter = live.title_id = None
    live.become(ObservedState.PULLING, force=True)
    await live.note()
    await live.services.titles.discard(title)


def _tell(session: Path, timezone: str) -> None:
    """The folder is the seat's own, so a link in it is not followed and what is there already is not written to."""
    descriptor = os.open(session / TAKEN, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o644)
        json.dump({"timezone": timezone, "language": LANGUAGE}, file)
