"""What is shipped for containers, each part by the judge of its own kind: no image is pulled, and none is built."""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy.ssh.deploy import PROJECT
from gameserver_agent.cli import run
from orchestrator.cli.serving import serve
from orchestrator.settings import Settings

_DEPLOY = PROJECT / "deploy"
_VERSION = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
_REPLICA = {f"ORCHESTRATOR_{name.upper()}" for name in Settings.model_fields} | {
    *(str(option.envvar) for option in serve.params),
    *("AWS_SHARED_CREDENTIALS_FILE", "DOCKER_CONFIG"),
}
_HOST = {f"GAMESERVER_AGENT_{str(option.name).upper()}" for option in run.params} | {"DOCKER_CONFIG"}
_KUBERNETES = ("1.25", "1.37")
_PINNED = re.compile(r"[a-z0-9./-]+:v?[0-9]+\.[0-9.]+[0-9a-z.-]*")


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `compose.yaml` in a checkout, prepared as its operator does it."""
    checkout = tmp_path_factory.mktemp("checkout")
    shutil.copytree(_DEPLOY, checkout / "deploy", ignore=shutil.ignore_patterns("secrets", ".env", "games"))
    folder = checkout / "deploy" / "compose"
    subprocess.run([folder / "prepare", "play.example.org", "you@example.org"], check=True)
    return folder


@pytest.fixture(scope="module")
def services(compose: Path) -> dict[str, Any]:
    """What `docker-compose config` makes of it."""
    said = _said("docker-compose", "--profile", "agent", "config", cwd=compose)
    return dict(yaml.safe_load(said))


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    """What `kubectl kustomize` makes of `deploy/kubernetes`."""
    return list(yaml.safe_load_all(_said("kubectl", "kustomize", str(_DEPLOY / "kubernetes"))))


def test_what_was_prepared_is_kept_and_private(compose: Path) -> None:
    before = {path: path.read_bytes() for path in compose.rglob("*") if path.is_file()}
    again = subprocess.run(
        [compose / "prepare", "play.example.org", "you@example.org"], capture_output=True, text=True, check=False
    )
    assert again.returncode == 1
    assert {path: path.read_bytes() for path in before} == before
    assert (compose / "secrets").stat().st_mode & 0o777 == 0o700
    assert (compose / ".env").stat().st_mode & 0o777 == 0o600
    ignored = (PROJECT / ".gitignore").read_text().splitlines()
    assert {"*.env", "/deploy/compose/secrets/"} <= set(ignored)


def test_compose_names_images_files_and_settings_that_are_there(compose: Path, services: dict[str, Any]) -> None:
    for name, service in services["services"].items():
        assert _PINNED.fullmatch(service["image"]), name
        for volume in service.get("volumes", ()):
            source, target, *_ = volume.split(":") if isinstance(volume, str) else (volume["source"], volume["target"])
            assert target.startswith("/")
            is_the_hosts = source.startswith(("/dev", "/var/", "/run/"))
            assert source in services["volumes"] or is_the_hosts or Path(source).exists()
    for secret in services["secrets"].values():
        assert Path(secret["file"]).read_text()
    replica, agent = (services["services"][name] for name in ("orchestrator", "agent"))
    assert set(replica["environment"]) <= _REPLICA
    assert set(agent["environment"]) <= _HOST
    for service in (replica, agent):
        assert service["image"].endswith(f":{_VERSION}")
        assert (PROJECT / service["build"]["dockerfile"]).is_file()
    assert replica["read_only"]
    assert replica["cap_drop"] == agent["cap_drop"] == ["ALL"]
    unit = (_DEPLOY / "systemd" / "playhouse-agent.service").read_text()
    [bounds] = re.findall(r"^CapabilityBoundingSet=(.+)$", unit, re.MULTILINE)
    assert {f"CAP_{name}" for name in agent["cap_add"]} == set(bounds.split())
    files = [Path(each["file"]) for each in services["secrets"].values()]
    words = {file.read_text().strip() for file in files if not file.suffix}
    assert not [word for word in words if word in yaml.safe_dump(services["services"])]


def test_caddy_takes_its_configuration(compose: Path) -> None:
    names = {"DOMAIN": "play.example.org", "EMAIL": "you@example.org"}
    adapted = json.loads(_said(_tool("caddy"), "adapt", "--config", "Caddyfile", "--validate", cwd=compose, env=names))
    routes = adapted["apps"]["http"]["servers"]["srv0"]["routes"]
    hosts = {route["match"][0]["host"][0] for route in routes}
    assert hosts == {"play.example.org", *(f"{name}.play.example.org" for name in ("host1", "store", "registry"))}
    assert '"policy": "cookie"' in json.dumps(adapted)


def test_the_relay_starts_from_what_was_prepared(compose: Path, tmp_path: Path) -> None:
    port = _free_port()
    words = (compose / "secrets" / "turnserver.conf").read_text()
    assert "listening-port=3478\n" in words
    (tmp_path / "turnserver.conf").write_text(words.replace("listening-port=3478", f"listening-port={port}"))
    here = ("--listening-ip", "127.0.0.1", "--pidfile", str(tmp_path / "pid"), "--userdb", str(tmp_path / "users"))
    with (tmp_path / "log").open("w+") as log:
        relay = subprocess.Popen(["turnserver", "-c", tmp_path / "turnserver.conf", *here], stdout=log, stderr=log)
        try:
            for _ in _until_a_minute_is_over():
                assert relay.poll() is None, (tmp_path / "log").read_text()
                if _answers_stun(port):
                    break
        finally:
            relay.terminate()
            relay.wait()
    text = (tmp_path / "log").read_text()
    assert "Bad configuration" not in text
    assert "play.example.org" in text


def test_the_registry_lets_in_who_was_prepared_and_nobody_else(compose: Path, tmp_path: Path) -> None:
    port = _free_port()
    (tmp_path / "config.yml").write_text(
        f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {tmp_path / 'images'}\n"
        f"http:\n  addr: 127.0.0.1:{port}\n"
        f"auth:\n  htpasswd:\n    realm: games\n    path: {compose / 'secrets' / 'registry-users'}\n"
    )
    [login] = json.loads((compose / "secrets" / "registry-login.json").read_text())["auths"].values()
    status: int | None = None
    with (tmp_path / "log").open("w") as log:
        registry = subprocess.Popen(["docker-registry", "serve", tmp_path / "config.yml"], stdout=log, stderr=log)
        try:
            for _ in _until_a_minute_is_over():
                assert registry.poll() is None, (tmp_path / "log").read_text()
                if (status := _status(port, login["auth"])) is not None:
                    break
            assert status == 200
            assert _status(port, "Z2FtZXM6d3Jvbmc=") == 401
        finally:
            registry.terminate()
            registry.wait()


@pytest.mark.parametrize("role", ["orchestrator", "agent"])
def test_images_are_made_of_what_is_there(role: str) -> None:
    lines = (_DEPLOY / "images" / f"{role}.Dockerfile").read_text().splitlines()
    copies = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    copied = [name for names in copies for name in names]
    assert {name for name in copied if not (PROJECT / name).exists()} == set()
    allowed = {line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) <= allowed
    assert any(line.startswith("HEALTHCHECK ") for line in lines)


def test_kubernetes_takes_every_object(objects: list[dict[str, Any]]) -> None:
    for each in objects:
        for version in _KUBERNETES:
            kubernetes_validate.validate(each, version, strict=True)
    assert {each["kind"] for each in objects} == {
        *("Namespace", "ConfigMap", "Job", "Deployment", "Service", "PodDisruptionBudget", "Ingress", "DaemonSet"),
        "NetworkPolicy",
    }


def test_what_objects_of_kubernetes_name_is_there(objects: list[dict[str, Any]]) -> None:
    found = {(each["kind"], each["metadata"]["name"]): each for each in objects}
    pods = {name: found[kind, name]["spec"]["template"] for kind, name in _WITH_PODS}
    for kind, name in _WITH_PODS:
        if kind != "Job":
            wanted = found[kind, name]["spec"]["selector"]["matchLabels"].items()
            assert wanted <= pods[name]["metadata"]["labels"].items()
    labels = pods["orchestrator"]["metadata"]["labels"].items()
    assert found["Service", "orchestrator"]["spec"]["selector"].items() <= labels
    for kind, field in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        assert found[kind, "orchestrator"]["spec"][field]["matchLabels"].items() <= labels
    assert found["ConfigMap", "playhouse-orchestrator"]["data"].keys() <= _REPLICA
    assert found["ConfigMap", "playhouse-agent"]["data"].keys() <= _HOST
    for name, pod in pods.items():
        [container] = pod["spec"]["containers"]
        assert container["image"].endswith(f":{_VERSION}"), name
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["spec"]["volumes"]}
        for source in container.get("envFrom", ()):
            if "configMapRef" in source:
                assert ("ConfigMap", source["configMapRef"]["name"]) in found
        assert pod["spec"]["automountServiceAccountToken"] is False
        if name != "agent":
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert pod["spec"]["securityContext"]["runAsNonRoot"]
    agent = pods["agent"]["spec"]
    own = {each["name"] for each in agent["containers"][0]["env"] if each["name"].startswith("GAMESERVER_")}
    assert own <= _HOST
    assert agent["nodeSelector"] == {"playhouse.dev/games": "yes"}


_WITH_PODS = (("Deployment", "orchestrator"), ("DaemonSet", "agent"), ("Job", "migrate"))


def _said(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=None if env is None else os.environ | env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _tool(name: str) -> str:
    return shutil.which(name) or str(PROJECT / ".tools" / "bin" / name)


def _until_a_minute_is_over() -> Iterator[None]:
    deadline = time.monotonic() + 60
    while True:
        yield
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _answers_stun(port: int) -> bool:
    """Whether a binding request (RFC 5389, 6) is answered."""
    number = secrets.token_bytes(12)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.2)
        asking.connect(("127.0.0.1", port))
        try:
            asking.send(b"\x00\x01\x00\x00\x21\x12\xa4\x42" + number)
            answer = asking.recv(500)
        except OSError:
            return False
    return answer[:2] == b"\x01\x01" and answer[8:20] == number


def _status(port: int, login: str) -> int | None:
    """None while nobody listens."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/v2/", headers={"Authorization": f"Basic {login}"})
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None
