"""One schedule from beginning to end: a house, a player, the faults, the referee."""

import asyncio
import time
import traceback
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos import faults
from tests.chaos.house import House
from tests.chaos.machine import SLUG
from tests.chaos.observer import Observer
from tests.chaos.player import Player, Status
from tests.chaos.referee import Verdict, judge
from tests.chaos.schedule import Moment, Schedule
from tests.postgresql import PostgresqlServer

STARTS_WITHIN_S = 260.0
ENDS_WITHIN_S = 150.0
PLAYS_ON_S = 3.0
EVENING_WITHIN_S = 480.0


@dataclass(frozen=True)
class Outcome:
    """A verdict, with everything that explains it."""

    schedule: Schedule
    verdict: Verdict
    took_s: float
    timeline: tuple[str, ...]
    logs: str

    def __str__(self) -> str:
        lines = [str(self.schedule), *self.timeline]
        if not self.verdict.is_good:
            lines += [self.logs, str(self.schedule)]
        lines += [f"BROKEN: {problem}" for problem in self.verdict.problems]
        lines += [f"LEFT: {left}" for left in self.verdict.left]
        lines.append(f"worst save age {self.verdict.save_age_s:.1f} s; took {self.took_s:.0f} s")
        return "\n".join(lines)


async def play(plan: Schedule, seat_runtime: Path) -> Outcome:
    """Never raises for what the house did wrong: that is in the verdict."""
    async with _database(plan.replicas) as url:
        return await _play(plan, House(seat_runtime, plan.restart_pause_s, url))


@asynccontextmanager
async def _database(replicas: int) -> AsyncGenerator[str | None]:
    """SQLite for one replica; for more a PostgreSQL of their own."""
    if replicas == 1:
        yield None
        return
    server = PostgresqlServer()
    await asyncio.to_thread(server.__enter__)
    try:
        await server.execute("CREATE DATABASE house")
        yield server.url("house")
    finally:
        await asyncio.to_thread(server.__exit__)


async def _play(plan: Schedule, house: House) -> Outcome:
    began_s = time.monotonic()
    logs = ""
    try:
        async with house.opened(plan.replicas, plan.born_bad):
            try:
                async with asyncio.timeout(EVENING_WITHIN_S):
                    verdict = await _evening(house, plan)
            except (Exception, asyncio.CancelledError):
                logs = house.log_tails()
                raise
            logs = house.log_tails()
    except Exception:
        verdict = Verdict((f"the evening broke off: {traceback.format_exc()[-3000:]}",), (), 0.0)
    took_s = time.monotonic() - began_s
    return Outcome(plan, verdict, took_s, tuple(house.timeline), logs)


async def _evening(house: House, plan: Schedule) -> Verdict:
    observer = Observer(house)
    watching = asyncio.create_task(observer.watch())
    try:
        async with Player(house.urls, house.note) as player:
            await player.register()
            await _troubled_play(house, player, plan)
            await house.until_engine_answers()
            await house.until_ready()
            house.note("the trouble is over")
            await _play_on(player)
            return await judge(house, observer, await player.history())
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _troubled_play(house: House, player: Player, plan: Schedule) -> None:
    blows: list[asyncio.Task[None]] = []

    def begin(moment: Moment) -> None:
        async def one(planned: faults.Strike) -> None:
            await asyncio.sleep(planned.after_s)
            await faults.strike(house, planned)

        blows.extend(asyncio.create_task(one(planned)) for planned in plan.strikes if planned.moment is moment)

    try:
        begin(Moment.LAUNCH)
        slug = "tiny-bad" if plan.born_bad else SLUG
        session_id = await player.launch(slug, loses_answer=plan.loses_launch_answer, twice=plan.launches_twice)
        status = await player.until(session_id, lambda seen: seen.status == "running" or seen.is_over, STARTS_WITHIN_S)
        begin(Moment.PLAY)
        if not status.is_over:
            status = await _watch(player, session_id, plan)
        begin(Moment.STOP)
        if not status.is_over:
            await player.stop(session_id, loses_answer=plan.loses_stop_answer)
        status = await player.until(session_id, lambda seen: seen.is_over, ENDS_WITHIN_S)
        assert status.is_over, f"{session_id} did not end in {ENDS_WITHIN_S:.0f} s: {status}"
    finally:
        await asyncio.gather(*blows)


async def _watch(player: Player, session_id: str, plan: Schedule) -> Status:
    return await player.until(session_id, lambda seen: seen.is_over, plan.play_s, reports_frames=plan.reports_frames)


async def _play_on(player: Player) -> None:
    """After the trouble the same person plays on from the save, in peace."""
    session_id = await player.launch(SLUG)
    status = await player.until(session_id, lambda seen: seen.status == "running" or seen.is_over, STARTS_WITHIN_S)
    assert not status.is_over, f"in peace the game did not start: {status}"
    await player.until(session_id, lambda seen: seen.is_over, PLAYS_ON_S)
    await player.stop(session_id)
    status = await player.until(session_id, lambda seen: seen.is_over, ENDS_WITHIN_S)
    assert status.status == "stopped", f"in peace the game did not stop well: {status}"
