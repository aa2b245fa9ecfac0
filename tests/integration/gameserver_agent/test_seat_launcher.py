"""Starting a seat so that it outlives the agent: one contract for every launcher, kept by real processes.

PID 1 of a machine that runs tests is often no systemd, so `systemd-run` is a program of the test's there. It does what
the real one does: it takes the options that we give, opens a control group of its own, and becomes the command.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path

import pytest

from gameserver_agent.errors import SeatError
from gameserver_agent.saves.archive import Owner
from gameserver_agent.seats import launcher as launching
from gameserver_agent.seats.install import SeatRuntime
from gameserver_agent.seats.launcher import (
    DetachedLauncher,
    SeatLauncher,
    SystemdScopeLauncher,
    WorkerCommand,
    best_launcher,
)
from gameserver_agent.seats.places import SeatPlace, SeatPlaces, seat_processes

REPOSITORY = Path(__file__).parents[3]
GROUPS = Path("/sys/fs/cgroup/pids") if Path("/sys/fs/cgroup/pids").is_dir() else Path("/sys/fs/cgroup")
WORKER = """
import sys, time
print("worker of", sys.argv[1], flush=True)
time.sleep(600)
"""
SYSTEMD_RUN = """#!/bin/sh
while [ $# -gt 0 ]; do
    case "$1" in
        --system | --scope | --collect | --quiet) ;;
        --unit=*.scope) unit=${1#--unit=} ;;
        --) shift; break ;;
        *) echo "systemd-run: unrecognized option '$1'" >&2; exit 1 ;;
    esac
    shift
done
mkdir "GROUPS/$unit" || exit 1
echo $$ > "GROUPS/$unit/cgroup.procs" || exit 1
exec "$@"
"""
AGENT = """
import asyncio, sys
from pathlib import Path
from gameserver_agent.saves.archive import Owner
from gameserver_agent.seats import launcher
from gameserver_agent.seats.install import SeatRuntime
from gameserver_agent.seats.places import SeatPlace

