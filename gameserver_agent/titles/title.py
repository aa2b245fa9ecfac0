"""One title: a game that was started for nobody and stands still, on a seat and in a home that are no session's.

How it is raised, and how it ends. Its container carries its own label and no session's.
"""

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path

import structlog

from agent_protocol import BuildSpec
from gameserver_agent.errors import AgentError, EngineError
from gameserver_agent.runtime.port import Runtime
from gameserver_agent.saves.home import HomeFolder
from gameserver_agent.seats.places import SeatPlace
from gameserver_agent.seats.seat import Seat, Seats
from gameserver_agent.sessions.container import TITLE_LABEL, title_container, title_labels
from gameserver_agent.tasks import finished_despite_cancellation
from streaming.protocol import SeatConfig

log = structlog.get_logger()
SETTLES_S = 2.0
"""From its first picture to where it is held: a fade, a file that is still written."""

DRAWS_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.25
_SEAT_STARTS_WITHIN_S = 20.0


@dataclass(frozen=True)
class TitleParts:
    """What titles are made of. `data` is the agent's folder, `ours` the labels of this host."""

    runtime: Runtime
    seats: Seats
    data: Path
    ours: dict[str, str]
    seat_config: Callable[[BuildSpec], SeatConfig]

    def folder(self, title_id: str) -> Path:
        return self.data / "titles" / title_id


@dataclass(frozen=True)
class Title:
    """One that waits, or has just been taken. `cpu_seconds` is what it used until it stood still."""

    title_id: str
    build: BuildSpec
    place: SeatPlace
    seat: Seat
    home: HomeFolder
    container_id: str
    cpu_seconds: float


def new_title_id() -> str:
    return secrets.token_hex(8)


async def raised(title_id: str, build: BuildSpec, place: SeatPlace, parts: TitleParts) -> Title:
    """A game that has drawn its title and stands still. Raises `AgentError`, `OSError` or TimeoutError; what was begun
    by then is the caller's to remove.
    """
    config = parts.seat_config(build).model_copy(update={"waits": True})
    async with asyncio.timeout(_SEAT_STARTS_WITHIN_S):
        seat = await parts.seats.open(place, config)
    home = HomeFolder(parts.folder(title_id))
    making = asyncio.ensure_future(asyncio.to_thread(home.make, build.limits.save_bytes, place.owner))
    await finished_despite_cancellation(making)
    spec = title_container(title_id, build, parts.ours, place, seat.hello, str(home.path))
    container_id = await finished_despite_cancellation(asyncio.ensure_future(parts.runtime.create(spec)))
    await parts.runtime.start(container_id)
    await _until_drawn(seat)
    await asyncio.sleep(SETTLES_S)
    await parts.runtime.pause(container_id)
    await require_still(container_id, parts.runtime)
    sample = await parts.runtime.sample(container_id)
    return Title(title_id, build, place, seat, home, container_id, 0.0 if sample is None else sample.cpu_seconds)


async def require_still(container_id: str, runtime: Runtime) -> None:
    """Raises `EngineError` unless the game is there and stands still."""
    status = await runtime.status(container_id)
    if not (status.is_running and status.is_paused):
        raise EngineError("the game that waited at its title has ended")


async def removed(title_id: str, place: SeatPlace, seat: Seat | None, parts: TitleParts) -> bool:
    """Every step is tried even when another has failed, and may be taken again; False when something is left."""
    if seat is not None:
        await seat.leave()
    is_game_gone = await _tried(title_id, _remove_container(title_id, parts))
    is_seat_gone = await _tried(title_id, parts.seats.release(place))
    return await _tried(title_id, _remove_home(title_id, parts)) and is_game_gone and is_seat_gone


async def clear(parts: TitleParts, known: frozenset[str]) -> None:
    """Whatever earlier agents left of titles that no session has taken: their seats are cleared as all that wait are.
    Those `known` are sessions' by now. Every one is tried even when another has failed, but the home of a game that may
    live stays. Raises `AgentError` or `OSError` when nothing can be seen; may be called again.
    """
    alive: set[str] = set()
    for container in await parts.runtime.list_containers(parts.ours):
        title_id = container.labels.get(TITLE_LABEL)
        if title_id is None or title_id in known:
            continue
        if not await _tried(title_id, parts.runtime.remove(container.container_id)):
            alive.add(title_id)
    for folder in await asyncio.to_thread(_folders, parts.data / "titles"):
        if folder.name not in alive:
            await _tried(folder.name, _remove_home(folder.name, parts))


async def _until_drawn(seat: Seat) -> None:
    async with asyncio.timeout(DRAWS_WITHIN_S):
        while not await seat.is_drawn():  # noqa: ASYNC110 - a seat that waits tells nothing by itself
            await asyncio.sleep(_LOOK_EVERY_S)


async def _tried(title_id: str, step: Coroutine[object, object, None]) -> bool:
    try:
        await step
    except (AgentError, OSError) as error:
        log.warning("title.left", title=title_id, reason=str(error))
        return False
    return True


async def _remove_container(title_id: str, parts: TitleParts) -> None:
    for container in await parts.runtime.list_containers(title_labels(title_id, parts.ours)):
        await parts.runtime.remove(container.container_id)


async def _remove_home(title_id: str, parts: TitleParts) -> None:
    await asyncio.to_thread(_removed_folder, parts.folder(title_id))


def _removed_folder(folder: Path) -> None:
    if folder.exists():
        HomeFolder(folder).remove()
        folder.rmdir()


def _folders(of: Path) -> list[Path]:
    return sorted(of.iterdir()) if of.exists() else []
