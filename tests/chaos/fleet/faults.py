"""How each fault is done to a town, and undone when it does not last."""

import asyncio
import signal

from tests.chaos.fleet.link import Link
from tests.chaos.fleet.schedule import Strike, Way, What
from tests.chaos.fleet.town import Town
from tests.chaos.parts import Part

_SIGNALS = {Way.KILLED: signal.SIGKILL, Way.STOPPED: signal.SIGTERM}


async def strike(town: Town, planned: Strike) -> None:
    """Do it, and come back when it is over. Who is dead is started again by the town."""
    town.note(f"FAULT {planned}")
    match planned.what:
        case What.HOST_LINE:
            await _cut(town.hosts[planned.number].line, planned.lasts_s)
        case What.DATABASE_LINE:
            await _cut(town.database_lines[planned.number], planned.lasts_s)
        case What.REGISTRY_LINE:
            await _cut(town.registry_line, planned.lasts_s)
        case What.STORE_LINE:
            await _cut(town.store_line, planned.lasts_s)
        case What.DATABASE:
            await _database(town, planned)
        case What.AGENT:
            await _part(town.hosts[planned.number].agent, planned)
        case What.ENGINE:
            await _part(town.hosts[planned.number].engine, planned)
        case What.REPLICA:
            await _part(town.replicas[planned.number], planned)
        case What.REGISTRY:
            await _part(town.registry, planned)
        case What.STORE:
            await _store(town, planned)
    if planned.lasts_s:
        town.note(f"over: {planned.what} {planned.number}")


async def _cut(line: Link, lasts_s: float) -> None:
    line.cut()
    try:
        await asyncio.sleep(lasts_s)
    finally:
        line.mend()


async def _part(part: Part, planned: Strike) -> None:
    if planned.way in _SIGNALS:
        part.signal(_SIGNALS[planned.way])
        return
    stalled = part.process_id
    part.signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(planned.lasts_s)
    finally:
        if part.process_id == stalled:
            part.signal(signal.SIGCONT)


async def _store(town: Town, planned: Strike) -> None:
    """It takes its time to end and to begin again: so long it is away."""
    struck = town.store.process_id
    await _part(town.store, planned)
    while planned.way in _SIGNALS and town.store.process_id in {struck, None}:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.05)
    await town.until_store_answers()


async def _database(town: Town, planned: Strike) -> None:
    """It dies as in a crash, or ends all its connections in order; either way it is up again soon."""
    if planned.way is Way.STALLED:
        town.signal_database(signal.SIGSTOP)
        try:
            await asyncio.sleep(planned.lasts_s)
        finally:
            town.signal_database(signal.SIGCONT)
        return
    async with town.database_alone:
        if planned.way is Way.STOPPED:
            town.signal_database(signal.SIGINT)
        await asyncio.to_thread(town.database.stop)
        await asyncio.to_thread(town.database.start)
