"""`python -m bench.api`: how many requests a second one replica answers, on SQLite and on PostgreSQL: how a session
stands, that somebody plays, a page of the catalogue, one game. Writes bench/results/api.json.

The replica is `orchestrator serve` and has one core to itself; wrk, PostgreSQL and whoever measures have another. wrk
asks over eight connections, and its requests are those of fifty players in turn, each with a game that runs, in a
database with years behind it. In the same turns it asks the same of what a replica is made of, Litestar on uvicorn
without a line of ours, which answers the bytes of a session's status: what no program of this kind can be above.

`--beside DIR` measures another checkout in turns with this one, each on databases of its own, and shows how many times
as fast this one is; it writes nothing.
"""

import argparse
import asyncio
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

import psutil
import structlog

from bench.api.town import GAMES, Player, filled, slug_of
from bench.house import ROOT, free_port
from bench.results import Row, show, write
from migrations import migrate
from orchestrator.settings import Settings
from tests.postgresql import PostgresqlServer

CONNECTIONS = 8
ROUNDS = 3
SECONDS = 3
READY_WITHIN_S = 60.0
STOPS_WITHIN_S = 20.0
_SCRIPT = Path(__file__).with_name("ask.lua")
_KEPT_ALIVE = '{{"sessionId":"{}","framesDecoded":30}}'
_ASKS: dict[str, Callable[[Player, int], str]] = {
    "status": lambda player, _: f"GET\t/api/game/session-status?sessionId={player.session_id}\t{player.cookie}\t",
    "keepalive": lambda player, _: (
        f"POST\t/api/game/keepalive\t{player.cookie}\t{_KEPT_ALIVE.format(player.session_id)}"
    ),
    "games": lambda player, _: f"GET\t/api/games\t{player.cookie}\t",
    "game": lambda player, number: f"GET\t/api/games/{slug_of(number % GAMES)}\t{player.cookie}\t",
}


@dataclass(frozen=True)
class Served:
    """A server that is up; its requests by what they ask are files for wrk."""

    url: str
    process: psutil.Process
    requests: dict[str, Path]

    @property
    def cpu_s(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system


@dataclass(frozen=True)
class Round:
    per_s: float
    p99_ms: float
    cpu_us: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("sqlite", "postgres"), help="show this one alone and write nothing")
    parser.add_argument("--ask", choices=tuple(_ASKS), help="ask this alone and write nothing")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--beside", type=Path, help="another checkout, set up by `deploy/setup`")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asks = [arguments.ask] if arguments.ask else list(_ASKS)
    served_on, *others = sorted(os.sched_getaffinity(0))
    if others:
        os.sched_setaffinity(0, others[:1])  # all that is started here inherits it
    beside = [arguments.beside.absolute()] if arguments.beside else []
    rows: list[Row] = []
    for name in ("sqlite", "postgres"):
        if arguments.only not in {None, name}:
            continue
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            server = stack.enter_context(PostgresqlServer()) if name == "postgres" else None
            replicas = [
                stack.enter_context(_replica(checkout, _settings(folder / str(number), server), served_on))
                for number, checkout in enumerate([ROOT, *beside])
            ]
            floor = stack.enter_context(_floor(replicas[0], folder / "bytes", served_on))
            rows += _measured(name, asks, replicas, floor, arguments)
    if arguments.only or arguments.ask or beside:
        show(rows)
    else:
        write("api", rows)


def _measured(
    name: str, asks: Sequence[str], replicas: Sequence[Served], floor: Served, arguments: argparse.Namespace
) -> list[Row]:
    rows: list[Row] = []
    for ask in asks:
        servers = [*replicas, *([floor] if ask == "status" else [])]
        for server in servers:
            _asked(server, ask, 1)  # what is made at the first request is there
        rounds = [[_asked(server, ask, arguments.seconds) for server in servers] for _ in range(arguments.rounds)]
        ours, *others = [_together(each) for each in zip(*rounds, strict=True)]
        rows += [
            Row(f"{ask}_per_s_{name}", ours.per_s, "/s"),
            Row(f"{ask}_p99_ms_{name}", ours.p99_ms, "ms"),
            Row(f"{ask}_cpu_us_{name}", ours.cpu_us, "us"),
        ]
        if ask == "status":
            bare = others.pop()
            peer = "Litestar and uvicorn alone, the same bytes"
            rows += [
                Row(f"peer_litestar_per_s_{name}", bare.per_s, "/s", peer=peer),
                Row(f"peer_litestar_p99_ms_{name}", bare.p99_ms, "ms", peer=peer),
                Row(f"status_of_litestar_pct_{name}", 100 * ours.per_s / bare.per_s, "%", peer=peer),
            ]
        if others:
            ratios = [mine.per_s / other.per_s for mine, other, *_ in rounds]
            rows += [
                Row(f"{ask}_times_beside_{name}", statistics.median(ratios), ""),
                Row(f"{ask}_times_beside_least_{name}", min(ratios), ""),
                Row(f"{ask}_times_beside_most_{name}", max(ratios), ""),
                Row(f"{ask}_cpu_us_beside_{name}", others[0].cpu_us, "us"),
            ]
    return rows


