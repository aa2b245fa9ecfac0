"""One schedule from beginning to end in an open town: players, faults, and the judgement of both."""

import asyncio
import contextlib
import subprocess
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from orchestrator.play.lifecycle import FINAL
from orchestrator.play.models import Session
from orchestrator.saves.models import SaveSlot, SaveVersion
from tests.chaos.clearing import mounts_below, processes_of
from tests.chaos.fleet import faults
from tests.chaos.fleet.history import fault_moments, violations
from tests.chaos.fleet.observer import FleetObserver
from tests.chaos.fleet.schedule import FleetSchedule, Script, Strike
from tests.chaos.fleet.town import Town
from tests.chaos.machine import SLUG, waiting_seats
from tests.chaos.observer import Written, all_containers
from tests.chaos.player import Player
from tests.chaos.referee import (
    MOST_LOST_S,
    UNNAMED,
    counter_of,
    files_in,
    let_days_pass,
    loop_devices,
    lost_for_good,
    save_ages,
    unnamed_archives,
    without_reason,
)

STARTS_WITHIN_S = 150.0
ENDS_WITHIN_S = 120.0
PEACE_S = 1.5
TIDY_WITHIN_S = 60.0
EVENING_WITHIN_S = 300.0
RECOVERS_WITHIN_S = 3.0
"""How long who was killed may take to be at work again."""
_FINAL = [position.value for position in FINAL]


@dataclass(frozen=True)
class FleetOutcome:
    """A verdict with everything that explains it."""

    schedule: FleetSchedule
    problems: tuple[str, ...]
    save_age_s: float
    took_s: float
    moved: int
    side_versions: int
    timeline: tuple[str, ...]
    logs: str

    @property
    def is_good(self) -> bool:
        return not self.problems

    def __str__(self) -> str:
        lines = [str(self.schedule), *self.timeline]
        if not self.is_good:
            lines += [self.logs, str(self.schedule)]
        lines += [f"BROKEN: {problem}" for problem in self.problems]
        lines.append(f"worst save age {self.save_age_s:.1f} s; took {self.took_s:.0f} s")
        return "\n".join(lines)


@dataclass
class Judgement:
    """What was found against the town, and how much of what was played was lost at most."""

    problems: list[str] = field(default_factory=list[str])
    save_age_s: float = 0.0
    moved: int = 0
    side_versions: int = 0


async def play(town: Town, plan: FleetSchedule) -> FleetOutcome:
    """Never raises for what the town did wrong: that is in the outcome."""
    began_s, first_line = time.monotonic(), len(town.timeline)
    judgement = Judgement()
    town.note(f"seed {plan.seed}")
    try:
        async with asyncio.timeout(EVENING_WITHIN_S):
            await _evening(town, plan, judgement)
    except Exception:
        judgement.problems.append(f"the evening broke off: {traceback.format_exc()[-3000:]}")
    timeline = tuple(town.timeline[first_line:])
    judgement.problems += [line.strip() for line in timeline if "BUG" in line]
    return FleetOutcome(
        plan,
        tuple(dict.fromkeys(judgement.problems)),
        judgement.save_age_s,
        time.monotonic() - began_s,
        judgement.moved,
        judgement.side_versions,
        timeline,
        town.log_tails() if judgement.problems else "",
    )


async def _evening(town: Town, plan: FleetSchedule, judgement: Judgement) -> None:
    async with town.services.database.read() as session:
        since = await town.services.database.now(session)
    observer = FleetObserver(town, since)
    struck_s: list[tuple[float, float]] = []
    watching = asyncio.create_task(observer.watch())
    address = f"127.1.{plan.seed // 250 % 250}.{plan.seed % 250 + 1}"
    players = [Player(town.urls, _named(town, number), address) for number in range(len(plan.scripts))]
    try:
        for player in players:
            await player.register()
        async with asyncio.TaskGroup() as tasks:
            for planned in plan.strikes:
                tasks.create_task(_strike(town, planned, struck_s))
            for player, script in zip(players, plan.scripts, strict=True):
                tasks.create_task(_play(player, script))
        await town.until_ready()
        town.note("the trouble is over")
        await asyncio.gather(*(_sitting(player, PEACE_S, is_peace=True) for player in players))
        left = await until_tidy(town)
        observer.looks.append(await observer.look())
        judgement.problems += [f"left: {each}" for each in left]
        judgement.problems += violations(observer.looks)
        for player in players:
            judgement.problems += without_reason(await player.history())
        await judge_saves(town, observer, since, struck_s, judgement)
        await asyncio.gather(*(asyncio.to_thread(town.forget_image, host) for host in town.hosts))
    finally:
        watching.cancel()
        [ended] = await asyncio.gather(watching, return_exceptions=True)
        if not isinstance(ended, asyncio.CancelledError):
            judgement.problems.append(f"the observer went blind: {ended!r}")
        for player in players:
            await player.close()


async def _strike(town: Town, planned: Strike, struck_s: list[tuple[float, float]]) -> None:
    await asyncio.sleep(planned.after_s)
    began_s = time.time()
    await faults.strike(town, planned)
    struck_s.append((began_s, max(time.time(), began_s + RECOVERS_WITHIN_S)))


