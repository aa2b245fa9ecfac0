"""The agent's process beside a replica that is still starting: `python -m … HOST PORT WORDS…`, the words as of its own.

It loads the agent's code meanwhile, and begins when the replica takes connections: an agent that found nobody there
would wait for longer. It knows nothing of what the agent does.
"""

import importlib
import socket
import sys
import time
from collections.abc import Callable

REPLICA_WITHIN_S = 60.0
POLL_S = 0.02


def main() -> None:
    host, port, *words = sys.argv[1:]
    run: Callable[[list[str]], None] = importlib.import_module("gameserver_agent.cli").main
    importlib.import_module("gameserver_agent.service")  # which its command line loads only when it runs
    wait_for(host, int(port), REPLICA_WITHIN_S)
    run(words)


def wait_for(host: str, port: int, within_s: float) -> bool:
    """Whether somebody took connections there in time. The agent is to begin in any case: it tries for ever."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, port), timeout=1.0).close()
        except OSError:
            time.sleep(POLL_S)
        else:
            return True
    return False


if __name__ == "__main__":
    main()
