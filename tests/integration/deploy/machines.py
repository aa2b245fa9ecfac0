"""Machines of a network that leads nowhere else: each has the packages of this one, and nothing of what is done on it.

A machine is namespaces of its own: network, mounts, processes, name. Its files are an overlay over this machine's, so
that commands of documents are run with the paths that they name. It ends with its first process, and that one with the
test, however the test goes; nothing is left of it then. `machine/` has what machines elsewhere have and these cannot.
"""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

OWN = Path(__file__).parent / "machine"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

SHELVES = {
    "UV_OFFLINE": "1",
    "UV_CACHE_DIR": "/var/cache/uv",
    "UV_LINK_MODE": "symlink",
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": "/root/wheels",
}
"""Where a machine without a network finds packages of Python."""


class Machine:
    """`with`: it is up, without a network yet. What it writes lies in memory, over `layer` and this machine's files.
    `folder` is where it begins, and stays as empty as it is.
    """

    def __init__(self, folder: Path, layer: Path, uv_cache: Path) -> None:
        self.name = folder.name
        self.pid = 0
        self._variables = {
            "PATH": PATH,
            "FOLDER": str(folder),
            "LAYER": str(layer),
            "NAME": self.name,
            "UV_CACHE": str(uv_cache),
        }
        self._first: subprocess.Popen[str] | None = None
        self._started: list[subprocess.Popen[bytes]] = []
        self._began = time.time()

    def __enter__(self) -> Self:
        self._first = subprocess.Popen(
            ["unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child", OWN / "begin"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._variables,
        )
        assert self._first.stdout is not None
        said = self._first.stdout.readline()
        if not said:
            self.__exit__()
            raise RuntimeError(f"{self.name} did not begin: it says above why")
        self.pid = int(said)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._first is not None
        self._first.communicate("")
        for each in self._started:
            each.wait()

    @property
    def root(self) -> Path:
        """Its `/`, as long as it is up."""
        return Path(f"/proc/{self.pid}/root")

    def inside(self, *command: str) -> tuple[str, ...]:
        """The command, as one that runs in there."""
        spaces = ("--mount", "--net", "--uts", "--ipc", "--pid")
        return ("nsenter", f"--target={self.pid}", *spaces, "env", "--chdir=/root", *command)

    def types(self, lines: str, *, given: str = "", fails: bool = False) -> str:
        """What root's shell prints there; `given` is what is typed at its prompts. It ends with the first line that
        fails, which one has to where it should, and none where not.
        """
        done = subprocess.run(
            self.inside("timeout", "300", "bash", "-euo", "pipefail", "-c", lines),
            input=given,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", **SHELVES},
        )
        assert (done.returncode != 0) == fails, f"{self.name}: {lines}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def starts(self, *command: str) -> None:
        """A program that runs as long as the machine, with its words in /var/log."""
        with (self.root / "var" / "log" / f"{Path(command[0]).name}.log").open("ab") as out:
            started = subprocess.Popen(
                self.inside(*command),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={"PATH": PATH, "HOME": "/root"},
                start_new_session=True,
            )
        self._started.append(started)

    def logs(self) -> str:
        """The ends of what its programs said."""
        found = [*self.root.glob("var/log/*.log"), *self.root.glob("opt/playhouse/*/run/log")]
        found = [path for path in found if path.stat().st_mtime > self._began]
        return "\n".join(f"== {self.name} {path.name}\n{path.read_text(errors='replace')[-3000:]}" for path in found)


def connect(machines: Sequence[Machine], network: str) -> dict[str, str]:
    """One network of them all, `10.1.2` for 10.1.2.0/24; answers who has which address. The first one is the switch."""
    switch, *others = machines
    addresses = {machine.name: f"{network}.{number}" for number, machine in enumerate(machines, 1)}
    made = ["ip link add lan type bridge", f"ip address add {addresses[switch.name]}/24 dev lan", "ip link set lan up"]
    for number, machine in enumerate(others, 1):
        made.append(f"ip link add port{number} type veth peer name lan netns /proc/{machine.pid}/ns/net")
        made.append(f"ip link set port{number} master lan up")
    _ip(switch, made)
    for machine in others:
        route = f"ip route add default via {addresses[switch.name]}"  # which browsers take their own address from
        _ip(machine, [f"ip address add {addresses[machine.name]}/24 dev lan", "ip link set lan up", route])
    return addresses


def _ip(machine: Machine, commands: Sequence[str]) -> None:
    """In its network, and with the processes of this machine in sight."""
    inside = ("nsenter", f"--net=/proc/{machine.pid}/ns/net", "bash", "-euc", "\n".join(commands))
    subprocess.run(inside, check=True)


def hide(folder: Path) -> None:
    """In a layer: what the machine beneath has in this folder is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    os.setxattr(folder, "trusted.overlay.opaque", b"y")
