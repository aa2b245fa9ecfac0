"""What is shipped for containers, each part by the judge of its own kind: no image is pulled, and none is built."""

import asyncio
import json
import os
import re
import secrets
import shlex
import shutil
import socket
import subprocess
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from aioice import stun, turn
from opentelemetry.sdk import environment_variables

from deploy.ssh.deploy import PROJECT
from gameserver_agent.cli import run
from gameserver_agent.saves.archive import Owner
from gameserver_agent.seats.places import SeatPlace
from gameserver_agent.sessions.container import game_container
from gameserver_agent.settings import default_data, default_seat_folders
from orchestrator.cli.serving import serve
from orchestrator.play.relays import IceServer, Relays
from orchestrator.settings import Settings
from streaming.display import X_SOCKETS
from streaming.protocol import Hello
from tests.docs.reading import under, without_comment
from tests.integration.gameserver_agent.control_plane import desired_session

_DEPLOY = PROJECT / "deploy"
_VERSION = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
_BOTH = {"DOCKER_CONFIG", *(name for name in vars(environment_variables) if name.startswith("OTEL_"))}
_REPLICA = _BOTH | {
    *(f"ORCHESTRATOR_{name.upper()}" for name in Settings.model_fields),
    *(str(option.envvar) for option in serve.params),
    "AWS_SHARED_CREDENTIALS_FILE",
}
_HOST = _BOTH | {f"GAMESERVER_AGENT_{str(option.name).upper()}" for option in run.params}
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
    before = _contents(compose)
    assert _prepare(compose) == 0
    assert _prepare(compose, "games.example.org") == 1
    assert _contents(compose) == before
    assert (compose / "secrets").stat().st_mode & 0o777 == 0o700
    assert (compose / ".env").stat().st_mode & 0o777 == 0o600
    ignored = (PROJECT / ".gitignore").read_text().splitlines()
    assert {"*.env", "/deploy/compose/secrets/"} <= set(ignored)


def test_prepare_goes_on_after_what_broke_off(compose: Path, tmp_path: Path) -> None:
    """As an owner that is bound by the modes of files, as everybody but root is."""
    folder = shutil.copytree(compose, tmp_path / "compose", ignore=shutil.ignore_patterns("secrets", ".env"))
    (tmp_path / "perl").symlink_to("/bin/false")
    assert _prepare(folder, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}) == 1
    before = _contents(folder)
    assert before.keys() < _contents(compose).keys()
    assert _prepare(folder) == 0
    assert _contents(folder).keys() == _contents(compose).keys()
    assert _contents(folder).items() >= before.items()

    before = _contents(folder)
    for name in (".env", "secrets/turnserver.conf", "secrets/s3.json", "secrets/database-url", "secrets/metrics"):
        (folder / name).unlink()
    (folder / "secrets" / "metrics.new").touch(mode=0o444)
    assert _prepare(folder) == 0
    after = _contents(folder)
    assert after.keys() == before.keys()
    assert {name for name, content in before.items() if after[name] != content} == {Path("secrets/metrics")}


def test_compose_names_images_files_and_settings_that_are_there(compose: Path, services: dict[str, Any]) -> None:
    for name, service in services["services"].items():
        assert _PINNED.fullmatch(service["image"]), name
        for volume in service.get("volumes", ()):
            source, target, *_ = volume.split(":") if isinstance(volume, str) else (volume["source"], volume["target"])
            assert target.startswith("/")
            is_the_hosts = source.startswith(("/dev", "/var/", "/run/", "/tmp/"))
            assert source in services["volumes"] or is_the_hosts or Path(source).exists()
    for secret in services["secrets"].values():
        assert Path(secret["file"]).read_text()
    replica, agent = (services["services"][name] for name in ("orchestrator", "agent"))
    assert set(replica["environment"]) <= _REPLICA
    assert set(agent["environment"]) <= _HOST
    assert [each for each in replica["volumes"] if str(each).startswith("replicas:/var/lib/playhouse:")]
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


