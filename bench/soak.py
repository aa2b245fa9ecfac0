"""Ten people play one after another on one host, again and again: nothing may grow, and a stop is quick.

An hour of evenings compressed into minutes: every session is as short as it can be and still have a picture, a save and
a stop; now and then somebody connects and watches the stream. The tiny counter plays, so that what is measured is ours.
"""

import argparse
import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil
from sqlalchemy import func, select

from bench.light_peer import watch
from bench.results import Row, percentile, write
from orchestrator.logging import configure_logging
from orchestrator.play.lifecycle import FINAL
from orchestrator.play.models import Session
from tests.chaos.__main__ import seat_runtime
from tests.chaos.house import House
from tests.chaos.machine import SLUG
from tests.chaos.player import Player
from tests.chaos.referee import leftovers

PEOPLE = 10
WATCHED_EVERY = 5
FRAMES = 5
PLAYS_S = 0.5
RUNS_WITHIN_S = 60.0
TIDY_WITHIN_S = 30.0
MEGABYTE = 2**20


@dataclass(frozen=True)
class Sample:
    """One look at the programs between two sessions."""

    replica_rss: int
    agent_rss: int
    descriptors: int
    threads: int
    files: int


@dataclass
class Soaked:
    """What a soak has shown. `samples` begin after the warm-up."""

    sessions: int = 0
    stop_s: list[float] = field(default_factory=list[float])
    launch_s: list[float] = field(default_factory=list[float])
    samples: list[Sample] = field(default_factory=list[Sample])
    rows_not_final: int = 0
    left: list[str] = field(default_factory=list[str])

    def growth(self, figure: str) -> float:
        """How much more it is in the last third than in the first one, by the median."""
        third = max(1, len(self.samples) // 3)
        values = [float(getattr(sample, figure)) for sample in self.samples]
        return median(values[-third:]) - median(values[:third])


async def soak(runtime: Path, *, people: int, for_s: float, least_sessions: int, warm_up: int) -> Soaked:
    """Sessions for so long, and at least so many. Everybody has played before the warm-up is over."""
    house, soaked = House(runtime, 0.5), Soaked()
    async with house.opened(1, None):
        players = [Player(house.urls, house.note) for _ in range(people)]
        try:
            for player in players:
                await player.register()
            deadline = time.monotonic() + for_s
            while time.monotonic() < deadline or soaked.sessions < least_sessions:
                await _one_session(house, players[soaked.sessions % people], soaked)
                if soaked.sessions > warm_up:
                    await _until_cleared(house)
                    soaked.samples.append(_sample(house))
        finally:
            for player in players:
                await player.close()
        await _look_behind(house, soaked)
    return soaked


async def _one_session(house: House, player: Player, soaked: Soaked) -> None:
    began_s = time.monotonic()
    session_id = await player.launch(SLUG)
    status = await player.until(session_id, lambda seen: seen.status == "running" or seen.is_over, RUNS_WITHIN_S)
    assert status.status == "running", f"{status}\n{house.log_tails()}"
    soaked.launch_s.append(time.monotonic() - began_s)
    if soaked.sessions % WATCHED_EVERY == 0:
        await watch(house.urls[0], session_id, await player.stream_token(session_id), FRAMES)
    else:
        await player.until(session_id, lambda seen: seen.is_over, PLAYS_S)
    await player.stop(session_id)
    soaked.stop_s.append(player.stop_took_s[-1])
    status = await player.until(session_id, lambda seen: seen.is_over, RUNS_WITHIN_S)
    assert status.status == "stopped", f"{status}\n{house.log_tails()}"
    soaked.sessions += 1


async def _until_cleared(house: House) -> None:
    """An end is told before its clean-up; the session is forgotten last."""
    deadline = time.monotonic() + TIDY_WITHIN_S
    sessions = house.agent_data / "sessions"
    while any(sessions.iterdir()) and time.monotonic() < deadline:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.1)


def _sample(house: House) -> Sample:
    replica, agent = (psutil.Process(part.process_id) for part in (house.replicas[0], house.agent))
    return Sample(
        replica_rss=replica.memory_info().rss,
        agent_rss=agent.memory_info().rss,
        descriptors=replica.num_fds() + agent.num_fds(),
        threads=replica.num_threads() + agent.num_threads(),
        files=sum(1 for _ in house.agent_data.rglob("*"))
        + sum(1 for _ in house.seats.rglob("*"))
        - _waiting_files(house),
    )


def _waiting_files(house: House) -> int:
    """A seat that waits for the next session is there at some looks and not at others."""
    return sum(1 for place in house.waiting_seats() for _ in (place.folder, *place.folder.rglob("*")))


async def _look_behind(house: House, soaked: Soaked) -> None:
    deadline = time.monotonic() + TIDY_WITHIN_S
    while (left := await leftovers(house)) and time.monotonic() < deadline:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.3)
    soaked.left = left
    final = [position.value for position in FINAL]
    async with house.services.database.read() as session:
        query = select(func.count()).where(Session.position.not_in(final))
        soaked.rows_not_final = await session.scalar(query) or 0


def rows(soaked: Soaked) -> list[Row]:
    return [
        Row("sessions", soaked.sessions, ""),
        Row("stop_p50_s", median(soaked.stop_s), "s"),
        Row("stop_p95_s", percentile(soaked.stop_s, 0.95), "s", "<= 3"),
        Row("stop_max_s", max(soaked.stop_s), "s"),
        Row("launch_to_running_p50_s", median(soaked.launch_s), "s"),
        Row("launch_to_running_p95_s", percentile(soaked.launch_s, 0.95), "s"),
        Row("replica_rss_growth_mb", soaked.growth("replica_rss") / MEGABYTE, "MB", "<= 10"),
        Row("agent_rss_growth_mb", soaked.growth("agent_rss") / MEGABYTE, "MB", "<= 10"),
        Row("descriptor_growth", soaked.growth("descriptors"), "", "<= 2"),
        Row("thread_growth", soaked.growth("threads"), "", "<= 2"),
        Row("file_growth", soaked.growth("files"), "", "<= 2"),
        Row("rows_not_final", soaked.rows_not_final, "", "0"),
        Row("leftovers", len(soaked.left), "", "0"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    arguments = parser.parse_args()
    configure_logging()
    with seat_runtime() as runtime:
        soaked = asyncio.run(
            soak(runtime, people=PEOPLE, for_s=60 * arguments.minutes, least_sessions=60, warm_up=3 * PEOPLE)
        )
    write("soak", rows(soaked))
    for left in soaked.left:
        print(f"left: {left}")


if __name__ == "__main__":
    main()
