"""A Debian that was booted: systemd is its first process, and what it has is what its packages brought."""

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from deploy.ssh.deploy import PROJECT

ADDRESS = "10.213.78.1"
"""Of a machine in a network that leads nowhere."""
KEPT = PROJECT / ".tools" / "booted"
"""What takes minutes to make, and is the same each time."""

_MIRROR = "http://deb.debian.org/debian"
DEPLOYED_TO = (
    *("ca-certificates", "curl", "dbus", "docker-compose", "docker-registry", "docker.io", "e2fsprogs", "iproute2"),
    *("libxcb-shm0", "libxcb1", "libyuv0", "passwd", "postgresql", "procps", "pulseaudio", "python3", "python3-venv"),
    *("systemd", "systemd-sysv", "util-linux", "xvfb"),
)
"""What a machine has that others deploy to."""
_GROUPS = Path("/sys/fs/cgroup")
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}
_FROM_SHELVES = {"UV_OFFLINE": "1", "UV_CACHE_DIR": "/var/cache/uv", "UV_LINK_MODE": "copy"}


def debian(name: str, packages: tuple[str, ...]) -> Path:
    """A root file system of Debian 12 with these, as a tar. What was made before is taken again."""
    digest = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]
    made = KEPT / f"{name}-{digest}.tar"
    if not made.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        half = KEPT / f"{name}.half.tar"
        options = ("--quiet", "--variant=minbase", f"--include={','.join(packages)}")
        subprocess.run(["mmdebstrap", *options, "bookworm", half, _MIRROR], check=True)
        half.rename(made)
    return made


class Booted:
    """`with`: it is up. Nothing is left of it afterwards. Its network leads nowhere, and what it needs of Python is on
    its shelves; with a `way_out`, which are variables of its programs, its network is this machine's instead.
    """

    def __init__(self, system: Path, way_out: Mapping[str, str] | None = None) -> None:
        self._system = system
        self._is_online = way_out is not None
        self._environment = {**_ENVIRONMENT, **(_FROM_SHELVES if way_out is None else way_out)}
        self.folder = Path(tempfile.mkdtemp(prefix="booted-", dir="/tmp"))
        self.root = self.folder / "root"
        self._first: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.root.mkdir()
            subprocess.run(["tar", "--extract", "--file", self._system, "-C", self.root], check=True)
            shelves = {"UV_CACHE": "", "ADDRESS": ""} if self._is_online else self._fill_shelves()
            groups = " ".join(str(group) for group in self._groups())
            spaces = "--mount --pid --uts --ipc --cgroup" + ("" if self._is_online else " --net")
            enter = f"""
                for group in {groups}; do
                    mkdir $group
                    for each in cpuset.cpus cpuset.mems; do
                        [ ! -e $group/$each ] || cat $group/../$each > $group/$each
                    done
                    echo $$ > $group/cgroup.procs
                done
                exec setpriv --pdeathsig KILL unshare {spaces} --fork --kill-child "$0"
            """
            variables = {**os.environ, **shelves, "ROOT": str(self.root)}
            with (self.folder / "log").open("wb") as log:
                self._first = subprocess.Popen(
                    ["sh", "-euc", enter, Path(__file__).parent / "begin"],
                    env=variables,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self._until("systemctl is-system-running | grep -Eq 'running|degraded'")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._first is not None:
            self._first.send_signal(signal.SIGKILL)
            self._first.wait()
        for group in self._groups():
            for frozen in group.glob("**/freezer.state"):
                frozen.write_text("THAWED")  # what is frozen does not hear that it is killed
            deadline = time.monotonic() + 60
            for each in sorted(group.glob("**/"), reverse=True):
                while each.exists():
                    try:
                        each.rmdir()
                    except OSError:  # its last process has not gone yet
                        if time.monotonic() > deadline:
                            raise
                        time.sleep(0.1)
        shutil.rmtree(self.folder)

    @property
    def first_process(self) -> int:
        """The number that its systemd has out here."""
        assert self._first is not None
        return int(Path(f"/proc/{self._first.pid}/task/{self._first.pid}/children").read_text().split()[0])

    def inside(self, *command: str) -> tuple[str, ...]:
        """The command, as one of root's that runs in there."""
        spaces = ("--mount", "--net", "--uts", "--ipc", "--pid", "--cgroup")
        variables = [f"{name}={value}" for name, value in self._environment.items()]
        env = ("env", "-i", "--chdir=/root", *variables)
        return ("nsenter", f"--target={self.first_process}", *spaces, *env, *command)

    def types(self, lines: str) -> str:
        """What root's shell prints there. Raises when a line fails."""
        print("\n".join(f"# {line}" for line in lines.strip().splitlines()), flush=True)
        command = self.inside("timeout", "500", "bash", "-euo", "pipefail", "-c", lines)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        print(done.stdout, done.stderr, sep="", flush=True)
        if done.returncode != 0:
            raise RuntimeError(f"{done.returncode}: {lines}")
        return done.stdout.strip()

    def in_its_network(self, *command: str) -> tuple[str, ...]:
        """The command, as one of this machine's that speaks there."""
        return ("nsenter", f"--net=/proc/{self.first_process}/ns/net", *command)

    def _groups(self) -> list[Path]:
        tops = [_GROUPS] if (_GROUPS / "cgroup.procs").exists() else []
        tops = tops or sorted({path.parent.resolve() for path in _GROUPS.glob("*/cgroup.procs")})
        return [top / self.folder.name for top in tops]

    def _fill_shelves(self) -> dict[str, str]:
        """What packages of Python it will want is in uv's cache afterwards, and uv is there. What `begin` asks for."""
        what = "--quiet --frozen --extra orchestrator --extra agent --no-dev --no-install-project"
        environment = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(self.folder / "packages")}
        command = [_uv_program(), "sync", *what.split(), "--python", "/usr/bin/python3"]
        subprocess.run(command, check=True, cwd=PROJECT, env=environment)
        shutil.rmtree(self.folder / "packages")
        tools = self.root / "opt" / "playhouse" / "tools" / "bin"
        tools.mkdir(parents=True)
        shutil.copy(_uv_program(), tools / "uv")
        return {"UV_CACHE": _uv("cache", "dir"), "ADDRESS": ADDRESS}

    def _until(self, line: str) -> None:
        deadline = time.monotonic() + 120
        while True:
            try:
                command = self.inside("sh", "-c", line)
            except (OSError, IndexError):
                command = ("false",)
            if subprocess.run(command, capture_output=True, check=False).returncode == 0:
                return
            if time.monotonic() > deadline:
                raise RuntimeError((self.folder / "log").read_text())
            time.sleep(0.2)


def _uv_program() -> str:
    return shutil.which("uv") or str(PROJECT / ".tools" / "bin" / "uv")


def _uv(*words: str) -> str:
    return subprocess.run([_uv_program(), *words], capture_output=True, text=True, check=True).stdout.strip()