def test_replicas_take_the_settings_that_compose_gives_them(
    services: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in services["services"]["orchestrator"]["environment"].items():
        secret = value.removeprefix("/run/secrets/")
        monkeypatch.setenv(name, services["secrets"][secret]["file"] if secret != value else value)
    settings = Settings()
    password = Path(services["secrets"]["postgres"]["file"]).read_text().strip()
    assert settings.database_url == f"postgresql+asyncpg://playhouse:{password}@postgres/playhouse"
    relay = Path(services["secrets"]["turnserver"]["file"]).read_text().splitlines()
    assert f"static-auth-secret={settings.turn_secret.get_secret_value()}" in relay
    assert settings.metrics_token.get_secret_value()


def test_the_engine_finds_what_an_agent_in_a_container_names(
    services: dict[str, Any], objects: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    data, place = (
        default_data(),
        SeatPlace(default_seat_folders() / "hst1" / "ses1", Owner(210_007, 210_007, drop=True)),
    )
    hello = Hello(
        protocol=1,
        pid=1,
        display=7,
        x_socket=str(X_SOCKETS / "X7"),
        xauthority=str(place.seat / "Xauthority"),
        pulse_socket=str(place.seat / "pulse" / "native"),
    )
    game = game_container(
        desired_session("ses1", "game", "play"), {}, place, hello, str(data / "sessions" / "ses1" / "home")
    )
    named = {Path(mount.source) for mount in game.mounts}
    of_compose = [volume.split(":") for volume in services["services"]["agent"]["volumes"]]
    assert ["/dev", "/dev", "rw"] in of_compose
    shared = {Path(source) for source, target, *_ in of_compose if source == target}
    assert {path for path in named if not shared & {path, *path.parents}} == set()
    passed_on = {Path(source) for source, _, mode in of_compose if mode == "rshared"}
    assert passed_on & set(data.parents)

    [pod] = [each["spec"]["template"]["spec"] for each in objects if each["kind"] == "DaemonSet"]
    [container] = pod["containers"]
    paths = {each["name"]: each["hostPath"]["path"] for each in pod["volumes"] if "hostPath" in each}
    mounts = [mount for mount in container["volumeMounts"] if paths.get(mount["name"]) == mount["mountPath"]]
    assert {mount["name"] for mount in mounts} == paths.keys()
    assert "/dev" in paths.values()
    shared = {Path(mount["mountPath"]) for mount in mounts}
    assert {path for path in named if not shared & {path, *path.parents}} == set()
    passed_on = {Path(mount["mountPath"]) for mount in mounts if mount.get("mountPropagation") == "Bidirectional"}
    assert passed_on & set(data.parents)


def test_an_agent_in_a_container_may_ask_systemd_for_scopes(
    services: dict[str, Any], objects: list[dict[str, Any]]
) -> None:
    agent = services["services"]["agent"]
    assert agent["pid"] == "host"
    assert "/run/systemd:/run/systemd:rw" in agent["volumes"]
    [pod] = [each["spec"]["template"]["spec"] for each in objects if each["kind"] == "DaemonSet"]
    assert pod["hostPID"]
    [mount] = [each for each in pod["containers"][0]["volumeMounts"] if each["mountPath"] == "/run/systemd"]
    assert {"name": mount["name"], "hostPath": {"path": "/run/systemd", "type": "DirectoryOrCreate"}} in pod["volumes"]


def test_caddy_takes_its_configuration(compose: Path) -> None:
    names = {"DOMAIN": "play.example.org", "EMAIL": "you@example.org"}
    adapted = json.loads(_said(_tool("caddy"), "adapt", "--config", "Caddyfile", "--validate", cwd=compose, env=names))
    routes = adapted["apps"]["http"]["servers"]["srv0"]["routes"]
    hosts = {route["match"][0]["host"][0] for route in routes}
    assert hosts == {"play.example.org", *(f"{name}.play.example.org" for name in ("host1", "store", "registry"))}
    assert '"policy": "ip_hash"' in json.dumps(adapted)


def test_the_relay_that_was_prepared_reaches_no_private_network(compose: Path, tmp_path: Path) -> None:
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
            secret = (compose / "secrets" / "turn").read_text().strip()
            [server] = Relays((), ["turn:127.0.0.1"], secret).ice_servers(
                "usr1", datetime.now(UTC) + timedelta(hours=1)
            )
            private = ("10.0.0.7", "100.64.0.7", "127.0.0.1", "169.254.169.254", "172.16.0.7", "192.168.0.7", "0.0.0.0")
            refused = asyncio.run(_refused_peers(port, server, (*private, "198.51.100.7")))
            assert refused == dict.fromkeys(private, 403)
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
    [starts] = [line.removeprefix("ENTRYPOINT ") for line in lines if line.startswith("ENTRYPOINT ")]
    if role == "agent":  # its seats are nobody's children, and scopes of the machine's systemd
        assert json.loads(starts)[:3] == ["tini", "-s", "--"]
        assert any(" systemd tini " in line for line in lines)


def test_kubernetes_takes_every_object(objects: list[dict[str, Any]]) -> None:
    for each in objects:
        for version in _KUBERNETES:
            kubernetes_validate.validate(each, version, strict=True)
    assert {each["kind"] for each in objects} == {
        *("Namespace", "ConfigMap", "Job", "Deployment", "Service", "PodDisruptionBudget", "Ingress", "DaemonSet"),
        "NetworkPolicy",
    }


def test_what_the_page_puts_into_secrets_is_in_no_command_line_and_what_pods_look_for(
    objects: list[dict[str, Any]], tmp_path: Path
) -> None:
    """`kubectl` makes each of them here, and sends it to nobody."""
    [page] = [block for block in under("docs/deploying.md", "On Kubernetes") if "kubectl create namespace" in block]
    assert not [word for word in ("--docker-password", "--from-literal", "$PASSWORD") if word in page]
    (tmp_path / "registry").mkdir()
    for name in ("orchestrator.env", "registry/config.json", "metrics-token", "node7"):
        (tmp_path / name).write_text('{"auths": {}}' if name.endswith("json") else "NAME=secret\n")
    made: dict[str, set[str]] = {}
    for line in map(without_comment, page.splitlines()):
        if " create secret " in line:
            secret = yaml.safe_load(_said(*shlex.split(line), "--dry-run=client", "--output=yaml", cwd=tmp_path))
            made[secret["metadata"]["name"]] = set(secret["data"])
    assert made.pop("playhouse-orchestrator")
    assert made.pop("playhouse-agents") == {"node7"}
    assert made == {"playhouse-registry": {".dockerconfigjson"}, "playhouse-metrics": {"metrics-token"}}
    for kind, name in (("Deployment", "orchestrator"), ("DaemonSet", "agent")):
        [pod] = [each["spec"]["template"]["spec"] for each in objects if each["kind"] == kind]
        [container] = pod["containers"]
        [file] = [each["value"] for each in container["env"] if each["name"].endswith("_METRICS_TOKEN_FILE")]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        [secret] = [each["secret"] for each in pod["volumes"] if "secret" in each and each["name"] == "metrics"]
        assert (file, secret) == (f"{mounts['metrics']}/metrics-token", {"secretName": "playhouse-metrics"}), name


def test_pods_are_asked_how_they_are_and_never_all_taken_away(objects: list[dict[str, Any]]) -> None:
    found = {each["kind"]: each["spec"] for each in objects if each["kind"] in {"Deployment", "DaemonSet"}}
    for kind, port in (("Deployment", "http"), ("DaemonSet", 9100)):
        [container] = found[kind]["template"]["spec"]["containers"]
        asked = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
        live, ready = ({"path": f"/health/{name}", "port": port} for name in ("live", "ready"))
        assert asked == {"startup": live, "liveness": live, "readiness": ready}
    [budget] = [each["spec"] for each in objects if each["kind"] == "PodDisruptionBudget"]
    assert 0 < budget["minAvailable"] < found["Deployment"]["replicas"]


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
        assert pod["spec"]["imagePullSecrets"] == [{"name": "playhouse-registry"}]
        if name != "agent":
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert pod["spec"]["securityContext"]["runAsNonRoot"]
    agent = pods["agent"]["spec"]
    own = {each["name"] for each in agent["containers"][0]["env"] if each["name"].startswith("GAMESERVER_")}
    assert own <= _HOST
    for name in ("orchestrator", "agent"):
        [container] = pods[name]["spec"]["containers"]
        [login] = [each["value"] for each in container["env"] if each["name"] == "DOCKER_CONFIG"]
        [mount] = [each["name"] for each in container["volumeMounts"] if each["mountPath"] == login]
        [volume] = [each["secret"] for each in pods[name]["spec"]["volumes"] if each["name"] == mount]
        assert (volume["secretName"], volume["items"][0]["path"]) == ("playhouse-registry", "config.json")
    assert found["Ingress", "orchestrator"]["metadata"]["annotations"].items() >= {
        ("nginx.ingress.kubernetes.io/upstream-hash-by", "$remote_addr")
    }
    assert agent["nodeSelector"] == {"playhouse.dev/games": "yes"}


_WITH_PODS = (("Deployment", "orchestrator"), ("DaemonSet", "agent"), ("Job", "migrate"))


def _prepare(folder: Path, domain: str = "play.example.org", env: dict[str, str] | None = None) -> int:
    """Its exit code."""
    ordinary = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--") if os.geteuid() == 0 else ()
    command = (*ordinary, folder / "prepare", domain, "you@example.org")
    return subprocess.run(command, env=os.environ | (env or {}), capture_output=True, check=False).returncode


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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


async def _refused_peers(port: int, server: IceServer, peers: Iterable[str]) -> dict[str, int]:
    """Those to which the relay opens no way for whoever has these credentials, with its error (RFC 8656, 19)."""
    here = ("127.0.0.1", port)
    transport, asking = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: turn.TurnClientUdpProtocol(
            here, username=server.username, password=server.credential, lifetime=600, channel_refresh_time=500
        ),
        remote_addr=here,
    )
    refused: dict[str, int] = {}
    try:
        await asking.connect()
        for number, peer in enumerate(peers, start=0x4000):
            try:
                await asking.channel_bind(number, (peer, 40_000))
            except stun.TransactionFailed as error:
                refused[peer] = int(error.response.attributes["ERROR-CODE"][0])
        await asking.delete()
    finally:
        transport.close()
    return refused


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
