"""Deploys replicas or agents over ssh: `deploy.py orchestrator HOST…`, `deploy.py agent HOST…`.

It sends this folder as a release named by what is in it, lets each host prepare it beside what runs, and then switches
one host after the other. A host where it is not well goes back to what ran there, and so do those before it. What is
there already is not done again: a deploy that broke off is simply repeated. What happens on a host is in `on_host.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import shlex
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
SENT = (
    *("agent_protocol", "diagnosis", "gameserver_agent", "matches", "metering", "migrations", "orchestrator"),
    *("scheduler", "streaming", "tracing"),
    *("deploy", "LICENSE", "NOTICE", "README.md", "pyproject.toml", "uv.lock"),
)
SENT_AT = 1_577_836_800  # of every file: the same content is the same release, whenever it was written
_AS_ROOT = 'if [ "$(id -u)" = 0 ]; then exec {0}; else exec sudo -n {0}; fi'
_PYTHON = "command -v python3 >/dev/null || {{ echo 'python3 is missing: apt-get install python3' >&2; exit 1; }}; {}"


class HostFailed(Exception):
    """A host did not do what it was told; it has said why, and which one it is was printed."""


@dataclass(frozen=True)
class Release:
    """What is sent: each file with its content, whether it can be executed, and the name of it all."""

    version: str
    files: dict[str, tuple[bytes, bool]]

    def archive(self) -> bytes:
        """The files as tar.gz."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as tar:
            for name, (content, is_executable) in self.files.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mtime, entry.mode = len(content), SENT_AT, 0o755 if is_executable else 0o644
                tar.addfile(entry, io.BytesIO(content))
        return packed.getvalue()

    def migrations(self) -> list[str]:
        """The names of the files that change the database."""
        return sorted(Path(name).name for name in self.files if re.match(r"migrations/versions/[0-9].*\.py$", name))


def release_of(project: Path) -> Release:
    """What is in the folder now: as git sees it where it does, without what it ignores."""
    files = {}
    for name in sorted(_names(project)):
        path = project / name
        if path.is_file():
            files[name] = (path.read_bytes(), bool(path.stat().st_mode & 0o100))
    digest = hashlib.sha256()
    for name, (content, is_executable) in files.items():
        digest.update(f"{name}\0{is_executable}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    found = re.search(r'^version = "(.+)"$', files["pyproject.toml"][0].decode(), re.MULTILINE)
    number = found.group(1) if found else "0"
    return Release(f"{number}-{digest.hexdigest()[:12]}", files)


def _names(project: Path) -> list[str]:
    asked = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *SENT)
    if (project / ".git").exists():
        listed = subprocess.run(["git", "-C", str(project), *asked], capture_output=True, text=True, check=True).stdout
        names = [name for name in listed.split("\0") if name]
    else:
        found = [path for name in SENT for path in (project / name, *(project / name).rglob("*"))]
        names = [str(path.relative_to(project)) for path in found if "__pycache__" not in path.parts]
    return [name for name in names if not name.endswith(".env") and "secrets" not in Path(name).parts]


class Host:
    """One machine, by the name that ssh knows; `here` is this one."""

    def __init__(self, name: str, ssh: Sequence[str], order: dict[str, object], root: str) -> None:
        self.name = name
        over_ssh = (*ssh, "-o", "BatchMode=yes", "-o", "ServerAliveInterval=15", name)
        self._shell = ("sh", "-c") if name == "here" else over_ssh
        self._root = root.format(host=name)
        self._order = {**order, "root": self._root}

    def do(self, what: str) -> dict[str, object]:
        """The host's answer. Raises `HostFailed`."""
        order = json.dumps({**self._order, "do": what})  # through standard input: it has secrets
        program = f"{(HERE / 'on_host.py').read_text()}\nsys.exit(main({order!r}))\n"
        done = self._run(_PYTHON.format(_AS_ROOT.format("python3 -I -")), program.encode())
        lines = done.stdout.decode().splitlines()
        return dict(json.loads(lines[-1])) if lines else {}

    def send(self, release: Release) -> None:
        """Raises `HostFailed`."""
        releases = f"{self._root.rstrip('/')}/opt/playhouse/{self._order['role']}/releases"
        new, half = (shlex.quote(f"{releases}/{name}") for name in (release.version, f".{release.version}"))
        unpack = f"umask 022; mkdir -p {half} && tar -xzo -C {half} && mv -T {half} {new}"
        self._run(_AS_ROOT.format(f"sh -c {shlex.quote(unpack)}"), release.archive())

    def _run(self, command: str, given: bytes) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run([*self._shell, command], input=given, stdout=subprocess.PIPE, check=False)
        if done.returncode != 0:
            say(self, "this did not work")
            raise HostFailed
        return done


