"""The few words that starting and stopping an engine needs of its API, over its Unix socket. Blocks."""

import http.client
import json
import socket
import time
from pathlib import Path
from typing import Protocol


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Engine(Protocol):
    """A Docker Engine on this machine: `docker_host` as DOCKER_HOST would say it."""

    @property
    def docker_host(self) -> str: ...


def answers(socket_path: Path, timeout_s: float = 2.0) -> bool:
    """Whether a Docker Engine answers there."""
    try:
        return _request(socket_path, "GET", "/_ping", timeout_s)[0] == http.client.OK
    except (OSError, http.client.HTTPException):
        return False


def remove_all_containers(socket_path: Path, within_s: float = 5.0) -> int:
    """Removes every container, running or not, and says how many it came to. For a private engine only."""
    deadline, removed = time.monotonic() + within_s, 0
    try:
        status, body = _request(socket_path, "GET", "/containers/json?all=1", within_s)
        if status != http.client.OK:
            return 0
        for container in json.loads(body):
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                break
            _request(socket_path, "DELETE", f"/containers/{container['Id']}?force=1&v=1", left_s)
            removed += 1
    except (OSError, http.client.HTTPException):
        pass  # what is left ends with the engine's other processes, or is found by its next start
    return removed


def _request(socket_path: Path, method: str, path: str, timeout_s: float) -> tuple[int, bytes]:
    connection = UnixConnection(socket_path, timeout_s)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
