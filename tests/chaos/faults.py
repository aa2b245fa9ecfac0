"""How each fault is done to a house, and undone when it does not last."""

import asyncio
import contextlib
import os
import shutil
import signal
import time

from tests.chaos.house import House
from tests.chaos.schedule import ORDERS, Fault, Strike


async def strike(house: House, planned: Strike) -> None:
    """Do it, and come back when it is over. Who is dead is started again by the house."""
    house.note(f"FAULT {planned.fault}")
    house.faults_at_s.append(time.time())
    match planned.fault:
        case Fault.AGENT_KILLED:
            house.agent.signal(signal.SIGKILL)
        case Fault.AGENT_GROUP_KILLED:
            house.agent.kill_group()
        case Fault.REPLICA_KILLED:
            house.replicas[planned.number % len(house.replicas)].signal(signal.SIGKILL)
        case Fault.ENGINE_KILLED:
            house.engine.signal(signal.SIGKILL)
        case Fault.SEAT_KILLED:
            for worker in house.seat_workers():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
        case Fault.ENGINE_WEDGED:
            await _wedged(house, house.engine.process_id, planned.lasts_s)
        case Fault.AGENT_WEDGED:
            await _wedged(house, house.agent.process_id, planned.lasts_s)
        case Fault.STORE_AWAY:
            await _store_away(house, planned.lasts_s)
        case Fault.DISK_FULL:
            await _disk_full(house, planned.lasts_s)
        case Fault.REBOOT:
            await house.reboot()
        case Fault.GAME_EXITS_AT_ONCE | Fault.GAME_SHOWS_NOTHING:
            pass  # it is so from its start
        case _:
            house.tell_game(ORDERS[planned.fault])
    if planned.lasts_s:
        house.note(f"over: {planned.fault}")


async def _wedged(house: House, process_id: int | None, lasts_s: float) -> None:
    if process_id is None:
        house.note("it does not run just now")
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(process_id, signal.SIGSTOP)
    try:
        await asyncio.sleep(lasts_s)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process_id, signal.SIGCONT)


async def _store_away(house: House, lasts_s: float) -> None:
    """A file where the store's folder should be: whatever is done with the store fails, also as root."""
    store, aside = house.data / "saves", house.data / "saves.aside"
    store.mkdir(exist_ok=True)
    store.rename(aside)
    store.touch()
    try:
        await asyncio.sleep(lasts_s)
    finally:
        if store.is_dir():  # somebody made it anew, which loses what was in it
            house.note("BUG: the store's folder was made anew while it was away")
            shutil.rmtree(store)
        else:
            store.unlink()
        aside.rename(store)


async def _disk_full(house: House, lasts_s: float) -> None:
    """Nothing more can be written by the agent, by the engine or into a home that would need more of the disk."""
    house.fill_disk()
    try:
        await asyncio.sleep(lasts_s)
    finally:
        house.empty_disk()