def _together(rounds: Sequence[Round]) -> Round:
    return Round(*(statistics.median(values) for values in zip(*map(astuple, rounds), strict=True)))


def _asked(server: Served, ask: str, seconds: int) -> Round:
    """One round of wrk. AssertionError when anything was answered with a refusal, or not at all."""
    command = ("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(_SCRIPT), server.url)
    before_s = server.cpu_s
    done = subprocess.run(
        command,
        env=os.environ | {"WRK_REQUESTS": str(server.requests[ask])},
        capture_output=True,
        text=True,
        check=True,
    )
    cpu_s = server.cpu_s - before_s
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["failed"] == 0, (ask, told)
    return Round(1e6 * told["requests"] / told["took_us"], told["p99_us"] / 1000, 1e6 * cpu_s / told["requests"])


def _settings(data: Path, server: PostgresqlServer | None) -> Settings:
    """Of a replica whose database has its tables."""
    data.mkdir()
    if server is None:
        url = f"sqlite+aiosqlite:///{data}/orchestrator.sqlite3"
    else:
        name = f"replica{data.name}"
        asyncio.run(server.execute(f"CREATE DATABASE {name}"))
        url = server.url(name)
    asyncio.run(migrate(url))
    return Settings(data=data, database_url=url)


@contextmanager
def _replica(checkout: Path, settings: Settings, core: int) -> Generator[Served]:
    players = asyncio.run(filled(settings))
    requests: dict[str, Path] = {}
    for ask, line in _ASKS.items():
        requests[ask] = settings.data / f"{ask}.requests"
        requests[ask].write_text("".join(f"{line(player, number)}\n" for number, player in enumerate(players)))
    port = free_port()
    environment = {"ORCHESTRATOR_DATA": str(settings.data), "ORCHESTRATOR_DATABASE_URL": settings.database_url}
    python = sys.executable if checkout == ROOT else str(checkout / ".venv/bin/python")
    command = (python, "-m", "orchestrator", "serve", "--port", str(port))
    log = settings.data / "replica.log"
    with _server(command, port, "/health/ready", core, log, checkout, environment) as process:
        yield Served(f"http://127.0.0.1:{port}", process, requests)


@contextmanager
def _floor(replica: Served, file: Path, core: int) -> Generator[Served]:
    line = replica.requests["status"].read_text().splitlines()[0]
    _, path, cookie, _ = line.split("\t")
    asked = urllib.request.Request(f"{replica.url}{path}", headers={"Cookie": cookie})
    with urllib.request.urlopen(asked) as answer:
        file.write_bytes(answer.read())
    requests, port = file.with_suffix(".requests"), free_port()
    requests.write_text(f"GET\t/\t{cookie}\t\n")
    command = (sys.executable, "-m", "bench.api.floor", str(port), str(file))
    with _server(command, port, "/", core, file.with_suffix(".log"), ROOT, {}) as process:
        yield Served(f"http://127.0.0.1:{port}", process, {"status": requests})


@contextmanager
def _server(
    command: Sequence[str], port: int, path: str, core: int, log: Path, cwd: Path, environment: Mapping[str, str]
) -> Generator[psutil.Process]:
    """A process on this core, until the block ends; its log is a file. Returns once it answers."""
    pinned = ("taskset", "--cpu-list", str(core), *command)
    with log.open("wb") as writing:
        running = subprocess.Popen(pinned, cwd=cwd, env=os.environ | environment, stdout=writing, stderr=writing)
    try:
        until_s = time.monotonic() + READY_WITHIN_S
        while not _answers(f"http://127.0.0.1:{port}{path}"):
            assert running.poll() is None, log.read_text()
            assert time.monotonic() < until_s, log.read_text()
            time.sleep(0.1)
        yield psutil.Process(running.pid)
    finally:
        running.terminate()
        running.wait(STOPS_WITHIN_S)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status == 200
    except OSError:
        return False


if __name__ == "__main__":
    main()
