"""What an operator can set for an agent, and the defaults."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gameserver_agent.errors import StartUpError


@dataclass(frozen=True)
class AgentSettings:
    """`port` 0 takes a free one; without `public_url` the orchestrator is told `http://127.0.0.1:<port>`.
    `metrics_token` is what another machine brings to read metrics, beside this agent's own secret; empty is none.
    `token`, or what `token_file` holds, lets a host join; one that has joined needs neither.
    """

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
    udp_ports: tuple[int, int] | None
    public_ip: str | None
    bitrate_bps: int
    labels: dict[str, str]
    stop_sessions_on_exit: bool
    metrics_token: str = ""
    token_file: Path | None = None

    def join_token(self) -> str:
        """Raises `StartUpError` when there is none to join with. Blocks."""
        if self.token_file is not None:
            try:
                return self.token_file.read_text().strip()
            except OSError as error:
                raise StartUpError(f"this host has not joined yet, and {self.token_file}: {error.strerror}") from error
        if self.token is None:
            raise StartUpError("this host has not joined yet: start it once with --token (orchestrator hosts token)")
        return self.token


def require_reachable(settings: AgentSettings) -> None:
    """Raises `StartUpError` when players could never reach this agent: it has no public URL, and the orchestrator that
    would pass their offers on is another machine. Blocks.
    """
    host = urlsplit(settings.orchestrator_url).hostname
    if not host:
        raise StartUpError(f"--orchestrator {settings.orchestrator_url} is no URL: give it as http://… or https://…")
    if settings.public_url is None and not _is_this_machine(host):
        raise StartUpError(
            f"the orchestrator is {host}, another machine, and neither it nor players could reach this agent at "
            "http://127.0.0.1: give the URL that browsers reach this host by, --public-url https://THIS-HOST"
        )


def _is_this_machine(host: str) -> bool:
    """Whether an address of that name is one of ours: only such a one can be bound."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except OSError:
        return False
    for family, kind, protocol, _, address in found:
        with socket.socket(family, kind, protocol) as probe:
            try:
                probe.bind(address)
            except OSError:
                continue
            return True
    return False


def default_data() -> Path:
    return Path("/var/lib/playhouse-agent/data") if os.geteuid() == 0 else _own_share() / "data"


def default_seat_runtime() -> Path:
    return Path("/var/lib/playhouse-agent/seat-runtime") if os.geteuid() == 0 else _own_share() / "seat-runtime"


def default_seat_folders() -> Path:
    """A short path: a socket's may be 107 bytes long."""
    if os.geteuid() == 0:
        return Path("/run/playhouse-agent")
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    own = f"playhouse-agent-{os.getuid()}"
    return Path(runtime, "playhouse-agent") if runtime else Path("/tmp", own)  # noqa: S108 - short, and the user's own


def default_docker_host() -> str:
    return os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"


def _own_share() -> Path:
    return Path.home() / ".local" / "share" / "playhouse-agent"
