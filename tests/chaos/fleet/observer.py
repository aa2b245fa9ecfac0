"""Looks behind a town while it is in trouble: what the games wrote and when, and everything that `history` judges.

It only reads.
"""

import asyncio
import contextlib
from collections import defaultdict
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from orchestrator.errors import DatabaseUnavailable
from orchestrator.fleet.models import Host
from orchestrator.play.models import Session
from orchestrator.saves.models import SaveSlot, SaveVersion
from tests.chaos.fleet.history import HeadSeen, Look, Room, SessionSeen
from tests.chaos.fleet.town import Town
from tests.chaos.observer import Written, read_counter

LOOK_EVERY_S = 0.2
DEEP_LOOK_EVERY = 2


class FleetObserver:
    """`looks` in the order in which they were taken, one at the database with every so many at the homes
    (`deep_look_every`). Sessions that were there before `since` are not looked at.
    """

    def __init__(self, town: Town, since: datetime, deep_look_every: int = DEEP_LOOK_EVERY) -> None:
        self._town = town
        self._deep_look_every = deep_look_every
        self._since = since
        self._written: dict[str, dict[str, dict[int, Written]]] = defaultdict(lambda: defaultdict(dict))
        self.looks: list[Look] = []

    def runs(self, session_ids: set[str]) -> list[tuple[str, list[Written]]]:
        """The game's runs within these sessions, in the order of their start, each with all that it was seen to
        write.
        """
        runs = [(run, written) for each in session_ids for run, written in self._written[each].items()]
        return [(run, [written[count] for count in sorted(written)]) for run, written in sorted(runs, key=_run)]

    async def watch(self) -> None:
        """Until cancelled."""
        for look in range(10**9):
            await asyncio.to_thread(self._look_at_homes)
            if look % self._deep_look_every == 0:
                with contextlib.suppress(DatabaseUnavailable, TimeoutError):
                    async with asyncio.timeout(3):
                        self.looks.append(await self.look())
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> Look:
        """What the database says now."""
        database = self._town.services.database
        async with database.read() as session:
            now = await database.now(session)
            rows = list(await session.scalars(select(Session).where(Session.created_at >= self._since)))
            hosts = list(await session.scalars(select(Host)))
            query = select(SaveSlot, SaveVersion, Session.created_at)
            query = query.join(SaveVersion, SaveSlot.head_version_id == SaveVersion.id)
            query = query.join(Session, SaveVersion.session_id == Session.id)
            heads = list(await session.execute(query.where(Session.created_at >= self._since)))
        return Look(
            sessions=tuple(_seen(row, now) for row in rows),
            rooms={host.id: _room(host) for host in hosts if host.capacity},
            heads=tuple(
                HeadSeen(slot.id, version.session_id, began.timestamp(), version.generation, version.number)
                for slot, version, began in heads
            ),
        )

    def _look_at_homes(self) -> None:
        self._town.learn_seats()
        for host in self._town.hosts:
            for home in host.homes():
                with contextlib.suppress(OSError, ValueError):
                    run, written = read_counter(Path(home, "save", "counter.json").read_bytes())
                    session_id = home.parent.name.partition("~")[0]
                    self._written[session_id][run].setdefault(written.count, written)


def _run(run: tuple[str, dict[int, Written]]) -> str:
    return run[0]


def _seen(row: Session, now: datetime) -> SessionSeen:
    return SessionSeen(
        session_id=row.id,
        owner=row.owner,
        position=row.position,
        generation=row.generation,
        host=row.host_id,
        former_host=row.former_host_id,
        cpu_cores=row.reserved_cpu_cores,
        memory_bytes=row.reserved_memory_bytes,
        frame_age_s=(now - row.last_frame_at).total_seconds() if row.last_frame_at else None,
    )


def _room(host: Host) -> Room:
    return Room(float(host.capacity["cpu_cores"]), int(host.capacity["memory_bytes"]), int(host.capacity["seats"]))
