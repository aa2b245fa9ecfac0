"""Judges a house after an evening: which promises were kept. What needs a moment to be tidied up gets it."""

import asyncio
import io
import itertools
import math
import subprocess
import tarfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import zstandard
from sqlalchemy import select

from orchestrator.catalog.models import Game
from orchestrator.play.lifecycle import FINAL
from orchestrator.play.models import Session
from orchestrator.saves.disposal import Disposal
from orchestrator.saves.models import SaveSlot, SaveVersion, UnwantedArchive
from orchestrator.saves.store import ArchiveStore
from orchestrator.services import Services
from tests.chaos.clearing import mounts_below, processes, processes_of, x_leftovers
from tests.chaos.house import House
from tests.chaos.machine import SLUG
from tests.chaos.observer import Observer, Written, all_containers, read_counter
from tests.s3_server import PROBE

MOST_LOST_S = 5.0
TIDY_WITHIN_S = 45.0
AT_ONCE_S = 1.5
DAYS_S = 2 * 86400.0
UNNAMED = "archive "
Run = tuple[str, list[Written]]
Past = dict[str, Any]  # one of the history's sessions, as it came


@dataclass(frozen=True)
class Verdict:
    """`problems` are broken promises, `left` what was not cleaned up."""

    problems: tuple[str, ...]
    left: tuple[str, ...]
    save_age_s: float

    @property
    def is_good(self) -> bool:
        return not self.problems and not self.left


async def judge(house: House, observer: Observer, history: list[Past]) -> Verdict:
    """Called when the player is done and every part runs. `history` is what the player is told of all that was."""
    deadline = time.monotonic() + TIDY_WITHIN_S
    while (left := await leftovers(house)) and time.monotonic() < deadline:
        if all(each.startswith(UNNAMED) for each in left):
            await let_days_pass(house.services)
        await asyncio.sleep(0.3)
    house.note("referee: everything is tidy" if not left else f"referee: left behind: {left}")
    problems = [*dict.fromkeys(observer.violations), *await _sessions_without_end(house)]
    problems += [line.strip() for line in house.timeline if "BUG" in line]
    problems += without_reason(history)
    problems += _overlapping(observer.runs)
    versions = await _versions(house)
    for run, written in lost_for_good(observer.runs, versions).items():
        problems.append(f"of run {run} nothing after {written.count} can be restored")
    ages = save_ages(observer.runs, await _head(house), house.faults_at_s)
    problems += [
        f"{age_s:.1f} s of play were lost after run {run}" for run, age_s in ages.items() if age_s > MOST_LOST_S
    ]
    return Verdict(tuple(problems), tuple(left), max(ages.values(), default=0.0))


async def let_days_pass(services: Services) -> None:
    """What a killed replica had stored and could not name any more is found by the sweep, which gives it a day."""
    in_days = cast(ArchiveStore, _DaysAgo(services.store))
    await Disposal(services.database, in_days, services.slot_keeping).sweep()


class _DaysAgo:
    """A store as it will be in some days, to the sweep's eyes."""

    def __init__(self, store: ArchiveStore) -> None:
        self._store = store

    def stored_before(self, moment_s: float) -> AsyncIterator[str]:
        return self._store.stored_before(moment_s + DAYS_S)

    async def clear_abandoned(self, moment_s: float) -> None:
        await self._store.clear_abandoned(moment_s + DAYS_S)


def save_ages(runs: list[Run], head: Written | None, faults_at_s: Sequence[float]) -> dict[str, float]:
    """How many seconds of each run are not in what its successor began from; the head follows the last run.

    What counts is the time up to the first fault in it: from then on nothing is promised but the slot's older state
    (`lost_for_good` has more to say). A run that wrote nothing has lost nothing. Pure.
    """
    ages: dict[str, float] = {}
    for number, (run, written) in enumerate(runs):
        following = runs[number + 1][1][0].count - 1 if number + 1 < len(runs) else (head.count if head else 0)
        kept = [each.wall_s for each in written if each.count <= following]
        reached_s = kept[-1] if kept else written[0].wall_s - 1
        faults = [fault_s for fault_s in faults_at_s if fault_s >= written[0].wall_s]
        ages[run] = max(0.0, min([written[-1].wall_s, *faults]) - reached_s)
    return ages


def lost_for_good(runs: list[Run], versions: Mapping[str, Written]) -> dict[str, Written]:
    """Runs whose last seconds are in no version at all, neither in a successor's nor beside the head, with the last
    number that is. `versions` holds the newest of each run. Pure.
    """
    lost: dict[str, Written] = {}
    for number, (run, written) in enumerate(runs):
        following = runs[number + 1][1][0].count - 1 if number + 1 < len(runs) else 0
        last = versions.get(run, Written(0, written[0].wall_s))
        safe = [each for each in written if each.count <= max(following, last.count)]
        reached = safe[-1] if safe else Written(0, written[0].wall_s - 1)
        if written[-1].wall_s - reached.wall_s > MOST_LOST_S:
            lost[run] = reached
    return lost


def _overlapping(runs: list[Run]) -> list[str]:
    """Two games of one player that wrote at the same time."""
    return [
        f"run {later} wrote while run {earlier} still did"
        for (earlier, before), (later, after) in itertools.pairwise(runs)
        if before[-1].wall_s - after[0].wall_s > AT_ONCE_S
    ]


