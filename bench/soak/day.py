"""The day itself: a town is opened, people sit at its chairs, things break, and somebody looks and judges."""

import asyncio
import contextlib
import math
import os
import signal
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
from sqlalchemy import func, select

from bench.soak.plan import HOSTS, Chair, Fault, Faults, SeatKilled
from bench.soak.samples import EVERY_S, Sample, sample
from bench.soak.visits import Guest, Visited
from orchestrator.errors import DatabaseUnavailable
from orchestrator.fleet.models import Host
from orchestrator.play.lifecycle import FINAL
from orchestrator.play.models import Session
from tests.chaos.clearing import processes
from tests.chaos.fleet import faults
from tests.chaos.fleet.evening import RECOVERS_WITHIN_S, Judgement, judge_saves, until_tidy
from tests.chaos.fleet.history import violations
from tests.chaos.fleet.observer import FleetObserver
from tests.chaos.fleet.town import READY_WITHIN_S, Town
from tests.chaos.parts import Start
from tests.chaos.player import Player, Refused
from tests.chaos.referee import without_reason

CHAIRS = 4
SEATS = 4
SETTLES_S = 10.0
JUDGED_EVERY_S = 60.0
DEEP_LOOK_EVERY = 10
SIGNS_UP_WITHIN_S = 90.0
QUIET_BEFORE_END_S = 20.0
_FINAL = [position.value for position in FINAL]


@dataclass
class Soaked:
    """What a soak has shown. Faults are (begin, end) in POSIX seconds, the end being when all was well again."""

    began_s: float = 0.0
    people: int = 0
    visits: list[Visited] = field(default_factory=list[Visited])
    samples: list[Sample] = field(default_factory=list[Sample])
    idle: Sample | None = None
    drained: Sample | None = None
    faults: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    recovered_s: list[float] = field(default_factory=list[float])
    rows_not_final: int = 0
    left: list[str] = field(default_factory=list[str])
    judgement: Judgement = field(default_factory=Judgement)
    timeline: list[str] = field(default_factory=list[str])
    logs: str = ""

    def is_calm(self, begin_s: float, end_s: float) -> bool:
        """Whether nothing was broken at any moment between."""
        return not any(begin <= end_s and end >= begin_s for begin, end in self.faults)


def hurried_town(runtime: Path, plant: str) -> Town:
    """Two hosts, whose clocks and whose replicas' clocks hurry, and whose programs have a folder of their own for what
    they write for a moment. `plant` names a leak for `bench.soak.hurried` to plant.
    """

    def dressed(start: Start) -> Start:
        temporary = temporary_of(town)
        temporary.mkdir(exist_ok=True)
        temporary.chmod(0o1777)
        python, option, module, *words = start.command
        environment = {**start.environment, "TMPDIR": str(temporary), "SOAK_PLANT": plant}
        return Start((python, option, "bench.soak.hurried", module, *words), environment)

    town = Town(runtime, hosts=HOSTS, seats=SEATS, dressed=dressed)
    return town


def temporary_of(town: Town) -> Path:
    """Where a hurried town's programs write for a moment."""
    return town.folder / "tmp"


