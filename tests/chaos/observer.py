"""Looks behind the house while it is in trouble: what the games wrote and when, and what must never be seen.

It only reads. Moments are of this machine's clock, which the game writes beside each number.
"""

import asyncio
import contextlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from orchestrator.embedded.engine_api import UnixConnection
from orchestrator.play.lifecycle import ACTIVE
from orchestrator.play.models import Session
from tests.chaos.house import House

LOOK_EVERY_S = 0.15
DEEP_LOOK_EVERY = 4
ANSWERS_WITHIN_S = 3.0
SESSION_LABEL = "playhouse.session"


@dataclass(frozen=True)
class Written:
    """One number of the tiny game, and the moment (POSIX time) at which it was written."""

    count: int
    wall_s: float


def read_counter(content: bytes) -> tuple[str, Written]:
    """The run that wrote it, and what."""
    fields = json.loads(content)
    return str(fields["run"]), Written(int(fields["count"]), float(fields["wall"]))


class Observer:
    """`runs` are the game's runs in the order of their start, each with everything that it was seen to write."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._seen: dict[str, dict[int, Written]] = defaultdict(dict)
        self.violations: list[str] = []

    @property
    def runs(self) -> list[tuple[str, list[Written]]]:
        return [(run, [written[count] for count in sorted(written)]) for run, written in sorted(self._seen.items())]

    async def watch(self) -> None:
        """Until cancelled."""
        for look in range(10**9):
            self.look()
            if look % DEEP_LOOK_EVERY == 0:
                await self._look_at_sessions()
                await self._look_at_containers()
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """What lies in the homes now."""
        self._house.learn_seats()
        for home in self._house.homes():
            with contextlib.suppress(OSError, ValueError):
                self.note(Path(home, "save", "counter.json").read_bytes())

    def note(self, content: bytes) -> None:
        run, written = read_counter(content)
        self._seen[run].setdefault(written.count, written)

    async def _look_at_sessions(self) -> None:
        active = [position.value for position in ACTIVE]
        query = select(Session.owner, func.count()).where(Session.position.in_(active)).group_by(Session.owner)
        async with self._house.services.database.read() as session:
            for owner, count in await session.execute(query):
                if count > 1:
                    self.violations.append(f"{owner} has {count} active sessions")

    async def _look_at_containers(self) -> None:
        with contextlib.suppress(Exception):  # an engine in trouble says nothing now
            running = await asyncio.to_thread(running_containers, self._house.docker_host)
            for session_id, count in Counter(running).items():
                if count > 1:
                    self.violations.append(f"{count} containers of {session_id} run at once")


def running_containers(docker_host: str) -> list[str]:
    """The session of each container that runs."""
    return [str(entry["Labels"].get(SESSION_LABEL)) for entry in _containers(docker_host, "")]


def all_containers(docker_host: str) -> list[str]:
    """The name of each container, running or not."""
    return [f"{entry['Names'][0]} {entry['State']}" for entry in _containers(docker_host, "?all=1")]


def _containers(docker_host: str, query: str) -> list[dict[str, Any]]:
    # Without the SDK, whose failed connections leave sockets open.
    connection = UnixConnection(Path(docker_host.removeprefix("unix://")), ANSWERS_WITHIN_S)
    try:
        connection.request("GET", f"/containers/json{query}")
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        return list(json.loads(answer.read()))
    finally:
        connection.close()
