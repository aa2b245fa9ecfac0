"""A replica is killed at the awaits of its deliveries: the next one delivers the rest, in order, and says again, as the
same, what it cannot know.

A death is played out at every await that differs from the earlier ones in what is in the database or has arrived.
"""

import asyncio
import gc
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count, groupby
from pathlib import Path
from typing import Any

import pytest

from orchestrator.database import Database
from orchestrator.webhooks.dispatcher import LEASE
from orchestrator.webhooks.sender import Failure, Outcome
from tests.crash.crashing import Process, ProcessDied, let_processes_die, lives
from tests.crash.replica import copied, the_dead_have_answered
from tests.integration.orchestrator.webhooks.conftest import TENANT, Scene

EVENTS = [("s1", 1), ("s1", 2), ("s1", 3), ("s2", 1), ("s2", 2)]
FAILS_ONCE = ("s2", 1)
pytestmark = [  # the dead close nothing
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:The garbage collector is trying to clean up:sqlalchemy.exc.SAWarning"),
]
_FILE = "orchestrator.sqlite3"
_TRUTH = "SELECT number, state, tries, lease_until IS NULL FROM webhook_deliveries ORDER BY number"


@dataclass
class Target:
    """A tenant's server, which outlives replicas. It fails the first try of one event."""

    received: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        await asyncio.sleep(0)
        self.received.append(came := json.loads(body))
        await asyncio.sleep(0)
        if event_of(came) == FAILS_ONCE and len(self.tries_of(FAILS_ONCE)) == 1:
            return Outcome(took_ms=1, status=500, failure=Failure.REFUSED)
        return Outcome(took_ms=1, status=200)

    def tries_of(self, event: tuple[str, int]) -> set[str]:
        return {each["deliveryId"] for each in self.received if event_of(each) == event}


def event_of(received: dict[str, Any]) -> tuple[str, int]:
    return received["sessionId"], received["data"]["number"]


def opened(folder: Path) -> Database:
    return Database(f"sqlite+aiosqlite:///{folder / _FILE}")


@pytest.fixture
async def prepared(tmp_path: Path, migrated_template: Path) -> Path:
    folder = copied(migrated_template.parent, tmp_path / "prepared")
    (folder / migrated_template.name).rename(folder / _FILE)
    database = opened(folder)
    scene = Scene(database)
    await scene.webhooks.add(TENANT, "https://hooks.example/", retries=3)
    for event in EVENTS:
        await scene.happens(*event)
    await database.close()
    return folder


async def test_a_replica_may_die_at_any_await_of_its_deliveries(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_processes_die(asyncio.get_running_loop())
    seen: set[str] = set()
    for deaths in count():
        with monkeypatch.context() as patches:
            if not await delivered_with_a_death(prepared, tmp_path / str(deaths), seen, patches):
                break
    gc.collect()
    await the_dead_have_answered()
    assert len(seen) > 7


async def delivered_with_a_death(prepared: Path, folder: Path, seen: set[str], patches: pytest.MonkeyPatch) -> bool:
    """Deliver, die where no earlier one has died, and let the next one go on. False when nowhere was left."""
    first, target, process = copied(prepared, folder / "first"), Target(), Process()
    scene = Scene(opened(first), target)
    patches.setattr(scene.database, "now", scene.now)

    def is_new() -> bool:
        with closing(sqlite3.connect(f"file:{first / _FILE}?mode=ro", uri=True)) as connection:
            moment = repr((connection.execute(_TRUTH).fetchall(), len(target.received)))
        if moment in seen:
            return False
        seen.add(moment)
        return True

    process.dies_when = is_new
    with suppress(ProcessDied):
        await process.run(scene.dispatcher.round())
    process.dies_when = lives
    second = copied(first, folder / "second")
    await process.reap()
    await scene.database.close()

    following = Scene(opened(second), target, time=scene.time + LEASE)
    patches.setattr(following.database, "now", following.now)
    await following.dispatcher.round()
    await following.passes(timedelta(minutes=2))
    assert set(await following.states()) == {"delivered"}
    await following.database.close()
    for session_id in ("s1", "s2"):
        of_session = [event_of(each) for each in target.received if each["sessionId"] == session_id]
        assert [event for event, _ in groupby(of_session)] == [each for each in EVENTS if each[0] == session_id]
    assert len(target.received) <= len(EVENTS) + 1 + len(("s1", "s2"))
    for event in EVENTS:
        assert len(target.tries_of(event)) == (2 if event == FAILS_ONCE else 1), "what is made again is the same try"
    return process.was_killed
