"""How the programs of a house or a town are started, and the game that is played there."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from gameserver_agent.seats.places import SeatPlace, SeatPlaces
from orchestrator.catalog.definition import GameDefinition, load_definition
from orchestrator.settings import Settings
from tests.chaos.clearing import processes
from tests.chaos.parts import Start

ROOT = Path(__file__).parents[2]
TINY = ROOT / "deploy" / "games" / "tiny-counter"
SLUG = "tiny-counter"


@dataclass(frozen=True)
class AgentFolders:
    """Where an agent keeps its own, its seats, and what all seats need."""

    data: Path
    seats: Path
    runtime: Path


def replica_start(settings: Settings, port: int) -> Start:
    words = (sys.executable, "-m", "orchestrator", "serve", "--host", "127.0.0.1", "--port", str(port))
    environment = {
        **os.environ,
        "ORCHESTRATOR_DATA": str(settings.data),
        "ORCHESTRATOR_DATABASE_URL": settings.database_url,
        "ORCHESTRATOR_PUBLIC_URL": settings.public_url,
        "ORCHESTRATOR_STORE_URL": settings.store_url,
        "ORCHESTRATOR_STORE_ENDPOINT": settings.store_endpoint,
    }
    return Start(words, environment)


def without_store_keys(start: Start) -> Start:
    """A game host never has any."""
    return Start(
        start.command, {name: value for name, value in start.environment.items() if not name.startswith("AWS_")}
    )


def engine_start(run: Path, root: Path) -> Start:
    """An engine without a bridge, on `run`/docker.sock; what an earlier one of that place has left is put away."""
    containerd = run / "exec" / "containerd" / "containerd.pid"
    if containerd.exists() and int(containerd.read_text()) not in dict(processes()):
        containerd.unlink()  # dead, and unburied where nobody is init: the engine would wait for it
    for left in (run / "pid", run / "docker.sock"):
        left.unlink(missing_ok=True)
    words = (
        "dockerd",
        *("--data-root", str(root), "--exec-root", str(run / "exec")),
        *("--pidfile", str(run / "pid"), "-H", f"unix://{run}/docker.sock"),
        *("--bridge=none", "--iptables=false", "--ip-forward=false", "--live-restore", "--log-level=warn"),
    )
    return Start(words, os.environ)


def agent_start(name: str, url: str, docker_host: str, folders: AgentFolders, token: str, seats: int = 4) -> Start:
    words = (
        *(sys.executable, "-m", "gameserver_agent.cli", "run", "--name", name),
        *("--orchestrator", url, "--host", "127.0.0.1", "--port", "0"),
        *("--docker-host", docker_host, "--data", str(folders.data)),
        *("--seat-folders", str(folders.seats), "--seat-runtime", str(folders.runtime)),
        *("--seats", str(seats)),
    )
    return Start(words, {**os.environ, "PLAYHOUSE_HOST_TOKEN": token})


def build_image(docker_host: str) -> None:
    """The tiny game's image, in that engine."""
    subprocess.run(
        [sys.executable, str(TINY / "build.py")],
        env={**os.environ, "DOCKER_HOST": docker_host},
        check=True,
        capture_output=True,
    )


def tiny_counter(behaviour: str | None, slug: str = SLUG) -> GameDefinition:
    """The tiny game; with a behaviour it misbehaves from its start."""
    game = load_definition(TINY / "game.toml")
    environment = {"TINY_BEHAVIOUR": behaviour} if behaviour else {}
    return game.model_copy(update={"slug": slug, "build": game.build.model_copy(update={"environment": environment})})


def waiting_seats(seats: Path) -> list[SeatPlace]:
    """Those that are started for the next session. Without their worker they are leftovers like any other."""
    waiting = [place for host in seats.glob("*/") for place in SeatPlaces(seats, host.name).waiting()]
    workers = [words for _, words in processes() if "streaming.worker" in words]
    return [place for place in waiting if any(str(place.seat) in words for words in workers)]


def log_tails(logs: Path, lines: int = 60) -> str:
    """The last lines of each log there."""
    tails: list[str] = []
    for log in sorted(logs.glob("*.log")):
        last = log.read_text(errors="replace").splitlines()[-lines:]
        tails += [f"=== {log.name}", *(line[:400] for line in last)]
    return "\n".join(tails)
