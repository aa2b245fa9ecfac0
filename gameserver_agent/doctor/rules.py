"""Facts of a host become findings. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from diagnosis import Finding, Level, of_answer, of_certificate, of_clock, of_disk, of_program, of_public_url

OLDEST_ENGINE, OLDEST_RUNC = (20, 10, 10), (1, 0, 2)
"""The first that take a system call's own error from a profile: games get `ENOSYS` for `clone3`."""
LEAST_SHM_BYTES = 64 * 1024**2
LEAST_FILES = 4096


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """`trouble` is empty when it answers; the rest is known only then."""

    address: str
    trouble: str = ""
    version: str = ""
    runc: str = ""
    has_seccomp: bool = True
    has_cgroup_2: bool = True
    keeps_games: bool = True
    """It runs with `--live-restore`."""
    free_bytes: int = 0
    total_bytes: int = 0
    """0 where it was not measured: the engine may be on another machine."""
    storage_folder: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Texts that are empty say that nothing is wrong; what is None is not there, or could not be seen."""

    is_root: bool
    engine: EngineFacts
    programs: tuple[tuple[str, str | None], ...]
    """Those of `PROGRAMS` and `LIBRARIES` by name, with where each is."""
    data: str
    data_trouble: str
    runtime: str
    runtime_trouble: str
    has_joined: bool | None
    unsent_saves: int
    has_loop_devices: bool
    shm_bytes: int
    most_files: int
    address: str
    port_trouble: str
    is_agent_there: bool
    """The port answers as an agent does."""
    udp_trouble: str
    has_udp_port: bool
    """One of those for streams is free."""
    orchestrator_url: str
    orchestrator_status: int | None
    orchestrator_trouble: str
    skew: timedelta | None
    public_url: str | None
    public_status: int | None = None
    public_trouble: str = ""
    is_public_distrusted: bool = False
    certificate_days: float | None = None


PROGRAMS = {
    "Xvfb": ("xvfb", "no game has a display without it", True),
    "xkbcomp": ("x11-xkb-utils", "Xvfb reads its keyboard with it", True),
    "pulseaudio": ("pulseaudio", "games have no sound without it", True),
    "setpriv": ("util-linux", "seats become users of their own with it", True),
    "mkfs.ext4": ("e2fsprogs", "save folders get their limit with it", True),
}
LIBRARIES = {
    "libxcb.so.1": ("libxcb1", "pictures are grabbed with it", True),
    "libxcb-shm.so.0": ("libxcb-shm0", "pictures are grabbed with it", True),
    "libpulse.so.0": ("libpulse0", "sound is read with it", True),
    "libyuv.so.0": ("libyuv0", "pictures are converted ten times as fast with it", False),
}
_ROOTS = frozenset({"mkfs.ext4"})
_NEWER = "apt-get install docker.io runc, or what https://docs.docker.com/engine/install/ has where those are old too"


def findings(facts: Facts) -> list[Finding]:
    """In the order in which they are best mended."""
    return [
        *_engine(facts.engine),
        *_programs(facts),
        *_kernel(facts),
        *_folders(facts),
        *_ports(facts),
        *_orchestrator(facts),
        *_players(facts),
    ]


def is_old(version: str, oldest: tuple[int, int, int]) -> bool:
    """Whether a program of this version is too old. One that names itself in another way is taken to be new."""
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return found is not None and tuple(int(part or 0) for part in found.groups()) < oldest


def _engine(facts: EngineFacts) -> Iterator[Finding]:
    if facts.trouble:
        mend = "systemctl start docker, or apt-get install docker.io, or --docker-host"
        yield Finding(Level.BROKEN, "engine", f"{facts.address} does not answer: {facts.trouble}", mend)
        return
    if is_old(facts.version, OLDEST_ENGINE):
        says = f"Docker Engine {facts.version} is older than 20.10.10: games would not start, or start no threads."
        yield Finding(Level.BROKEN, "engine", says, _NEWER)
    elif is_old(facts.runc, OLDEST_RUNC):
        says = f"The engine's runc {facts.runc} is older than 1.0.2: games would not start, or start no threads."
        yield Finding(Level.BROKEN, "engine", says, _NEWER)
    else:
        yield Finding(Level.OK, "engine", f"Docker Engine {facts.version} answers.")
    if not facts.has_seccomp:
        says = "The engine has no seccomp: it refuses to start games, which never play without."
        yield Finding(Level.BROKEN, "isolation", says, "Use a kernel with CONFIG_SECCOMP_FILTER.")
    if not facts.has_cgroup_2:
        says = "The engine uses cgroup v1: memory of games is counted less exactly."
        yield Finding(Level.HINT, "isolation", says, "Boot with systemd.unified_cgroup_hierarchy=1.")
    if not facts.keeps_games:
        says = "A restart of the engine would end all games."
        mend = 'Put {"live-restore": true} into /etc/docker/daemon.json; systemctl reload docker'
        yield Finding(Level.HINT, "engine", says, mend)
    if facts.total_bytes:
        yield of_disk("disk of games", facts.storage_folder, facts.free_bytes, facts.total_bytes)
    else:
        says = f"The disk of games was not measured: {facts.address} may be another machine's engine."
        yield Finding(Level.HINT, "disk of games", says, f"Run df -h {facts.storage_folder} where it runs.")


def _programs(facts: Facts) -> Iterator[Finding]:
    for name, path in facts.programs:
        package, why, is_needed = {**PROGRAMS, **LIBRARIES}[name]
        yield of_program(name, path, package, why=why, is_needed=is_needed and (facts.is_root or name not in _ROOTS))


def _kernel(facts: Facts) -> Iterator[Finding]:
    if facts.is_root and not facts.has_loop_devices:
        says = "There are no loop devices: save folders are watched instead of bounded."
        yield Finding(Level.HINT, "kernel", says, "modprobe loop")
    if facts.shm_bytes < LEAST_SHM_BYTES:
        says = f"Shared memory has {facts.shm_bytes / 1024**2:.0f} MiB, and each display takes some of it."
        yield Finding(Level.BROKEN, "kernel", says, "mount -o remount,size=50% /dev/shm")
    if facts.most_files < LEAST_FILES:
        says = f"A process may have {facts.most_files} files open."
        yield Finding(Level.HINT, "kernel", says, f"ulimit -n {LEAST_FILES}, or LimitNOFILE= in the unit")


def _folders(facts: Facts) -> Iterator[Finding]:
    if facts.data_trouble:
        own = f"mkdir -p {facts.data} && chown $(id -un) {facts.data}, or --data"
        mend = f"Run it as the agent's user; if it is that one: {own}"
        yield Finding(Level.BROKEN, "data folder", f"{facts.data_trouble}.", mend)
    if facts.runtime_trouble:
        mend = f"chmod a+x {facts.runtime} and the folders above it, or --seat-runtime"
        yield Finding(Level.BROKEN, "seat runtime", f"{facts.runtime_trouble}.", mend)
    if facts.unsent_saves:
        says = f"{facts.unsent_saves} saves wait in {facts.data}/unsent to be sent: do not empty it."
        yield Finding(Level.HINT, "saves", says, "Start the agent, and see that orchestrator and store answer.")


def _ports(facts: Facts) -> Iterator[Finding]:
    if facts.is_agent_there:
        yield Finding(Level.OK, "port", f"An agent answers on {facts.address}.")
    elif facts.port_trouble:
        mend = f"`ss -ltnp` shows who has it; stop that, or --port ({facts.port_trouble})"
        yield Finding(Level.BROKEN, "port", f"{facts.address} is taken, and not by an agent.", mend)
    else:
        yield Finding(Level.OK, "port", f"{facts.address} is free.")
    if facts.udp_trouble and facts.has_udp_port:
        says = f"{facts.udp_trouble}. Seats of games that live on without their agent keep theirs."
        yield Finding(Level.HINT, "UDP ports", says, "`ss -lunp` shows who has them")
    elif facts.udp_trouble:
        yield Finding(Level.BROKEN, "UDP ports", f"{facts.udp_trouble}.", "--udp-ports FIRST-LAST with others")


def _orchestrator(facts: Facts) -> Iterator[Finding]:
    mend = "Start it, or give --orchestrator another URL; `orchestrator doctor` there says what is wrong."
    ready = f"{facts.orchestrator_url}/health/ready"
    status, trouble = facts.orchestrator_status, facts.orchestrator_trouble
    yield of_answer("orchestrator", ready, status, trouble, mend, accepted=range(200, 300))
    if facts.skew is not None:
        yield of_clock("clock", "the orchestrator's", facts.skew)
    if facts.has_joined is False:
        says = "This host has not joined."
        mend = "`orchestrator hosts token` there, into a file with which the agent starts once: --token-file"
        yield Finding(Level.HINT, "membership", says, mend)


def _players(facts: Facts) -> Iterator[Finding]:
    if facts.public_url is None:
        return
    mend = "Start the agent, and see to the proxy and the firewall before it."
    health = f"{facts.public_url}/api/health"
    distrusted = facts.is_public_distrusted
    yield of_public_url(health, facts.public_status, facts.public_trouble, mend, is_distrusted=distrusted)
    if facts.certificate_days is not None:
        yield of_certificate(facts.public_url, facts.certificate_days)
