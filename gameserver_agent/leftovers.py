"""What an earlier agent left on this host and no record explains: a container, a seat, a home with a save in it.

What lives is ended when `orphans` says so, and its home is kept for a later capture; what is dead goes at once. Nothing
is touched that does not carry this host's labels or lie in this agent's folders, and nothing of a session that is known
here.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence

import structlog

from agent_protocol import SESSION_ID, DesiredSession
from gameserver_agent.errors import ContainerNotFoundError, EngineError, SaveError, SeatError
from gameserver_agent.orphans import Orphan, Waiting, judge
from gameserver_agent.runtime.port import Container
from gameserver_agent.saves.home import HomeFolder
from gameserver_agent.sessions.container import GENERATION_LABEL, SESSION_LABEL, TITLE_LABEL
from gameserver_agent.sessions.record import SessionFolder
from gameserver_agent.sessions.services import SessionServices

log = structlog.get_logger()
_SESSION_ID = re.compile(SESSION_ID)
_GRACE_S = 5.0
_DISK_WITHIN_S = 5.0


class Leftovers:
    """Of one host. `orphans` are those that lived when it was last looked at."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.orphans: frozenset[Orphan] = frozenset()
        self._waiting = Waiting()
        self._now_s = now_s

    async def look(
        self,
        services: SessionServices,
        known: Mapping[str, int],
        desired: Sequence[DesiredSession] | None,
        titles: Callable[[], Collection[str]],
    ) -> bool:
        """Once; False when it could not be seen what there is. `known` are the sessions of this agent with their
        generations; `titles` tells those that it has or its sessions took, which may change meanwhile; `desired` is
        None until the orchestrator was heard. Never raises what the engine, a seat or the disk may do.
        """
        told = set(titles())
        try:
            containers = await services.runtime.list_containers(services.ours)
            async with asyncio.timeout(_DISK_WITHIN_S):  # nothing is decided meanwhile, and a disk may hang for ever
                seats = set(await services.seats.known())
                folders = await asyncio.to_thread(_session_folders, services)
        except (EngineError, OSError) as error:
            log.warning("leftovers.unseen", reason=str(error) or "the disk does not answer")
            return False
        told.update(titles())
        unknown = [
            one
            for one in containers
            if _generation(one) != known.get(_session_id(one)) and one.labels.get(TITLE_LABEL) not in told
        ]
        living = {_orphan(one): one for one in unknown if one.is_running}
        with_container = {_session_id(one) for one in containers}
        alone = {Orphan(each, -1, None) for each in seats if each not in known and each not in with_container}
        verdict = judge({*living, *alone}, desired, self._waiting, self._now_s())
        self._waiting = verdict.waiting
        self._say_of_new({*living, *alone})
        dead = [one for one in unknown if not one.is_running]
        ending = [*dead, *(living[orphan] for orphan in verdict.due if orphan in living)]
        gone = await asyncio.gather(*(_end_container(services, one, known) for one in ending))
        ended = {_orphan(one) for one, is_gone in zip(ending, gone, strict=True) if is_gone}
        left = {_session_id(one) for one in ending if _orphan(one) not in ended}
        spared = left | {orphan.session_id for orphan in {*living, *alone} - set(verdict.due)}
        for session_id in sorted({*folders, *seats} - known.keys() - spared):
            await _end_seat_and_keep_home(services, session_id, None)
        self.orphans = frozenset((living.keys() - ended) | (alone - set(verdict.due)))
        return True

    def stands_in_the_way(self, order: DesiredSession) -> bool:
        """Whether something of this session has to go before it can start here."""
        return any(orphan.session_id == order.session_id for orphan in self.orphans)

    def is_running_already(self, order: DesiredSession) -> bool:
        """Whether the very game lives here, and only its record is lost."""
        same = (order.session_id, order.generation)
        return any((each.session_id, each.generation) == same and each.name is not None for each in self.orphans)

    def taken_up(self, order: DesiredSession) -> None:
        """It is no orphan any more."""
        self.orphans = frozenset(orphan for orphan in self.orphans if orphan.session_id != order.session_id)

    def _say_of_new(self, seen: set[Orphan]) -> None:
        for orphan in seen - self.orphans:
            log.warning("orphan.seen", session=orphan.session_id, generation=orphan.generation, name=orphan.name)


async def _end_container(services: SessionServices, container: Container, known: Mapping[str, int]) -> bool:
    session_id = _session_id(container)
    is_of_nobody = session_id not in known and _SESSION_ID.fullmatch(session_id) is not None
    log.warning("container.unknown_removed", name=container.name)
    try:
        if is_of_nobody and HomeFolder(services.session_folder(session_id)).exists():
            await _stop(services, container.container_id)
            if not await _end_seat_and_keep_home(services, session_id, _told_generation(container)):
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
        await asyncio.to_thread(SessionFolder(services.session_folder(session_id)).tidy)
    except (SeatError, SaveError, OSError) as error:
        log.warning("session.unknown_left", session=session_id, reason=str(error))
        return False
    return True


def _session_folders(services: SessionServices) -> list[str]:
    folder = services.data / "sessions"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def _orphan(container: Container) -> Orphan:
    return Orphan(_session_id(container), _generation(container), container.name)


def _session_id(container: Container) -> str:
    return container.labels.get(SESSION_LABEL, "")


def _told_generation(container: Container) -> int | None:
    generation = _generation(container)
    return generation if generation > 0 else None


def _generation(container: Container) -> int:
    """-1, which no session has, when the label does not say."""
    text = container.labels.get(GENERATION_LABEL, "")
    return int(text) if text.isdecimal() else -1
