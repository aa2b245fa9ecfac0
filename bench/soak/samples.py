"""What a town holds at one moment: of each program, on each host, in the database. It only reads."""

import asyncio
import contextlib
import json
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil
from sqlalchemy import ColumnElement, func, or_, select

from bench.soak.verdict import Point
from orchestrator.accounts.models import MailOrder
from orchestrator.errors import DatabaseUnavailable
from orchestrator.play.lifecycle import ACTIVE
from orchestrator.play.models import LaunchAttempt, Session
from orchestrator.saves.models import UnwantedArchive
from orchestrator.webhooks.models import WebhookDelivery
from tests.chaos.clearing import mounts_below, x_leftovers
from tests.chaos.fleet.town import Town
from tests.chaos.observer import all_containers

EVERY_S = 5.0
OVERDUE = timedelta(seconds=60)
"""How long what is due may wait: a replica that was away passes no deadlines for 45 s."""
MEGABYTE = 2**20


@dataclass(frozen=True)
class Program:
    """One life of a program of ours."""

    name: str
    process_id: int
    rss_mb: float
    descriptors: int
    threads: int


@dataclass(frozen=True)
class Sample:
    """`folders` are those of sessions and seats with what waits to be sent, `temporary` is what lies in /tmp and in the
    programs' own. What could not be asked just then is None. `overdue` counts rows by table.
    """

    at_s: float
    programs: tuple[Program, ...]
    folders: int
    temporary: int
    mounts: int
    containers: int | None
    overdue: dict[str, int] | None


async def sample(town: Town, temporary: Path) -> Sample:
    programs = [town.replicas[number] for number in range(len(town.replicas))] + [host.agent for host in town.hosts]
    return Sample(
        time.time(),
        tuple(found for part in programs if (found := _program(part.name, part.process_id)) is not None),
        folders=sum(_folders(host.agent_data, host.seats) for host in town.hosts),
        temporary=len(x_leftovers(town.seat_uids)) + _files(temporary),
        mounts=len(mounts_below(town.folder)),
        containers=await _containers(town),
        overdue=await _overdue(town),
    )


def lives(samples: list[Sample], program: str, figure: str) -> list[list[Point]]:
    """A figure (`rss_mb`, `descriptors`, `threads`) of each life of the programs of that kind."""
    found: dict[int, list[Point]] = defaultdict(list)
    for each in samples:
        for life in each.programs:
            if life.name.startswith(program):
                found[life.process_id].append(Point(each.at_s, float(getattr(life, figure))))
    return list(found.values())


def series(samples: list[Sample], figure: str) -> list[Point]:
    """A figure of the whole town."""
    values = [(each.at_s, getattr(each, figure)) for each in samples]
    return [Point(at_s, float(value)) for at_s, value in values if value is not None]


def line(each: Sample) -> str:
    """As one line of JSON, to be looked at later."""
    return json.dumps({**vars(each), "programs": [vars(program) for program in each.programs]})


def _program(name: str, process_id: int | None) -> Program | None:
    if process_id is None:
        return None
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(process_id)
        with process.oneshot():
            rss_mb = process.memory_info().rss / MEGABYTE
            return Program(name, process_id, rss_mb, process.num_fds(), process.num_threads())
    return None


def _folders(agent_data: Path, seats: Path) -> int:
    below = [folder for name in ("sessions", "kept", "unsent") for folder in agent_data.glob(f"{name}/*")]
    return len(below) + len(list(seats.glob("*/*")))


def _files(folder: Path) -> int:
    return sum(1 for _ in folder.rglob("*"))


async def _containers(town: Town) -> int | None:
    try:
        found = await asyncio.gather(*(asyncio.to_thread(all_containers, host.docker_host) for host in town.hosts))
    except Exception:  # an engine in trouble says nothing now
        return None
    return sum(len(names) for names in found)


async def _overdue(town: Town) -> dict[str, int] | None:
    database = town.services.database
    try:
        async with asyncio.timeout(3), database.read() as session:
            late = await database.now(session) - OVERDUE
            active = Session.position.in_([position.value for position in ACTIVE])
            conditions: list[ColumnElement[bool]] = [
                active & or_(Session.deadline < late, Session.expires_at < late, Session.ends_at < late),
                UnwantedArchive.since < late - OVERDUE,  # a lease that was lost takes as long
                MailOrder.due_at < late,
                LaunchAttempt.at < late - OVERDUE,
                WebhookDelivery.ended_at.is_(None) & (WebhookDelivery.due_at < late),
            ]
            models = (Session, UnwantedArchive, MailOrder, LaunchAttempt, WebhookDelivery)
            counts: dict[str, int] = {}
            for model, condition in zip(models, conditions, strict=True):
                query = select(func.count()).select_from(model).where(condition)
                counts[model.__tablename__] = await session.scalar(query) or 0
            return counts
    except (DatabaseUnavailable, TimeoutError):
        return None
