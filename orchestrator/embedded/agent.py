"""How the agent of this machine is started: its words, its one-time token, and what an exit code asks for."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from orchestrator.embedded.address import Address
from orchestrator.fleet.identity import HostIdentities

EXIT_REFUSED = 3
OF_THE_REPLICA = ("ORCHESTRATOR_", "AWS_", "PG")
FALLBACK_SEAT_RUNTIME = Path("/var/lib/playhouse-agent/seat-runtime")


def command(address: Address, public_url: str, docker_host: str, data: Path) -> tuple[str, ...]:
    """The agent beside the replica at `address`; it stops its sessions, with their saves, when it is told to end."""
    words = [
        *(sys.executable, "-m", "orchestrator.embedded.agent_process", address.local_host, str(address.port), "run"),
        *("--orchestrator", address.local_url),
        *("--orchestrator-public-url", public_url),
        *("--host", "127.0.0.1"),
        *("--port", "0"),
        *("--docker-host", docker_host),
        *("--data", str(data / "agent")),
        *("--seat-runtime", str(seat_runtime(data))),
        "--stop-sessions-on-exit",
    ]
    for ice_address in address.ice_addresses:
        words += ["--ice-address", ice_address]
    return tuple(words)


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """What the agent gets of `ours`: nothing that is for the replica, as are the keys of the database and the store."""
    return {name: value for name, value in ours.items() if not name.startswith(OF_THE_REPLICA)}


def seat_runtime(data: Path) -> Path:
    """Below DATA when every user can enter it, as seats must; a checkout in root's home cannot be entered."""
    folder = data.resolve()
    is_open = all(parent.stat().st_mode & 0o001 for parent in (folder, *folder.parents))
    return folder / "seat-runtime" if is_open else FALLBACK_SEAT_RUNTIME


async def join_token(identities: HostIdentities, data: Path, last_exit: int | None) -> str | None:
    """A token when the agent needs one: before its first join, and when the replica does not know it any more, because
    it was removed or the database replaced.
    """
    membership = data / "agent" / "host.json"
    host_id = _host_id(membership)
    if last_exit == EXIT_REFUSED or (host_id is not None and not await identities.knows(host_id)):
        membership.unlink(missing_ok=True)
    return None if membership.exists() else await identities.issue_join_token()


def _host_id(membership: Path) -> str | None:
    """As whom the agent has joined; None when it has not, or its file does not say."""
    try:
        return str(json.loads(membership.read_bytes())["host_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
