"""Where the time of a cached launch goes, from the click on Play to the first picture in the browser.

`make play` with a browser on the same machine: the page and the agent tell their moments by one clock. Each game is
there twice: with a display of the size for which a seat waits, and with one that is two pixels wider, for which none
does. Tiny Counter draws as soon as it runs; The Question is a real game with an engine that takes its time.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench.browser_player import Player, chromium
from bench.house import ROOT, House
from bench.results import Row, percentile, write
from orchestrator.embedded.private_engine import PrivateEngine

GAMES = ROOT / "deploy" / "games"
COUNTER, QUESTION = "tiny-counter", "the-question"
COLD = "cold"
WAITS_WITHIN_S = 60.0
BETWEEN_LAUNCHES_S = 6.1
"""No owner may launch more often than ten times a minute."""

STEPS = ("placed", "ordered", "seat", "container", "connected", "drawn", "picture")
"""The launch is answered; the order is at the agent; the seat is there; the container runs; the page is connected; the
seat has seen a picture; the page has shown one."""


@dataclass(frozen=True)
class Launch:
    """Milliseconds from the click to each of `STEPS`."""

    game: str
    was_warm: bool
    steps: dict[str, float]


class AgentLog:
    """The agent's events from now on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begin = path.stat().st_size if path.exists() else 0

    def of(self, session_id: str) -> Iterator[dict[str, Any]]:
        for event in self._events():
            if event.get("session") == session_id:
                yield event

    def count(self, name: str) -> int:
        return sum(event["event"] == name for event in self._events())

    def _events(self) -> Iterator[dict[str, Any]]:
        for line in self._path.read_bytes()[self._begin :].decode(errors="replace").splitlines():
            if line.startswith("{"):
                yield json.loads(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--launches", type=int, default=10)
    parser.add_argument("--data", type=Path, help="the data folder of an earlier run, with the games in it")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="playhouse-bench-"))
    try:
        launches = measure(arguments.data or folder / "data", arguments.launches)
    finally:
        shutil.rmtree(folder)
    write("launch", rows(launches))


def measure(data: Path, count: int) -> list[Launch]:
    """Each game `count` times with a waiting seat and as often without; one launch more fills the caches."""
    house, found = House(data), list[Launch]()
    try:
        house.start()
        _add_games(data)
        house.interrupt()
        log = AgentLog(data / "logs" / "agent.log")
        house.start()  # an agent that starts looks at once which images there are
        with chromium(house.url) as player:
            player.sign_in(*house.credentials)
            for game in (COUNTER, QUESTION):
                for number in range(count + 1):
                    _until_a_seat_waits(log)
                    launches = [_launched(player, log, game, is_warm=is_warm) for is_warm in (True, False)]
                    found += launches if number else []
        house.interrupt()
    finally:
        house.close()
    return found


def rows(launches: list[Launch]) -> list[Row]:
    orders = [each.steps["ordered"] - each.steps["placed"] for each in launches]
    table = [Row("order_at_agent_after_answer_p95_ms", percentile(orders, 0.95), "ms", "<= 50")]
    goals = {(COUNTER, True): "<= 600", (QUESTION, True): "<= 2200"}
    for game in (COUNTER, QUESTION):
        for is_warm in (True, False):
            mine = [each.steps for each in launches if each.game == game and each.was_warm is is_warm]
            name = f"{game.replace('-', '_')}_{'warm' if is_warm else 'cold'}"
            for step in STEPS:
                goal = goals.get((game, is_warm)) if step == "picture" else None
                table.append(Row(f"{name}_{step}_p50_ms", median(steps[step] for steps in mine), "ms", goal))
            table.append(Row(f"{name}_picture_max_ms", max(steps["picture"] for steps in mine), "ms"))
    return table


def _launched(player: Player, log: AgentLog, game: str, *, is_warm: bool) -> Launch:
    began = time.monotonic()
    player.open_game(game if is_warm else f"{game}-{COLD}")
    session_id = player.play()
    player.wait_for_picture()
    player.wait_for_running()
    marks = player.marks()
    player.stop()
    launch = _read(game, marks, list(log.of(session_id)))
    if launch.was_warm is not is_warm:
        raise RuntimeError(f"a launch of {game} that should have been {'warm' if is_warm else 'cold'} was not")
    time.sleep(max(0.0, BETWEEN_LAUNCHES_S - (time.monotonic() - began)))
    return launch


def _read(game: str, marks: dict[str, Any], events: list[dict[str, Any]]) -> Launch:
    at_ms = {str(event["event"]): _epoch_ms(event) for event in reversed(events)}
    was_warm = "seat.taken" in at_ms
    moments = {
        "placed": marks["orderedAt"],
        "ordered": at_ms["session.ordered"],
        "seat": at_ms["seat.taken" if was_warm else "seat.ready"],
        "container": at_ms["container.started"],
        "connected": marks["connectedAt"],
        "drawn": next(_epoch_ms(event) for event in events if event.get("to") == "running"),
        "picture": marks["firstPictureAt"],
    }
    return Launch(game, was_warm, {step: moments[step] - marks["clickedAt"] for step in STEPS})


def _epoch_ms(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["timestamp"]).timestamp() * 1000


def _until_a_seat_waits(log: AgentLog) -> None:
    """More have come to wait than were taken, lost or given up."""
    until = time.monotonic() + WAITS_WITHIN_S
    gone = ("seat.taken", "warm_seat.lost", "warm_seat.given_up")
    while time.monotonic() < until:
        if log.count("warm_seat.waits") > sum(log.count(name) for name in gone):
            return
        time.sleep(0.2)
    raise TimeoutError("no seat came to wait")


def _add_games(data: Path) -> None:
    """Both games on displays of one size, and once more on others."""
    docker_host = PrivateEngine(data).docker_host
    environment = {**os.environ, "ORCHESTRATOR_DATA": str(data), "DOCKER_HOST": docker_host}
    subprocess.run([sys.executable, GAMES / COUNTER / "build.py"], env=environment, check=True, capture_output=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "game.toml"
        for game in (COUNTER, QUESTION):
            definition = (GAMES / game / "game.toml").read_text()
            definition = re.sub(r"(?m)^height = .*", "height = 720", definition)
            for slug, width in ((game, 1280), (f"{game}-{COLD}", 1282)):
                text = re.sub(r"(?m)^width = .*", f"width = {width}", definition)
                file.write_text(re.sub(r"(?m)^slug = .*", f'slug = "{slug}"', text))
                command = [sys.executable, "-m", "orchestrator", "games", "add", file, "--docker-host", docker_host]
                subprocess.run(command, env=environment, check=True, capture_output=True)


if __name__ == "__main__":
    main()
