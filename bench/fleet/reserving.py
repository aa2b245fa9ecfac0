"""Places that four processes take at once on one PostgreSQL, through the function that a replica takes them with.

Each chooses on a snapshot of its own, which knows nothing of what the others take: the database alone decides.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from random import Random

import uvloop
from sqlalchemy import func, select

from bench.fleet.town import GIB, IMAGE_ID, SEATS, add_game, add_hosts, add_sessions
from bench.results import Row
from orchestrator.database import Database
from orchestrator.fleet.ledger import Claim
from orchestrator.play.models import Session
from orchestrator.play.reservation import IS_ON_HOST, reserve
from orchestrator.services import open_services
from orchestrator.settings import Settings
from scheduler.fleet import Fleet
from scheduler.placement import pick, whole_disk_bytes
from scheduler.values import NOTHING, HostView, Request, Resources

HOSTS = 500
RUNNING_EACH = 6
PROCESSES = 4
AT_ONCE = 2
WANTED = Resources(0.5, GIB // 2, 1)


@dataclass(frozen=True)
class Taken:
    """What one process did."""

    count: int
    refused: int
    began_s: float
    ended_s: float


async def measure(settings: Settings) -> list[Row]:
    """Most of the room that is left in the fleet is taken, and not a seat more than there is."""
    room = HOSTS * (SEATS - RUNNING_EACH)
    async with open_services(settings) as services:
        await add_game(services)
        hosts = [host.host_id for host in await add_hosts(services.database, HOSTS)]
        waiting = await add_sessions(services.database, hosts * RUNNING_EACH, room * 8 // 10)
        done = await asyncio.to_thread(_all, settings.database_url, hosts, waiting)
        async with services.database.read() as session:
            on_host = select(Session.host_id, func.count()).where(IS_ON_HOST).group_by(Session.host_id)
            full = [count for _, count in await session.execute(on_host)]
    placed = sum(each.count for each in done)
    took_s = max(each.ended_s for each in done) - min(each.began_s for each in done)
    double = sum(max(0, count - SEATS) for count in full) + abs(sum(full) - placed - HOSTS * RUNNING_EACH)
    return [
        Row("committed_placements_per_s", placed / took_s, "1/s", ">= 1000"),
        Row("committed_placements", placed, ""),
        Row("refused_placements", sum(each.refused for each in done), ""),
        Row("double_placements", double, "", "0"),
    ]


def _all(url: str, hosts: Sequence[str], waiting: Sequence[str]) -> list[Taken]:
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as processes:
        shares = [waiting[number::PROCESSES] for number in range(PROCESSES)]
        return list(processes.map(_work, [url] * PROCESSES, [hosts] * PROCESSES, shares, range(PROCESSES)))


def _work(url: str, hosts: Sequence[str], waiting: Sequence[str], seed: int) -> Taken:
    return uvloop.run(_take(url, hosts, list(waiting), Random(seed)))


async def _take(url: str, hosts: Sequence[str], waiting: list[str], random: Random) -> Taken:
    """Place who waits until nobody does or no host has room."""
    database = Database(url)
    # A placement is one statement: it needs no transaction around it.
    single = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    fleet = Fleet(_view(host_id) for host_id in hosts)
    taken = dict.fromkeys(hosts, RUNNING_EACH)
    placed = refused = 0
    async with database.read() as session:
        now = await database.now(session)

    async def place() -> None:
        nonlocal placed, refused
        async with single.connect() as connection:
            while waiting:
                session_id = waiting.pop()
                while best := pick(fleet, _REQUEST, random.random()):
                    # What others have taken meanwhile is learned by being refused.
                    if await reserve(connection, session_id, best.host_id, _CLAIM, now):
                        taken[best.host_id] += 1
                        placed += 1
                        fleet.reserve(best.host_id, _all_of(taken[best.host_id]))
                        break
                    refused += 1
                    fleet.reserve(best.host_id, _all_of(SEATS))

    began_s = time.monotonic()
    await asyncio.gather(*(place() for _ in range(AT_ONCE)))
    ended_s = time.monotonic()
    await database.close()
    return Taken(placed, refused, began_s, ended_s)


_REQUEST = Request(IMAGE_ID, GIB, WANTED, {}, 5.0)
_CLAIM = Claim(WANTED, IMAGE_ID, whole_disk_bytes(_REQUEST))


def _all_of(seats: int) -> Resources:
    return Resources(WANTED.cpu_cores * seats, WANTED.memory_bytes * seats, seats)


def _view(host_id: str) -> HostView:
    return HostView(
        host_id=host_id,
        is_ready=True,
        labels={},
        capacity=Resources(4.0 * SEATS, 4 * GIB * SEATS, SEATS),
        reserved=_all_of(RUNNING_EACH),
        used=NOTHING,
        disk_free_bytes=100 * GIB,
        image_ids=frozenset({IMAGE_ID}),
        pulling={},
        pull_bytes_per_s=12.5e6,
    )
