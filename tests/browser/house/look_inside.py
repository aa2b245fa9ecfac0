"""Looks at a running house from the host's side: its engine, its game containers, its displays."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import docker
from docker.models.containers import Container

from bench.house import House
from orchestrator.embedded.private_engine import PrivateEngine

PROBE = Path(__file__).with_name("inside.py")


def game_containers(house: House) -> list[Container]:
    """Of games that somebody plays, wherever they have begun."""
    events = agent_events(house)
    begun = {str(event["container"]) for event in events if event["event"] == "container.started"}
    taken = {f"playhouse-title-{event['title']}" for event in events if event["event"] == "title.taken"}
    client = docker.DockerClient(base_url=docker_host(house))
    try:
        found = client.containers.list(filters={"label": "playhouse.host"})
        return [each for each in found if str(each.id)[:12] in begun or each.name in taken]
    finally:
        client.close()


def agent_events(house: House) -> list[dict[str, Any]]:
    """What the agent has logged."""
    lines = (house.data / "logs" / "agent.log").read_text(errors="replace").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def docker_host(house: House) -> str:
    return PrivateEngine(house.data).docker_host


def ask_from_inside(house: House, container: Container) -> dict[str, Any]:
    """What the probe met in this container, run as the game's own user."""
    displays = [path.name.removeprefix("X") for path in Path("/tmp/.X11-unix").iterdir()]
    done = subprocess.run(
        ["docker", "-H", docker_host(house), "exec", "-i", str(container.id), "python3", "-", *displays],
        input=PROBE.read_bytes(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def add_person(house: House, email: str, password: str) -> None:
    """A second account, made as an operator makes one."""
    subprocess.run(
        [sys.executable, "-m", "orchestrator", "users", "create", email, "--password-stdin"],
        input=f"{password}\n".encode(),
        env={"PATH": "/usr/bin:/bin", "ORCHESTRATOR_DATA": str(house.data)},
        check=True,
        timeout=60,
    )
