"""What an operator can set for an agent, and the defaults."""

import os
from dataclasses import dataclass
from pathlib import Path

from gameserver_agent.seats import places


@dataclass(frozen=True)
class AgentSettings:
    """`port` 0 takes a free one; without `public_url` the orchestrator is told `http://127.0.0.1:<port>`."""

    orchestrator_url: str
    play_url: str
    token: str | None
    host: str
    port: int
    public_url: str | None
    docker_host: str
    data: Path
    seat_folders: Path
    seat_runtime: Path
    name: str
    seats: int
    ice_addresses: tuple[str, ...]
    bitrate_bps: int
    labels: dict[str, str]
    stop_sessions_on_exit: bool


def default_data() -> Path:
    return Path("/var/lib/playhouse-agent/data") if os.geteuid() == 0 else _own_share() / "data"


def default_seat_runtime() -> Path:
    return Path("/var/lib/playhouse-agent/seat-runtime") if os.geteuid() == 0 else _own_share() / "seat-runtime"


def default_seat_folders() -> Path:
    return places.default_root()


def default_docker_host() -> str:
    return os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"


def _own_share() -> Path:
    return Path.home() / ".local" / "share" / "playhouse-agent"
