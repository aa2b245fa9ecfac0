"""`python -m bench.arena`: two thousand matches at once, two hundred moves a second, and a `kill -9` in the middle: on
one replica with SQLite, then on two with PostgreSQL behind a proxy, where every tenth match polls. Writes
bench/results/arena.json.

Nothing that a player was told may be missing after the kill, in any match. The time in which players come back is
apart from the latencies.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from bench.arena.town import Crowds, Replica, crowds, proxied, sessions, tenants_key
from bench.results import Row, percentile, show, write
from migrations import migrate
from orchestrator.settings import Settings
from tests.postgresql import Databases, PostgresqlServer

MATCHES = 2_000
MOVES_PER_S = 200.0
SECONDS = 20.0
KILLED_AFTER_S = 1.5
GOAL_MS = 50
POLLING_EACH = 10
PROCESSES = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="show this one alone and write nothing")
    parser.add_argument("--matches", type=int, default=MATCHES, help="another number shows and writes nothing")
    parser.add_argument("--per-second", type=float, default=MOVES_PER_S, help="another number writes nothing")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each of the two measured times")
    chosen = parser.parse_args()
    load = chosen.matches, chosen.per_second, chosen.seconds
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        if chosen.only != "postgresql":
            settings = Settings(data=Path(folder), database_url=f"sqlite+aiosqlite:///{folder}/orchestrator.sqlite3")
            asyncio.run(migrate(settings.database_url))
            rows += asyncio.run(measure(settings, "", 1, *load))
        if chosen.only != "sqlite":
            with PostgresqlServer() as server:
                databases = Databases(server)
                try:
                    settings = Settings(data=Path(folder), database_url=databases.take())
                    rows += asyncio.run(measure(settings, "two_replicas_", 2, *load))
                finally:
                    databases.close()
    if chosen.only or load != (MATCHES, MOVES_PER_S, SECONDS):
        show(rows)
    else:
        write("arena", rows)


async def measure(
    settings: Settings, prefix: str, replicas: int, matches: int, per_s: float, seconds: float
) -> list[Row]:
    """The whole evening on that many replicas."""
    key = await tenants_key(settings)
    async with AsyncExitStack() as stack:
        running = [Replica(settings) for _ in range(replicas)]
        for replica in running:
            stack.push_async_callback(replica.end)
            await replica.start()
        url = await stack.enter_async_context(proxied(running, settings.data)) if replicas > 1 else running[0].url
        _say("making sessions")
        plans, sessions_per_s = await sessions(running[0].url, key, matches, POLLING_EACH if replicas > 1 else None)
        playing = await stack.enter_async_context(crowds(url, plans, PROCESSES))
        _say("everybody joins")
        joined = await playing.do("connect")
        _say("playing")
        cpu_s = sum(replica.cpu_s for replica in running)
        before = await playing.play(seconds, per_s)
        cpu_s = sum(replica.cpu_s for replica in running) - cpu_s
        back = await killed(running[0], playing, per_s)
        _say("playing on")
        after = await playing.play(seconds, per_s)
        _say("looking at every match")
        checked = await playing.do("check")
        await playing.do("close")
    assert not _all(checked, "refusals"), checked
    measured = [*before, *after]
    rows = [
        *_latencies(f"{prefix}matches{matches}_move", _all(measured, "took_ms"), f"<= {GOAL_MS}"),
        Row(f"{prefix}moves_per_s", _sum(measured, "sent") / (2 * seconds), "/s", f">= {per_s}"),
        Row(f"{prefix}moves_late", _sum(measured, "late"), "", "0"),
        Row(f"{prefix}moves_lost_over_kill", _sum(back, "lost") + _sum(checked, "lost"), "", "0"),
        Row(f"{prefix}matches_wrong", _sum(checked, "wrong"), "", "0"),
        Row(f"{prefix}moves_checked", _sum(checked, "moves"), ""),
        Row(f"{prefix}sockets_thrown_out", _sum(back, "came"), ""),
        Row(f"{prefix}all_back_after_s", max(each["took_s"] for each in back), "s"),
        Row(f"{prefix}replicas_cpu_pct", 100 * cpu_s / seconds, "% of a core"),
        Row(f"{prefix}all_joined_after_s", max(each["took_s"] for each in joined), "s"),
        Row(f"{prefix}sessions_made_per_s", sessions_per_s, "/s"),
    ]
    return rows + _latencies(f"{prefix}polling_move", _all(measured, "polling_ms"), f"<= {GOAL_MS}")


async def killed(replica: Replica, playing: Crowds, per_s: float) -> list[dict[str, Any]]:
    """`kill -9` while moves are on their way, a new start, and everybody comes back."""
    moving = asyncio.create_task(playing.play(2 * KILLED_AFTER_S, per_s))
    await asyncio.sleep(KILLED_AFTER_S)
    _say("kill -9")
    await replica.end()
    await moving
    await replica.start()
    _say("everybody comes back")
    return await playing.do("come_back")


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)


def _latencies(name: str, took_ms: list[float], goal: str) -> list[Row]:
    if not took_ms:
        return []
    return [
        Row(f"{name}_p99_ms", percentile(took_ms, 0.99), "ms", goal),
        Row(f"{name}_p50_ms", percentile(took_ms, 0.5), "ms"),
        Row(f"{name}_max_ms", max(took_ms), "ms"),
    ]


def _sum(answers: Sequence[dict[str, Any]], name: str) -> float:
    return sum(answer[name] for answer in answers)


def _all(answers: Sequence[dict[str, Any]], name: str) -> list[Any]:
    return [value for answer in answers for value in answer[name]]


if __name__ == "__main__":
    main()