async def _play(player: Player, script: Script) -> None:
    await asyncio.sleep(script.begins_after_s)
    for _ in range(script.sittings):
        await _sitting(player, script.play_s, reports_frames=script.reports_frames, loses_answer=script.loses_answer)


async def _sitting(
    player: Player, play_s: float, *, reports_frames: bool = False, loses_answer: bool = False, is_peace: bool = False
) -> None:
    session_id = await player.launch(SLUG, loses_answer=loses_answer)
    status = await player.until(session_id, lambda seen: seen.status == "running" or seen.is_over, STARTS_WITHIN_S)
    assert status.status == "running" or status.is_over, f"{session_id} did not start: {status}"
    assert not (is_peace and status.is_over), f"in peace {session_id} did not start: {status}"
    if not status.is_over:
        status = await player.until(session_id, lambda seen: seen.is_over, play_s, reports_frames=reports_frames)
    if not status.is_over:
        await player.stop(session_id)
    status = await player.until(session_id, lambda seen: seen.is_over, ENDS_WITHIN_S)
    assert status.is_over, f"{session_id} did not end in {ENDS_WITHIN_S:.0f} s: {status}"


def _named(town: Town, number: int) -> Any:
    def note(text: str) -> None:
        town.note(f"{number} {text}")

    return note


async def until_tidy(town: Town) -> list[str]:
    """What is left of ended sessions when it had its time to be cleared away."""
    deadline = time.monotonic() + TIDY_WITHIN_S
    while (left := await leftovers(town)) and time.monotonic() < deadline:
        if all(each.startswith(UNNAMED) for each in left):
            await let_days_pass(town.services)
        await asyncio.sleep(0.3)
    return left


async def leftovers(town: Town) -> list[str]:
    """Everything of ended sessions that is still there, on any host; and sessions that have not ended. Seats that wait
    for the next one are nobody's yet.
    """
    town.learn_seats()
    async with town.services.database.read() as session:
        rows = await session.scalars(select(Session).where(Session.position.not_in(_FINAL)))
        found = [f"session {row.id} {row.position}" for row in rows]
    waiting_uids = set[int]()
    for host in town.hosts:
        waiting = waiting_seats(host.seats)
        folders = {place.folder for place in waiting}
        waiting_uids |= {place.owner.uid for place in waiting}
        try:
            found += [f"container {name}" for name in await asyncio.to_thread(all_containers, host.docker_host)]
        except Exception as error:  # the engine is part of what must be well again
            found.append(f"engine {host.name} {type(error).__name__}")
        found += [f"seat {path}" for path in host.seats.glob("*/*") if path not in folders]
        found += [f"mount {point}" for point in mounts_below(host.agent_data)]
        for below in ("sessions", "kept", "unsent"):
            found += [f"{path.relative_to(town.folder)}" for path in files_in(host.agent_data / below)]
    found += [f"process {process} {words[:120]}" for process, words in processes_of(town.seat_uids - waiting_uids)]
    with contextlib.suppress(subprocess.SubprocessError):
        found += [f"loop device {line}" for line in await asyncio.to_thread(loop_devices, town.folder)]
    found += [f"reserved {host.reserved}" for host in await town.services.fleet_overview.hosts() if host.reserved.seats]
    return found + await unnamed_archives(town.services)


async def judge_saves(
    town: Town, observer: FleetObserver, since: datetime, struck_s: Sequence[tuple[float, float]], judgement: Judgement
) -> None:
    """Each player has one slot; nothing of it is older than it may be, and what came late stands beside the head."""
    async with town.services.database.read() as session:
        rows = list(await session.scalars(select(Session).where(Session.created_at >= since)))
        versions = list(await session.scalars(select(SaveVersion)))
        slots = {slot.owner: slot for slot in await session.scalars(select(SaveSlot))}
    judgement.moved = sum(max(0, len(row.placed_on) - 1) for row in rows)
    for owner in {row.owner for row in rows}:
        session_ids = {row.id for row in rows if row.owner == owner}
        runs = observer.runs(session_ids)
        if not runs:
            judgement.problems.append(f"nothing was seen of the games of {owner}")
        mine = [version for version in versions if version.session_id in session_ids]
        judgement.side_versions += sum(version.is_side for version in mine)
        newest: dict[str, Written] = {}
        head: Written | None = None
        for version in mine:
            counter = await counter_of(town.services.store, version)
            if counter is None:
                continue
            run, written = counter
            newest[run] = max(written, newest.get(run, written), key=lambda each: each.count)
            if owner in slots and slots[owner].head_version_id == version.id:
                head = written
        for run, written in lost_for_good(runs, newest).items():
            judgement.problems.append(f"of run {run} of {owner} nothing after {written.count} can be restored")
        begun_at = [written[0].wall_s for _, written in runs]
        ages = save_ages(runs, head, fault_moments(struck_s, begun_at))
        judgement.save_age_s = max([judgement.save_age_s, *ages.values()])
        judgement.problems += [
            f"{age_s:.1f} s of play of {owner} were lost after run {run}"
            for run, age_s in ages.items()
            if age_s > MOST_LOST_S
        ]