class Day:
    """One day in a hurried town that is open: it begins with nobody there, and ends so."""

    def __init__(self, town: Town, *, seconds: float, people: int, seed: int) -> None:
        self._town, self._seconds, self._people, self._seed = town, seconds, people, seed
        self._temporary = temporary_of(town)
        self._began_s = 0.0
        self.soaked = Soaked()

    async def pass_by(self) -> Soaked:
        """From morning to evening. What the town did wrong is in what was soaked."""
        try:
            await self._day()
        finally:
            self.soaked.timeline = self._town.timeline
            self.soaked.logs = self._town.log_tails()
        return self.soaked

    async def _day(self) -> None:
        town, soaked = self._town, self.soaked
        await asyncio.sleep(SETTLES_S)
        soaked.idle = await sample(town, self._temporary)
        async with town.services.database.read() as session:
            since = await town.services.database.now(session)
        observer = FleetObserver(town, since, DEEP_LOOK_EVERY)
        self._began_s, soaked.began_s = time.monotonic(), time.time()
        players: list[Player] = []
        beside = [
            asyncio.create_task(each)
            for each in (observer.watch(), self._keep_sampling(), self._keep_judging(observer))
        ]
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._break())
                for chair in range(CHAIRS):
                    guests = self._people // CHAIRS + (chair < self._people % CHAIRS)
                    tasks.create_task(self._sit(chair, guests, players))
            await self._look_behind(observer, since, players)
        finally:
            for task in beside:
                task.cancel()
            for ended in await asyncio.gather(*beside, return_exceptions=True):
                if not isinstance(ended, asyncio.CancelledError):
                    self._wrong(f"a look broke off: {ended!r}")
            for player in players:
                await player.close()

    @property
    def _elapsed(self) -> float:
        return (time.monotonic() - self._began_s) / self._seconds

    def _wrong(self, problem: str) -> None:
        self._town.note(f"WRONG {problem.strip().splitlines()[-1][:300]}")
        self.soaked.judgement.problems.append(problem)

    # People.

    async def _sit(self, number: int, people: int, players: list[Player]) -> None:
        chair, guests = Chair(self._seed * CHAIRS + number, people), list[Guest]()
        while people and self._elapsed < 1:
            plan = chair.next(self._elapsed)
            await asyncio.sleep(plan.pause_s)
            if plan.guest == len(guests):
                guests.append(await self._newcomer(number, plan.guest, players))
                self.soaked.people += 1
            try:
                self.soaked.visits.append(await guests[plan.guest].visit(plan))
            except (AssertionError, Refused):
                self._wrong(f"{guests[plan.guest].name}: {traceback.format_exc(limit=-3)}")

    async def _newcomer(self, chair: int, number: int, players: list[Player]) -> Guest:
        name, deadline = f"{chair}.{number}", time.monotonic() + SIGNS_UP_WITHIN_S

        def note(text: str) -> None:
            self._town.note(f"{name} {text}")

        while True:
            player = Player(self._town.urls, note, f"127.2.{chair}.{number + 1}")
            try:
                await player.register()
            except (httpx.HTTPError, AssertionError, Refused):  # a form is sent once: who has bad luck begins anew
                await player.close()
                if time.monotonic() > deadline:
                    raise
            else:
                players.append(player)
                return Guest(name, player, self.soaked.faults, note)

    # Faults.

    async def _break(self) -> None:
        faults_ = Faults(self._seed)
        while True:
            calm_s, fault = faults_.next(self._elapsed)
            if self._elapsed + (calm_s + QUIET_BEFORE_END_S) / self._seconds >= 1:
                return
            await asyncio.sleep(calm_s)
            began_s = time.time()
            self.soaked.faults.append((began_s, math.inf))
            try:
                await self._strike(fault)
                over_s = time.time()
                await self._until_well(over_s)
                self.soaked.recovered_s.append(time.time() - over_s)
            except AssertionError:
                self._wrong(f"after {fault}: {traceback.format_exc(limit=-2)}")
            self.soaked.faults[-1] = began_s, max(time.time(), began_s + RECOVERS_WITHIN_S)
            self._town.note(f"well again after {fault}")

    async def _strike(self, fault: Fault) -> None:
        if not isinstance(fault, SeatKilled):
            await faults.strike(self._town, fault)
            return
        self._town.note(f"FAULT {fault}")
        folder = str(self._town.folder)
        workers = sorted(pid for pid, words in processes() if "streaming.worker" in words and folder in words)
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(workers[fault.number % len(workers)], signal.SIGKILL)

    async def _until_well(self, over_s: float) -> None:
        """Every part answers, and every host was heard since."""
        await self._town.until_ready()
        deadline, over = time.monotonic() + READY_WITHIN_S, datetime.fromtimestamp(over_s, UTC)
        while not await self._all_heard_since(over):
            assert time.monotonic() < deadline, "a host was not heard again"
            await asyncio.sleep(0.2)

    async def _all_heard_since(self, moment: datetime) -> bool:
        with contextlib.suppress(DatabaseUnavailable):
            async with self._town.services.database.read() as session:
                heard = list(await session.scalars(select(Host.last_sync_at)))
                return all(each is not None and each > moment for each in heard)
        return False

    # Looks.

    async def _keep_sampling(self) -> None:
        while True:
            self.soaked.samples.append(await sample(self._town, self._temporary))
            await asyncio.sleep(EVERY_S)

    async def _keep_judging(self, observer: FleetObserver) -> None:
        """Each look is held against the one before it; older ones are let go."""
        while True:
            await asyncio.sleep(JUDGED_EVERY_S)
            self._judge_looks(observer)
            soaked = self.soaked
            told = (
                f"{len(soaked.visits)} visits, {len(soaked.faults)} faults, {len(soaked.judgement.problems)} problems"
            )
            print(f"minute {self._elapsed * self._seconds / 60:.0f}: {told}", flush=True)

    def _judge_looks(self, observer: FleetObserver) -> None:
        for problem in violations(observer.looks):
            self._wrong(problem)
        del observer.looks[:-1]

    async def _look_behind(self, observer: FleetObserver, since: datetime, players: Sequence[Player]) -> None:
        town, soaked = self._town, self.soaked
        await town.until_ready()
        town.note("everybody has gone")
        soaked.left = await until_tidy(town)
        soaked.drained = await sample(town, self._temporary)
        async with town.services.database.read() as session:
            query = select(func.count()).select_from(Session).where(Session.position.not_in(_FINAL))
            soaked.rows_not_final = await session.scalar(query) or 0
        observer.looks.append(await observer.look())
        self._judge_looks(observer)
        for player in players:
            for problem in without_reason(await player.history()):
                self._wrong(problem)
        for line in town.timeline:
            if "BUG" in line:
                self._wrong(line)
        await judge_saves(town, observer, since, soaked.faults, soaked.judgement)
