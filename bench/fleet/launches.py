"""Where the time of a cached launch goes, from the click on Play to the first picture in the browser.

`make play` with a browser on the same machine: the page and the agent tell their moments by one clock. Each game is
there for each kind of launch: `title`, where it waits at its title; `warm`, with a display of the size for which a seat
waits; `cold`, with one that nobody has ever asked for, so that none does. The last two say that it may not wait at its
title. Tiny Counter draws as soon as it runs; The Question is a real game with an engine that takes its time. Each
launch after a game's first brings the save of the one before it.
"""

import itertools
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
from bench.results import Row, percentile
from orchestrator.embedded.private_engine import PrivateEngine

GAMES = ROOT / "deploy" / "games"
COUNTER, QUESTION = "tiny-counter", "the-question"
TITLE, WARM, COLD = "title", "warm", "cold"
KINDS = ((COUNTER, WARM), (COUNTER, COLD), (QUESTION, WARM), (QUESTION, COLD), (QUESTION, TITLE))
LAUNCHES = 10
GOALS = {
    (COUNTER, WARM): ("warm_launch_p50_s", "<= 0.6"),
    (QUESTION, WARM): ("click_to_picture_p50_s", "<= 2.2"),
    (QUESTION, TITLE): ("click_to_picture_title_warm_p50_s", "<= 0.8"),
}
WAITS_WITHIN_S = 60.0
BETWEEN_LAUNCHES_S = 6.1
"""No owner may launch more often than ten times a minute."""

STEPS = ("placed", "ordered", "seat", "container", "connected", "drawn", "picture")
"""The launch is answered; the order is at the agent; the seat is there; the container runs (of a title, with its save);
the page is connected; the seat has seen a picture; the page has shown one."""


@dataclass(frozen=True)
class Launch:
    """Milliseconds from the click to each of `STEPS`."""

    game: str
    kind: str
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

    def until_one_waits(self, waits: str, *gone: str) -> None:
        """More have come to wait than were taken, lost or given up."""
        until = time.monotonic() + WAITS_WITHIN_S
        while time.monotonic() < until:
            if self.count(waits) > sum(self.count(name) for name in gone):
                return
            time.sleep(0.2)
        raise TimeoutError(f"no {waits}")

    def _events(self) -> Iterator[dict[str, Any]]:
        for line in self._path.read_bytes()[self._begin :].decode(errors="replace").splitlines():
            if line.startswith("{"):
                yield json.loads(line)


def measure() -> list[Row]:
    """In a house of its own, which is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="playhouse-bench-"))
    try:
        return rows(launched(folder / "data", LAUNCHES))
    finally:
        shutil.rmtree(folder)


def launched(data: Path, count: int) -> list[Launch]:
    """Each of `KINDS` `count` times; one launch more fills the caches, and makes a game wanted."""
    house, found, odd_widths = House(data), list[Launch](), itertools.count(1282, 2)
    try:
        house.start()
        _build_counter(data)
        for game, kind in KINDS:
            _add_game(data, game, kind, 1280)
        house.interrupt()
        log = AgentLog(data / "logs" / "agent.log")
        house.start()  # an agent that starts looks at once which images there are
        with chromium(house.url) as player:
            player.sign_in(*house.credentials)
            for game, kind in KINDS:
                for number in range(count + 1):
                    if kind == WARM:
                        log.until_one_waits("warm_seat.waits", "seat.taken", "warm_seat.lost", "warm_seat.given_up")
                    if kind == TITLE and number:
                        log.until_one_waits("title.waits", "title.taken", "title.lost", "title.given_up")
                    if kind == COLD:  # a size that was launched before would soon be kept waiting
                        _add_game(data, game, kind, next(odd_widths))
                    launch = _launched(player, log, game, kind)
                    if number:
                        found.append(_as(kind, launch))
        house.interrupt()
    finally:
        house.close()
    return found


def rows(launches: list[Launch]) -> list[Row]:
    orders = [each.steps["ordered"] - each.steps["placed"] for each in launches]
    table = [Row("order_at_agent_after_answer_p95_ms", percentile(orders, 0.95), "ms", "<= 50")]
    for game, kind in KINDS:
        mine = [each.steps for each in launches if (each.game, each.kind) == (game, kind)]
        if (game, kind) in GOALS:
            name, goal = GOALS[game, kind]
            table.append(Row(name, median(steps["picture"] for steps in mine) / 1000, "s", goal))
        name = f"{game.replace('-', '_')}_{kind}"
        table += [Row(f"{name}_{step}_p50_ms", median(steps[step] for steps in mine), "ms") for step in STEPS]
        table.append(Row(f"{name}_picture_max_ms", max(steps["picture"] for steps in mine), "ms"))
    return table


def _as(kind: str, launch: Launch) -> Launch:
    if launch.kind != kind:
        raise RuntimeError(f"a launch of {launch.game} that should have been {kind} was {launch.kind}")
    return launch


def _launched(player: Player, log: AgentLog, game: str, kind: str) -> Launch:
    began = time.monotonic()
    player.open_game(f"{game}-{kind}")
    session_id = player.play()
    player.wait_for_picture()
    player.wait_for_running()
    marks = player.marks()
    player.stop()
    launch = _read(game, marks, list(log.of(session_id)))
    time.sleep(max(0.0, BETWEEN_LAUNCHES_S - (time.monotonic() - began)))
    return launch


def _read(game: str, marks: dict[str, Any], events: list[dict[str, Any]]) -> Launch:
    at_ms = {str(event["event"]): _epoch_ms(event) for event in reversed(events)}
    kind = TITLE if "title.taken" in at_ms else WARM if "seat.taken" in at_ms else COLD
    seat = {TITLE: "title.taken", WARM: "seat.taken", COLD: "seat.ready"}[kind]
    moments = {
        "placed": marks["orderedAt"],
        "ordered": at_ms["session.ordered"],
        "seat": at_ms[seat],
        "container": at_ms["title.taken" if kind == TITLE else "container.started"],
        "connected": marks["connectedAt"],
        "drawn": next(_epoch_ms(event) for event in events if event.get("to") == "running"),
        "picture": marks["firstPictureAt"],
    }
    return Launch(game, kind, {step: moments[step] - marks["clickedAt"] for step in STEPS})


def _epoch_ms(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["timestamp"]).timestamp() * 1000


def _build_counter(data: Path) -> None:
    subprocess.run([sys.executable, GAMES / COUNTER / "build.py"], env=_at(data), check=True, capture_output=True)


def _add_game(data: Path, game: str, kind: str, width: int) -> None:
    """A game for one kind of launches, or its next build, with a display of this width."""
    text = (GAMES / game / "game.toml").read_text()
    text = re.sub(r"(?m)^height = .*", "height = 720", text)
    text = re.sub(r"(?m)^width = .*", f"width = {width}", text)
    text = re.sub(r"(?m)^slug = .*", f'slug = "{game}-{kind}"', text)
    if kind != TITLE:
        text = re.sub(r"(?m)^waits_at_title = .*", "", text)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "game.toml"
        file.write_text(text)
        command = [sys.executable, "-m", "orchestrator", "games", "add", file]
        subprocess.run(command, env=_at(data), check=True, capture_output=True)


def _at(data: Path) -> dict[str, str]:
    return {**os.environ, "ORCHESTRATOR_DATA": str(data), "DOCKER_HOST": PrivateEngine(data).docker_host}
