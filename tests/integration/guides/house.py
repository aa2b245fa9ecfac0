"""A house that was put up by the front page's own lines, for everybody who reads another page in it."""

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bench.house import free_port
from tests.chaos.player import Player
from tests.docs.reading import commands, shell_blocks, without_comment
from tests.docs.terminal import Terminal
from tests.integration.guides.reader import Reader

ADMIN = "ada@example.org"
PASSWORD = "of a reader of pages"
WITHIN_S = 60.0
SETTINGS = (
    ("docs/webhooks.md", "ORCHESTRATOR_WEBHOOK_NETWORKS="),
    ("docs/traces.md", "OTEL_EXPORTER_OTLP_ENDPOINT="),
    ("docs/operations.md", "(umask 077; openssl rand"),
    ("docs/operations.md", "ORCHESTRATOR_METRICS_TOKEN_FILE="),
)
"""Lines of other pages that are for whoever starts a replica or an agent."""
PRELOADED = ("migrate", "users", "games", "hosts")
"""Commands of the front page that start sooner as they do on the other pages."""
FIRST = "first"
BEFORE = "the house was put up with it"


@dataclass(frozen=True)
class AnotherHost:
    """`settings` are a line that says where a host of this name keeps its own."""

    port: int
    settings: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass
class House:
    """`environment` is that of a terminal on its machine."""

    folder: Path
    environment: Mapping[str, str]
    collector_url: str
    port: int = field(default_factory=free_port)
    host_port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def host_url(self) -> str:
        """Of the host that runs from the beginning."""
        return f"http://127.0.0.1:{self.host_port}"

    @property
    def metrics_token(self) -> Path:
        """What it is told by, for replica and hosts."""
        return self.folder / "metrics-token"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def terminal(self, **more: str) -> Terminal:
        """One with the replicas' settings."""
        settings = {"ORCHESTRATOR_DATA": str(self.data), "ORCHESTRATOR_PUBLIC_URL": self.url}
        return Terminal(self.folder, {**self.environment, **settings, **more})

    @contextmanager
    def reads(self, page: str, **knows: str) -> Generator[Reader]:
        """Somebody at a terminal, who is at the page's end when the block is."""
        with self.terminal() as terminal:
            reader = Reader(page, terminal, **knows)
            yield reader
            reader.is_done()

    def another_host(self, name: str) -> AnotherHost:
        own = {
            "NAME": name,
            "DATA": self.folder / name / "agent",
            "SEAT_FOLDERS": self.folder / name / "seats",
        }
        settings = " ".join(f"GAMESERVER_AGENT_{setting}={value}" for setting, value in own.items())
        return AnotherHost(free_port(), f"export {settings}")

    def player(self) -> Player:
        """Somebody without an account yet."""
        return Player([self.url], print)

    @contextmanager
    def up(self) -> Generator[None]:
        """By the lines of the front page. It is down again when the block ends."""
        here = {
            "http://10.0.0.5:8000": self.url,
            "--host 0.0.0.0": "--host 127.0.0.1",
            "--port 8000": f"--port {self.port}",
            "http://10.0.0.7:9100": self.host_url,
            "10.20.0.0/16": "127.0.0.0/8",
            "http://collector.example:4318": self.collector_url,
            "/etc/playhouse/metrics-token": str(self.metrics_token),
        }
        sooner = {f"uv run orchestrator {command}": f"orchestrator {command}" for command in PRELOADED}
        with self.reads("README.md", **here, **sooner) as front:
            self._put_up(front)
            yield

    def _put_up(self, front: Reader) -> None:
        for page, words in SETTINGS:
            [setting] = [line for block in shell_blocks(page) for line in commands(block) if words in line]
            front.does(f"set -a; {front.filled(without_comment(setting))}")
        front.leaves("apt-get install -y git make", "tests/booted/clean.py types it")
        front.leaves("make play", "bench/play and tests/browser/house type it")
        front.leaves("make test", "it is what runs this")
        front.types("export ORCHESTRATOR_DATA=./data")
        front.types("orchestrator migrate")
        front.starts("orchestrator serve", "replica.log")
        until_ready(self.url)
        front.types("users create", given=f"{PASSWORD}\n")
        front.types("games add the-question")
        front.types("hosts token > join-token")
        front.does(f"export GAMESERVER_AGENT_NAME={FIRST} GAMESERVER_AGENT_PORT={self.host_port}")
        front.starts("gameserver-agent run", "host.log")
        until_ready(self.host_url)


def until_ready(url: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            answer = httpx.get(f"{url}/health/ready")
        except httpx.TransportError:
            pass
        else:
            if answer.status_code == 200:
                return
        assert time.monotonic() < deadline, f"{url} never was ready"
        time.sleep(0.1)
