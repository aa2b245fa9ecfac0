"""What an earlier agent left on this host and no record explains: a container, a seat, a home with a save in it.

Each is ended, and its home is kept for a later capture; `MOST_AT_ONCE` in one look, so that a mistake of ours cannot
empty a host before anybody sees it in the log. Nothing is touched that does not carry this host's labels or lie in this
agent's folders, and nothing of a session that is known here.
"""

import asyncio
import contextlib
import re
from collections.abc import Collection, Mapping

import structlog

from gameserver_agent.errors import ContainerNotFoundError, EngineError, SaveError, SeatError
from gameserver_agent.runtime.port import Container
from gameserver_agent.saves.home import HomeFolder
from gameserver_agent.sessions.container import GENERATION_LABEL, SESSION_LABEL, TITLE_LABEL
from gameserver_agent.sessions.services import SessionServices

log = structlog.get_logger()
_SESSION_ID = re.compile(r"[A-Za-z0-9_-]+")
_GRACE_S = 5.0
MOST_AT_ONCE = 4


async def end_leftovers(services: SessionServices, known: Mapping[str, int], titles: Collection[str] = ()) -> bool:
    """`known` are the sessions of this agent with their generations, `titles` those that it has or its sessions took.
    True when nothing unknown is left; never raises what the engine, a seat or the disk may do.
    """
    try:
        containers = await services.runtime.list_containers(services.ours)
    except EngineError as error:
        log.warning("leftovers.unseen", reason=str(error))
        return False
    unknown = [
        container
        for container in containers
        if _generation(container) != known.get(_session_id(container))
        and container.labels.get(TITLE_LABEL) not in titles
    ]
    now, later = unknown[:MOST_AT_ONCE], unknown[MOST_AT_ONCE:]
    if later:
        log.warning("leftovers.many", containers=len(unknown), ended_now=len(now))
    ended = await asyncio.gather(*(_end_container(services, container, known) for container in now))
    still_there = {_session_id(container) for container, gone in zip(now, ended, strict=True) if not gone}
    still_there |= {_session_id(container) for container in later}
    try:
        folders = {*await asyncio.to_thread(_session_folders, services), *await services.seats.known()}
    except OSError as error:
        log.warning("leftovers.unseen", reason=str(error))
        return False
    left = sorted(session_id for session_id in folders if session_id not in known and session_id not in still_there)
    kept = [await _end_seat_and_keep_home(services, session_id, None) for session_id in left]
    return not later and all(ended) and all(kept)


async def _end_container(services: SessionServices, container: Container, known: Mapping[str, int]) -> bool:
    session_id = _session_id(container)
    is_of_nobody = session_id not in known and _SESSION_ID.fullmatch(session_id) is not None
    log.warning("container.unknown_removed", name=container.name)
    try:
        if is_of_nobody and HomeFolder(services.session_folder(session_id)).exists():
            await _stop(services, container.container_id)
            if not await _end_seat_and_keep_home(services, session_id, max(0, _generation(container))):
                return False
        await services.runtime.remove(container.container_id)
    except (EngineError, TimeoutError) as error:
        log.warning("container.unknown_left", name=container.name, reason=str(error))
        return False
    return True


async def _stop(services: SessionServices, container_id: str) -> None:
    runtime = services.runtime
    with contextlib.suppress(ContainerNotFoundError):
        status = await runtime.status(container_id)
        if not status.is_running:
            return
        if status.is_paused:
            await runtime.unpause(container_id)
        await runtime.signal(container_id, "SIGTERM")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await runtime.wait_ended(container_id)
        await runtime.signal(container_id, "SIGKILL")
        async with asyncio.timeout(_GRACE_S):
            await runtime.wait_ended(container_id)


async def _end_seat_and_keep_home(services: SessionServices, session_id: str, generation: int | None) -> bool:
    try:
        place = await services.seats.existing(session_id)
        if place is not None:
            await services.seats.release(place)
        await asyncio.to_thread(services.kept.keep, session_id, generation)
    except (SeatError, SaveError, OSError) as error:
        log.warning("session.unknown_left", session=session_id, reason=str(error))
        return False
    return True


def _session_folders(services: SessionServices) -> list[str]:
    folder = services.data / "sessions"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def _session_id(container: Container) -> str:
    return container.labels.get(SESSION_LABEL, "")


def _generation(container: Container) -> int:
    """-1, which no session has, when the label does not say."""
    text = container.labels.get(GENERATION_LABEL, "")
    return int(text) if text.isdecimal() else -1
