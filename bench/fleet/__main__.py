"""`python -m bench.fleet`: every figure of a fleet in one run, then bench/results/fleet.json."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from bench import place
from bench.fleet import agents, launches, reserving, spawning
from bench.results import Row, show, write
from orchestrator.settings import Settings
from tests.postgresql import Databases, PostgresqlServer

PARTS = ("place", "reserve", "agents", "spawn", "launch")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="show this part alone and write nothing")
    only = parser.parse_args().only
    rows: list[Row] = []
    parts = only or PARTS
    if "place" in parts:
        rows += [row for hosts in place.GOAL_MS for row in place.measure(hosts)]
    with PostgresqlServer() as server, tempfile.TemporaryDirectory() as data:
        databases = Databases(server)
        try:
            if "reserve" in parts:
                rows += asyncio.run(reserving.measure(Settings(data=Path(data), database_url=databases.take())))
            if "agents" in parts:
                rows += asyncio.run(agents.measure(Settings(data=Path(data), database_url=databases.take())))
        finally:
            databases.close()
    if "spawn" in parts:
        rows += asyncio.run(spawning.measure())
    if "launch" in parts:
        rows += launches.measure()
    if only:
        show(rows)
    else:
        write("fleet", rows)


if __name__ == "__main__":
    main()