site, folder, uid, kind = sys.argv[1:]
command = launcher.WorkerCommand(SeatRuntime(sys.executable, Path(site), -1), "worker")
scope = launcher.SystemdScopeLauncher(command, "--system")
started = scope if kind == "scope" else launcher.DetachedLauncher(command)
place = SeatPlace(Path(folder), Owner(int(uid), int(uid), drop=True))
asyncio.run(started.launch(place))
print("launched", flush=True)
sys.stdin.read()
"""
KINDS: dict[str, Callable[[WorkerCommand], SeatLauncher]] = {
    "detached": DetachedLauncher,
    "scope": lambda command: SystemdScopeLauncher(command, "--system"),
}


@pytest.fixture
def site(short_folder: Path) -> Path:
    """What seats run from: a worker that says where it is and waits."""
    folder = short_folder / "site"
    folder.mkdir(mode=0o755)
    (folder / "worker.py").write_text(WORKER)
    return folder


@pytest.fixture(autouse=True)
def systemd_run(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    program = short_folder / "bin" / "systemd-run"
    program.parent.mkdir()
    program.write_text(SYSTEMD_RUN.replace("GROUPS", str(GROUPS)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    before = set(GROUPS.glob("playhouse-seat-*.scope"))
    yield
    for group in set(GROUPS.glob("playhouse-seat-*.scope")) - before:
        _until(lambda group=group: not (group / "cgroup.procs").read_text(), "the scope is empty")
        group.rmdir()


@pytest.fixture
def place(short_folder: Path) -> Generator[SeatPlace]:
    places = SeatPlaces(short_folder / "seats", "hst1")
    claimed = places.claim("ses1")
    yield claimed
    places.release(claimed)


def interpreter() -> str:
    return next(path for path in ("/usr/bin/python3", sys.executable) if Path(path).exists())


def started(kind: str, site: Path, place: SeatPlace, module: str = "worker") -> None:
    command = WorkerCommand(SeatRuntime(interpreter(), site, -1), module)
    asyncio.run(KINDS[kind](command).launch(place))


def _until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.01)


def _worker(place: SeatPlace) -> int:
    log = place.seat / "worker.log"
    _until(lambda: log.exists() and "worker of" in log.read_text(), "the worker says that it is there")
    (worker,) = seat_processes(place)
    return worker


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_is_nobodys_and_has_nothing_but_its_own(
    kind: str, site: Path, place: SeatPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYHOUSE_HOST_TOKEN", "a secret")
    started(kind, site, place)
    worker = _worker(place)
    facts = dict(line.split(":\t", 1) for line in Path(f"/proc/{worker}/status").read_text().splitlines())
    assert facts["Uid"].split() == [str(place.owner.uid)] * 4
    assert facts["Gid"].split() == [str(place.owner.gid)] * 4
    assert facts["Groups"].split() == []
    assert facts["NoNewPrivs"] == "1"
    assert int(facts["CapEff"], 16) == int(facts["CapPrm"], 16) == int(facts["CapInh"], 16) == 0
    assert int(facts["PPid"]) != os.getpid()
    assert os.getsid(worker) == worker
    assert Path(f"/proc/{worker}/cwd").resolve() == place.seat.resolve()
    environment = Path(f"/proc/{worker}/environ").read_bytes().decode().split("\0")
    names = {entry.partition("=")[0] for entry in environment if entry}
    assert names == {
        *("PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"),
        *("HOME", "XDG_RUNTIME_DIR", "TMPDIR", "LC_ALL", "PATH"),
    }
    assert f"PYTHONPATH={site}" in environment  # by which an install folder in use is known
    log = place.seat / "worker.log"
    assert log.read_text() == f"worker of {place.seat}\n"
    assert (log.stat().st_uid, log.stat().st_mode & 0o777) == (place.owner.uid, 0o600)


@pytest.mark.parametrize("kind", KINDS)
def test_killing_the_agents_whole_group_kills_no_seat(kind: str, site: Path, place: SeatPlace) -> None:
    """The process group, and where the seat has a scope, the service's control group too."""
    service = GROUPS / f"playhouse-test-{os.getpid()}"
    service.mkdir()
    words = [sys.executable, "-c", AGENT, str(site), str(place.folder), str(place.owner.uid), kind]
    (site / "worker.py").chmod(0o644)
    agent = subprocess.Popen(
        ["sh", "-c", f'echo $$ > {service}/cgroup.procs; exec "$@"', "sh", *words],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert agent.stdout is not None
        assert agent.stdin is not None
        assert agent.stdout.readline() == b"launched\n"
        worker = _worker(place)
        os.killpg(agent.pid, signal.SIGKILL)
        agent.wait()
        if kind == "scope":
            for process in (service / "cgroup.procs").read_text().split():
                os.kill(int(process), signal.SIGKILL)
            (scope,) = GROUPS.glob("playhouse-seat-hst1-ses1-*.scope")
            assert str(worker) in (scope / "cgroup.procs").read_text().split()
        assert seat_processes(place) == (worker,)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(agent.pid, signal.SIGKILL)
        agent.wait()
        for stream in (agent.stdin, agent.stdout):
            if stream is not None:
                stream.close()
        SeatPlaces(place.folder.parents[1], "hst1").release(place)
        _until(lambda: not (service / "cgroup.procs").read_text(), "the service is empty")
        service.rmdir()


def test_a_scope_that_systemd_does_not_give_is_named_with_its_words(site: Path, place: SeatPlace) -> None:
    os.chown(place.seat, place.owner.uid, place.owner.gid)
    command = WorkerCommand(SeatRuntime(interpreter(), site, -1), "worker")
    refusing = SystemdScopeLauncher(command, "--user")  # which this manager does not know
    with pytest.raises(SeatError, match="unrecognized option '--user'"):
        asyncio.run(refusing.launch(place))


def test_a_program_that_is_missing_is_named(site: Path, place: SeatPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SeatError, match="lacks the program systemd-run"):
        started("scope", site, place)


def test_the_real_systemd_run_knows_every_option_that_it_is_given(short_folder: Path, site: Path) -> None:
    place = SeatPlace(short_folder / "seats" / "hst1" / "ses1", Owner(210_000, 210_000, drop=True))
    launcher = SystemdScopeLauncher(WorkerCommand(SeatRuntime(interpreter(), site, -1)), "--system")
    words = launcher.words(place)
    options = words[1 : words.index("--")]
    answer = subprocess.run(
        ["/usr/bin/systemd-run", *options, "--", "true"], capture_output=True, text=True, check=False
    )
    assert "option" not in answer.stderr
    unknown = subprocess.run(["/usr/bin/systemd-run", "--scopes"], capture_output=True, text=True, check=False)
    assert "option" in unknown.stderr


def test_the_launcher_is_chosen_by_what_the_machine_runs(
    short_folder: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chosen(environment: dict[str, str]) -> type[SeatLauncher]:
        return type(best_launcher(WorkerCommand(SeatRuntime(interpreter(), site, -1)), environment))

    manager = {"XDG_RUNTIME_DIR": str(short_folder)}
    monkeypatch.setattr(launching, "_SYSTEMD_RUNS", short_folder / "systemd")
    assert chosen(manager) is DetachedLauncher  # systemd is installed and is not PID 1
    (short_folder / "systemd").mkdir()
    assert chosen({}) is SystemdScopeLauncher
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert chosen(manager) is SystemdScopeLauncher
    assert chosen({}) is DetachedLauncher
    monkeypatch.setenv("PATH", "/nonexistent")
    assert chosen(manager) is DetachedLauncher