def say(host: Host, *lines: str) -> None:
    """What people read."""
    for line in lines:
        print(f"{host.name}: {line}", flush=True)


def deploy(hosts: Sequence[Host], release: Release, *, only_check: bool, pause_s: float = 0.0) -> bool:
    """Whether every host runs what was wanted, or with `only_check`, whether every host answered."""
    seen = [(host, host.do("look")) for host in hosts]
    for host, found in seen:
        changes = _words(found["changes"])
        say(host, *(changes or [f"nothing changes, {release.version} runs"]))
        if changes and found["migrates"]:
            say(host, "the database may change")
    if only_check:
        return True
    changing = [(host, found) for host, found in seen if found["changes"]]
    for host, found in changing:
        if not found["is_sent"]:
            host.send(release)
        host.do("stage")
        say(host, f"{release.version} is prepared")
    return _switch([host for host, _ in changing], pause_s=pause_s)


def _switch(hosts: Sequence[Host], *, pause_s: float) -> bool:
    """One after the other, with a pause in which proxies find out that the one is back before the next one goes. The
    first replica changes the database under those that run; a migration leaves the program before it working. Whatever
    breaks off, those that changed go back.
    """
    changed: list[Host] = []
    try:
        for host in hosts:
            answer = host.do("switch")
            say(host, "is well")
            if answer.get("can_go_back"):
                changed.append(host)
            if host is not hosts[-1]:
                time.sleep(pause_s)
    except BaseException as error:
        for earlier in reversed(changed):
            _go_back(earlier)
        if isinstance(error, HostFailed):
            return False
        raise
    return True


def _go_back(host: Host) -> None:
    """One that cannot keeps no other from it; it has said why."""
    say(host, "goes back")
    try:
        host.do("back")
    except HostFailed:
        say(host, "could not")


def _words(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def main(words: Sequence[str]) -> int:
    """0 when all is as it was wanted."""
    parser = argparse.ArgumentParser(prog="deploy.py", description="Deploy replicas or agents over ssh.")
    parser.add_argument("role", choices=("orchestrator", "agent"))
    parser.add_argument("hosts", nargs="+", metavar="HOST", help="as ssh knows it: root@replica1; here: this machine")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="becomes /etc/playhouse/ROLE.env")
    parser.add_argument("--check", action="store_true", help="only say what would change")
    parser.add_argument("--within", type=float, default=90, metavar="SECONDS", help="how long a start may take")
    parser.add_argument("--between", type=float, default=5, metavar="SECONDS", help="pause from one host to the next")
    parser.add_argument("--ssh", default="ssh", metavar="COMMAND", help="with its options, if it needs any")
    parser.add_argument("--manager", choices=("systemd", "processes"), default="systemd", help=argparse.SUPPRESS)
    parser.add_argument("--root", default="/", help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    release = release_of(PROJECT)
    if given.settings is not None and given.settings.resolve() in {PROJECT / name for name in release.files}:
        parser.error(f"{given.settings} would be sent to every host with the program: keep it elsewhere, or as *.env.")
    order: dict[str, object] = {
        "role": given.role,
        "version": release.version,
        "unit": release.files[f"deploy/systemd/playhouse-{given.role}.service"][0].decode(),
        "settings": None if given.settings is None else given.settings.read_text(),
        "migrations": release.migrations(),
        "manager": given.manager,
        "within_s": given.within,
    }
    hosts = [Host(name, shlex.split(given.ssh), order, given.root) for name in given.hosts]
    try:
        return 0 if deploy(hosts, release, only_check=given.check, pause_s=given.between) else 1
    except HostFailed:
        print("The deploy ended here: what a host said is above. Repeat it when that is mended.", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