async def _head(house: House) -> Written | None:
    """What the slot's head holds."""
    async with house.services.database.read() as session:
        query = select(SaveVersion).join(SaveSlot, SaveSlot.head_version_id == SaveVersion.id)
        query = query.join(Game, Game.id == SaveSlot.game_id).where(Game.slug == SLUG)
        heads = list(await session.scalars(query))
    assert len(heads) <= 1, "one player, one game, one slot"
    if not heads:
        return None
    counter = await counter_of(house.services.store, heads[0])
    return counter[1] if counter else None


async def _versions(house: House) -> dict[str, Written]:
    """The newest that any restorable version holds of each run."""
    async with house.services.database.read() as session:
        versions = list(await session.scalars(select(SaveVersion)))
    newest: dict[str, Written] = {}
    for version in versions:
        if counter := await counter_of(house.services.store, version):
            run, written = counter
            newest[run] = max(written, newest.get(run, written), key=lambda each: each.count)
    return newest


async def counter_of(store: ArchiveStore, version: SaveVersion) -> tuple[str, Written] | None:
    """What the archive of this version holds: the run that wrote it, and its last number."""
    packed = b"".join([piece async for piece in store.read(version.key)])
    with tarfile.open(fileobj=io.BytesIO(zstandard.ZstdDecompressor().stream_reader(packed).read())) as archive:
        for member in archive:
            if Path(member.name).name == "counter.json" and (content := archive.extractfile(member)):
                return read_counter(content.read())
    return None


async def _sessions_without_end(house: House) -> list[str]:
    async with house.services.database.read() as session:
        rows = list(await session.scalars(select(Session)))
    final = [position.value for position in FINAL]
    return [f"{row.id} is {row.position} for ever" for row in rows if row.position not in final]


def without_reason(history: list[Past]) -> list[str]:
    """Ends that do not say why, who decided, and what to do next."""
    problems = [] if history else ["the history is empty"]
    for past in history:
        missing = [field for field in ("code", "message", "by", "nextStep") if not past["end"][field]]
        if missing:
            problems.append(f"{past['sessionId']} ended without {', '.join(missing)}: {past['end']}")
    return problems


async def leftovers(house: House) -> list[str]:
    """Everything of ended sessions that is still there. Seats that wait for the next one are nobody's yet."""
    house.learn_seats()
    waiting = house.waiting_seats()
    waiting_uids = {place.owner.uid for place in waiting}
    ended_uids = house.seat_uids - waiting_uids
    of_waiting = {process for process, _ in processes_of(waiting_uids)}
    found = [f"session {row}" for row in await _active(house)]
    try:
        found += [f"container {name}" for name in await asyncio.to_thread(all_containers, house.docker_host)]
    except Exception as error:  # the engine is part of what must be well again
        found.append(f"engine {type(error).__name__}")
    found += [f"process {process} {words[:120]}" for process, words in processes_of(ended_uids)]
    found += [
        f"process {process} {words[:120]}"
        for process, words in processes()
        if words and process not in of_waiting and _is_stray(house, process, words)
    ]
    folders = {place.folder for place in waiting}
    found += [f"seat {path}" for path in house.seats.glob("*/*") if path not in folders]
    found += [f"mount {point}" for point in mounts_below(house.agent_data)]
    found += [f"loop device {line}" for line in await asyncio.to_thread(loop_devices, house.folder)]
    for below in ("sessions", "kept", "unsent"):
        found += [f"{path.relative_to(house.disk)}" for path in files_in(house.agent_data / below)]
    found += [f"X {path}" for path in x_leftovers(ended_uids)]
    found += [
        f"reserved {host.reserved}" for host in await house.services.fleet_overview.hosts() if host.reserved.seats
    ]
    found += await unnamed_archives(house.services)
    return found


async def _active(house: House) -> list[str]:
    final = [position.value for position in FINAL]
    async with house.services.database.read() as session:
        return [
            f"{row.id} {row.position}" for row in await session.scalars(select(Session)) if row.position not in final
        ]


def _is_stray(house: House, process: int, words: str) -> bool:
    """It works in the house and is no part of it. What the engine starts for itself is a part of it: a shim that it
    forgets when it is killed in the middle of a start runs nothing, and a game that still ran would be seen by its uid.
    """
    parts = (*house.replicas, house.agent, house.engine)
    is_part = process in {part.process_id for part in parts} or Path(words.split(maxsplit=1)[0]).name.startswith(
        "containerd"
    )
    return str(house.folder) in words and not is_part


def files_in(folder: Path) -> list[Path]:
    """Folders of sessions, and archives; the folder of refused archives counts by what is in it."""
    if not folder.exists():
        return []
    return [path for path in folder.iterdir() if path.name != "refused" or any(path.iterdir())]


def loop_devices(folder: Path) -> list[str]:
    listed = subprocess.run(
        ["losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"], capture_output=True, text=True, check=False
    )
    return [line for line in listed.stdout.splitlines() if str(folder) in line]


async def unnamed_archives(services: Services) -> list[str]:
    """What lies in the store and is named nowhere, and the other way round."""
    async with services.database.read() as session:
        versions = list(await session.scalars(select(SaveVersion)))
        unwanted = set(await session.scalars(select(UnwantedArchive.key)))
    named = {version.key for version in versions} | {version.picture_key for version in versions} | unwanted
    stored = {key async for key in services.store.stored_before(math.inf)}
    missing = [f"version without archive {version.key}" for version in versions if version.key not in stored]
    return missing + [f"{UNNAMED}{key}" for key in sorted(stored - named - {PROBE})]
