"""What `deploy.py` runs on a host, through its standard input: one order, answered by one line of JSON.

It runs on the host's own Python with nothing beside it. Everything of a role lies below `/opt/playhouse/ROLE`:

    releases/VERSION    what was sent, never changed afterwards; its .venv finds it and an environment
    environments/HASH   the packages of a uv.lock, shared by the releases that have the same
    current             the release that runs
    state/well          version, unit and settings that were last seen well; state/before the ones before them

Whatever breaks off in the middle is finished by the same order again.
"""

from __future__ import annotations  # hosts with a Python that is too old for us still get to read why

import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path

USER = "playhouse"
KEPT_RELEASES = 3
GIVES_UP_AFTER_STARTS = 3
STOPS_WITHIN_S = 45  # as the units say, for those who serve on for a while
HEALTH = {"orchestrator": ("ORCHESTRATOR", "8000"), "agent": ("GAMESERVER_AGENT", "9100")}
LOADS = {
    "orchestrator": "import orchestrator.cli, orchestrator.server",
    "agent": "import gameserver_agent.cli, gameserver_agent.service",
}


class Refused(Exception):
    """The host cannot do it; the message says what the operator can."""


FAILURES = (Refused, OSError, subprocess.SubprocessError)
# What a shell reads as systemd does: nothing that either of them expands, unless in single quotes.
_SETTING = re.compile(r"""([A-Za-z_]\w*)=(?:([\w@%+=:,./?-]*)|'([^'\\]*)'|"([^"\\$`!]*)")""")


@dataclass(frozen=True)
class Wanted:
    """What makes a service this one and no other. `settings` None: those that are on the host."""

    version: str
    unit: str
    settings: str | None


@dataclass(frozen=True)
class Order:
    """What is to be done with `role`. `root` is `/` unless a test says otherwise, `manager` is `systemd` or
    `processes`, `within_s` how long a start may take.
    """

    do: str
    role: str
    wanted: Wanted
    migrations: tuple[str, ...]
    root: Path
    manager: str
    within_s: float

    @property
    def name(self) -> str:
        return f"playhouse-{self.role}"

    @property
    def base(self) -> Path:
        return self.root / "opt" / "playhouse" / self.role

    @property
    def release(self) -> Path:
        return self.base / "releases" / self.wanted.version

    @property
    def current(self) -> Path:
        return self.base / "current"

    @property
    def settings_file(self) -> Path:
        return self.root / "etc" / "playhouse" / f"{self.role}.env"

    @property
    def unit_file(self) -> Path:
        return self.root / "etc" / "systemd" / "system" / f"{self.name}.service"


def main(text: str) -> int:
    """0 when the order was carried out, 1 when not; what the operator reads goes to standard error."""
    given = json.loads(text)
    root = Path(given["root"])
    unit = given["unit"] if root == Path("/") else rooted(given["unit"], root)
    order = Order(
        do=given["do"],
        role=given["role"],
        wanted=Wanted(given["version"], unit, given["settings"]),
        migrations=tuple(given["migrations"]),
        root=root,
        manager=given["manager"],
        within_s=given["within_s"],
    )
    os.umask(0o022)
    do = {"look": look, "stage": stage, "switch": switch, "back": back}[order.do]
    try:
        with contextlib.nullcontext() if do is look else _alone(order):
            answer = do(order, manager_of(order))
    except FAILURES as error:
        _say(str(error))
        return 1
    print(json.dumps(answer))
    return 0 if answer.get("is_well", True) else 1


@contextlib.contextmanager
def _alone(order: Order) -> Generator[None, None, None]:
    """Raises `Refused` while another deploy is at work on this host."""
    order.base.mkdir(parents=True, exist_ok=True)
    lock = os.open(order.base / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Refused("Another deploy is at work on this host.") from None
    finally:
        os.close(lock)


def rooted(unit: str, root: Path) -> str:
    """The unit with its folders below `root`."""
    for folder in ("/opt/playhouse", "/etc/playhouse", "/var/lib/playhouse"):
        unit = unit.replace(folder, f"{root}{folder}")
    return unit


# What is to be done


def look(order: Order, manager: Manager) -> dict[str, object]:
    """What `switch` would change, in words; changes nothing. `migrates`: the database may have to as well."""
    return {
        "changes": changes(order, is_running=manager.is_running()),
        "is_sent": order.release.is_dir(),
        "migrates": order.role == "orchestrator" and order.migrations != _migrations(order.current),
    }


def changes(order: Order, *, is_running: bool) -> list[str]:
    """One line for each difference between the host and what is wanted of it."""
    wanted, settings = order.wanted, wanted_settings(order)
    well = _read(order.base / "state" / "well")
    there = order.current.resolve().name if order.current.is_symlink() else "nothing"
    lines = []
    if not order.release.is_dir():
        lines.append(f"release {wanted.version} is sent and its packages are installed")
    if there != wanted.version:
        lines.append(f"{order.current} goes from {there} to {wanted.version}")
    if _text(order.unit_file) != wanted.unit:
        lines.append(f"{order.unit_file} is written")
    if _text(order.settings_file) != settings:
        lines.append(f"{order.settings_file} is written")
    elif well is not None and well.settings != settings:
        lines.append(f"{order.settings_file} was changed since the last start")
    if not is_running:
        lines.append(f"{order.name} is started")
    elif lines or well != Wanted(wanted.version, wanted.unit, settings):  # one that nobody saw well is none
        lines.append(f"{order.name} is restarted")
    return lines


def wanted_settings(order: Order) -> str:
    """Those that came with the order, or those of the host. Raises `Refused` when there are none."""
    settings = order.wanted.settings if order.wanted.settings is not None else _text(order.settings_file)
    if settings is None:
        raise Refused(
            f"There are no settings yet. Copy deploy/systemd/{order.role}.env.example, fill it in, and say "
            f"`make deploy-{order.role} HOST=… SETTINGS=FILE`."
        )
    health_url(order.role, settings)
    return settings


def stage(order: Order, _: Manager) -> dict[str, object]:
    """Install what the release needs, and see that it can be loaded. What runs goes on as it is."""
    wanted_settings(order)
    lock = hashlib.sha256((order.release / "uv.lock").read_bytes() + sys.version.encode()).hexdigest()[:16]
    environment = order.base / "environments" / lock
    tools = order.root / "opt" / "playhouse" / "tools"
    subprocess.run(
        [str(order.release / "deploy" / "setup"), order.role],
        check=True,
        stdout=sys.stderr,
        env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(environment), "PLAYHOUSE_TOOLS": str(tools)},
    )
    python = own_environment(order.release, environment)
    quiet = ("-m", "compileall", "-q", *(str(path) for path in order.release.iterdir() if path.is_dir()))
    subprocess.run([python, *quiet], check=False, stdout=sys.stderr)
    done = subprocess.run([python, "-P", "-c", LOADS[order.role]], capture_output=True, text=True, check=False, cwd="/")
    if done.returncode != 0:
        raise Refused(f"This release does not load; nothing was changed. It said:\n{done.stderr.strip()}")
    return {}


def switch(order: Order, manager: Manager) -> dict[str, object]:
    """Run what is wanted. Whatever keeps it from being well in time, what was well before runs again, and `is_well` is
    false; where nothing was, nothing runs then.
    """
    state = order.base / "state"
    well = _read(state / "well")
    wanted = Wanted(order.wanted.version, order.wanted.unit, wanted_settings(order))
    why = _start(order, wanted, manager)
    if why is None:
        if well is None:
            _file_of(state / "before").unlink(missing_ok=True)
        elif well != wanted:
            _write(state / "before", well)
        _write(state / "well", wanted)
        try:
            _write_command(order)
            _remove_old(order)
        except OSError as error:
            _say(f"{wanted.version} is well, but not everything about it was put in order: {error}")
        return {"is_well": True, "can_go_back": well != wanted}
    words = [f"{wanted.version} is not well: {why} Its last words:\n{manager.last_words()}"]
    if well is None:
        _leave(order, manager)
        words.append("It was stopped: nothing ran here before that could run again.")
    else:
        if wanted.settings is not None and wanted.settings != well.settings:
            refused = order.settings_file.with_suffix(".env.refused")
            _replace(refused, wanted.settings, 0o600)
            words.append(f"The settings that it had are in {refused} now.")
        words.append(_go_back(order, well, manager))
    _say(*words)  # last: whoever told us to may be gone
    return {"is_well": False}


def back(order: Order, manager: Manager) -> dict[str, object]:
    """Run what ran before the last `switch`, which is nothing after the first one."""
    state = order.base / "state"
    before = _read(state / "before")
    if before is None:
        _leave(order, manager)
        _file_of(state / "well").unlink(missing_ok=True)
        return {}
    words = _go_back(order, before, manager)
    _write(state / "well", before)
    _say(words)
    return {}


def _go_back(order: Order, to: Wanted, manager: Manager) -> str:
    """How that went."""
    why = _start(order, to, manager)
    if why is None:
        return f"{to.version} runs again, and is well."
    return f"{to.version} was started again and is not well either: {why}"


def _leave(order: Order, manager: Manager) -> None:
    manager.retire()
    order.current.unlink(missing_ok=True)


def _start(order: Order, wanted: Wanted, manager: Manager) -> str | None:
    """Why it is not well, or None."""
    assert wanted.settings is not None
    try:
        url = health_url(order.role, wanted.settings)
        if not manager.is_running() and _is_taken(url):
            return f"another program listens at {url}."
        _apply(order, wanted, manager)
        return _why_not_well(order, url, manager)
    except FAILURES as error:
        return f"{error}."


def _apply(order: Order, wanted: Wanted, manager: Manager) -> None:
    release = order.base / "releases" / wanted.version
    if not release.is_dir():
        raise Refused(f"{release} is gone: deploy that version again.")
    assert wanted.settings is not None
    _replace(order.settings_file, wanted.settings, 0o600)
    _replace(order.unit_file, wanted.unit, 0o644)
    _link(order.current, Path("releases") / wanted.version)
    manager.restart()


def _is_taken(url: str) -> bool:
    address = urllib.parse.urlsplit(url)
    try:
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=5):
            return True
    except OSError:
        return False


def _why_not_well(order: Order, url: str, manager: Manager) -> str | None:
    """None as soon as it says that it is ready."""
    straight = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + order.within_s
    said = "nothing"
    while time.monotonic() < deadline:
        if manager.has_given_up():
            return "it ends by itself."
        try:
            with straight.open(url, timeout=5) as response:
                if response.status == 200:
                    return None
        except urllib.error.HTTPError as error:
            said = f"{error.code} {error.read(500).decode(errors='replace')}"
        except (OSError, http.client.HTTPException) as error:
            said = f"{type(error).__name__} {error}"
        time.sleep(0.1)
    return f"{url} did not answer 200 within {order.within_s:.0f} s, but {said}."


def health_url(role: str, settings: str) -> str:
    """Where the service of these settings says that it is well. Raises `Refused` for settings that are none."""
    found = read_settings(settings)
    name, usual = HEALTH[role]
    host = found.get(f"{name}_HOST", "0.0.0.0")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    port = found.get(f"{name}_PORT", usual)
    if not (port.isdecimal() and 0 < int(port) < 65536):
        raise Refused(f"{name}_PORT is no port: {port}")
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/health/ready"


# Releases


def own_environment(release: Path, packages: Path) -> str:
    """An interpreter of this release: it finds the release and its packages, also as a child with nothing in its
    environment. Making it costs nothing, unlike the packages.
    """
    own = release / ".venv"
    python = own / "bin" / "python"
    [site] = packages.glob("lib/python*/site-packages")
    inner = own / site.relative_to(packages)
    inner.mkdir(parents=True, exist_ok=True)
    python.parent.mkdir(exist_ok=True)
    for file, text in (
        (inner / "playhouse.pth", f"{release}\n{site}\n"),
        (own / "pyvenv.cfg", (packages / "pyvenv.cfg").read_text()),
    ):
        if _text(file) != text:  # else it runs, perhaps
            _replace(file, text, 0o644)
    interpreter = (packages / "bin" / "python").resolve()
    if not python.is_symlink() or python.readlink() != interpreter:  # the machine's own may be another one meanwhile
        _link(python, interpreter)
    return str(python)


def _remove_old(order: Order) -> None:
    """Keep the newest releases and the ones that state names, and the environments that these use."""
    state = [_read(order.base / "state" / name) for name in ("well", "before")]
    named = {each.version for each in state if each is not None}
    releases = sorted((order.base / "releases").iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    kept = [path for path in releases if path.name in named]  # what was only half sent has a dot before its name
    others = [path for path in releases if path.name not in named and not path.name.startswith(".")]
    kept += others[: max(0, KEPT_RELEASES - len(kept))]
    for path in releases:
        if path not in kept:
            shutil.rmtree(path)
    used = {line for path in kept for link in path.glob(".venv/lib/*/*/playhouse.pth") for line in _lines(link)}
    for environment in (order.base / "environments").iterdir():
        if not any(line.startswith(f"{environment}/") for line in used):
            shutil.rmtree(environment)


def _write_command(order: Order) -> None:
    """The program of the role in `/opt/playhouse/bin`, with the service's settings, and as its user."""
    command = {"orchestrator": "orchestrator", "agent": "gameserver-agent"}[order.role]
    variables, as_user = "", ""
    if order.role == "orchestrator":
        home = order.root / "var" / "lib" / "playhouse"
        variables = f"ORCHESTRATOR_DATA={home}; HOME={home}; "
        as_user = f"runuser -u {USER} -- " if order.manager == "systemd" else ""
    lines = (
        "#!/bin/sh",
        f"# Runs `{command}` with the settings of {order.name}, and as its user.",
        f"set -a; {variables}. {order.settings_file}; set +a",
        f'exec {as_user}{order.current}/.venv/bin/python -P -m {command.replace("-", "_")} "$@"',
    )
    _replace(order.root / "opt" / "playhouse" / "bin" / command, "\n".join(lines) + "\n", 0o755)


def _migrations(release: Path) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in (release / "migrations" / "versions").glob("[0-9]*.py")))


# Files


def read_settings(text: str) -> dict[str, str]:
    """`NAME=VALUE` lines that systemd and a shell read alike. Raises `Refused` naming the line that is none."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _SETTING.fullmatch(line.strip())
        if match is None:
            raise Refused(
                f"Line {number} of the settings is not NAME=VALUE. A value with anything but letters, digits and "
                "@ % + = : , . / ? - _ stands in single quotes, and has neither these nor a backslash in it."
            )
        found[match[1]] = match[2] or match[3] or match[4] or ""
    return found


def _read(state: Path) -> Wanted | None:
    try:
        content = json.loads(_file_of(state).read_text())
        return Wanted(content["version"], content["unit"], content["settings"])
    except (OSError, ValueError, KeyError):
        return None


def _file_of(state: Path) -> Path:
    return state.with_suffix(".json")


def _write(state: Path, wanted: Wanted) -> None:
    content = {"version": wanted.version, "unit": wanted.unit, "settings": wanted.settings}
    _replace(_file_of(state), json.dumps(content), 0o600)


def _replace(path: Path, text: str, mode: int) -> None:
    """The whole file or the one before, whatever happens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:  # noqa: PTH123 - Path.open takes no descriptor
        file.write(text)
    temporary.replace(path)


def _link(path: Path, to: Path) -> None:
    """As `_replace` does it."""
    temporary = path.with_name(f".{path.name}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(to)
    temporary.replace(path)


def _text(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def _pairs(words: Iterable[str]) -> dict[str, str]:
    """Of `NAME=VALUE`."""
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def _say(*words: str) -> None:
    """What the operator reads, if he still does."""
    with contextlib.suppress(OSError):
        print(*words, sep="\n", file=sys.stderr, flush=True)


# Service managers


class Manager:
    """Who keeps the service running."""

    def __init__(self, order: Order) -> None:
        self._order = order

    def restart(self) -> None:
        """Stop it if it runs, and start it from the unit as it is now. Whether it is well is not known then."""
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def retire(self) -> None:
        """Stop it, and let it not start with the machine."""
        self.stop()

    def is_running(self) -> bool:
        raise NotImplementedError

    def has_given_up(self) -> bool:
        """It ended by itself, and waiting for it is in vain."""
        raise NotImplementedError

    def last_words(self) -> str:
        raise NotImplementedError


class Systemd(Manager):
    """A system service, enabled for the next start of the machine."""

    def restart(self) -> None:
        if self._order.role == "orchestrator":
            _make_user()
        _systemctl("daemon-reload")
        _systemctl("enable", "--quiet", self._order.name)
        _systemctl("reset-failed", self._order.name, may_fail=True)
        _systemctl("restart", self._order.name, may_fail=True)

    def stop(self) -> None:
        _systemctl("stop", self._order.name, may_fail=True)  # perhaps there is none yet
        if self.is_running():
            raise Refused(f"{self._order.name} could not be stopped.")

    def retire(self) -> None:
        _systemctl("disable", "--quiet", self._order.name, may_fail=True)
        self.stop()

    def is_running(self) -> bool:
        return _systemctl("is-active", "--quiet", self._order.name, may_fail=True) == 0

    def has_given_up(self) -> bool:
        shown = subprocess.run(
            ["systemctl", "show", "--property=NRestarts,ActiveState", self._order.name],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        properties = _pairs(shown.splitlines())
        restarts = int(properties.get("NRestarts") or 0)
        return properties.get("ActiveState") == "failed" or restarts >= GIVES_UP_AFTER_STARTS

    def last_words(self) -> str:
        return subprocess.run(
            ["journalctl", "--unit", self._order.name, "--lines=20", "--no-pager", "--output=cat"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout


class Processes(Manager):
    """A process of its own, with what the unit says of command and environment, and nothing of its sandbox: for
    machines without systemd, and for tests. Nobody starts it again.
    """

    @property
    def _folder(self) -> Path:
        return self._order.base / "run"

    def restart(self) -> None:
        self.stop()
        self._folder.mkdir(parents=True, exist_ok=True)
        environment = {"PATH": os.environ.get("PATH", os.defpath)}
        before: list[list[str]] = []
        command: list[str] = []
        for line in _lines(self._order.unit_file):
            name, _, value = line.partition("=")
            if name == "Environment":
                environment.update(_pairs(shlex.split(value)))
            elif name == "EnvironmentFile":
                environment.update(read_settings(Path(value).read_text()))
            elif name == "StateDirectory":
                (self._order.root / "var" / "lib" / value).mkdir(mode=0o700, parents=True, exist_ok=True)
            elif name == "ExecStartPre":
                before.append(shlex.split(value))
            elif name == "ExecStart":
                command = shlex.split(value)
        with (self._folder / "log").open("wb") as log:
            for words in before:
                done = subprocess.run(words, env=environment, stdout=log, stderr=log, cwd="/", check=False)
                if done.returncode != 0:
                    return
            started = subprocess.Popen(  # it outlives us
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
        (self._folder / "pid").write_text(f"{started.pid} {_began(started.pid)}")

    def stop(self) -> None:
        process = self._process()
        if process is not None:
            os.kill(process, signal.SIGTERM)
            deadline = time.monotonic() + STOPS_WITHIN_S
            while self._process() is not None:
                if time.monotonic() > deadline:
                    os.kill(process, signal.SIGKILL)
                time.sleep(0.05)
        with contextlib.suppress(FileNotFoundError):
            (self._folder / "pid").unlink()

    def is_running(self) -> bool:
        return self._process() is not None

    def has_given_up(self) -> bool:
        return self._process() is None

    def last_words(self) -> str:
        return "\n".join(_lines(self._folder / "log")[-20:])

    def _process(self) -> int | None:
        try:
            number, began = (self._folder / "pid").read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(number) if _began(int(number)) == began else None


def manager_of(order: Order) -> Manager:
    """Raises `Refused` where systemd is wanted and does not run."""
    if order.manager == "processes":
        return Processes(order)
    if not Path("/run/systemd/system").is_dir():
        raise Refused("systemd does not run this machine. Deploy to one where it does, or with containers.")
    return Systemd(order)


def _systemctl(*words: str, may_fail: bool = False) -> int:
    return subprocess.run(["systemctl", *words], stdout=sys.stderr, check=not may_fail).returncode


def _make_user() -> None:
    try:
        pwd.getpwnam(USER)
    except KeyError:
        home = ("--home-dir", "/var/lib/playhouse", "--no-create-home", "--shell", "/usr/sbin/nologin")
        subprocess.run(["useradd", "--system", "--user-group", *home, USER], check=True)


def _began(process: int) -> str | None:
    """When it began, in ticks since the machine did; None for one that has ended, or never was."""
    try:
        words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if words[0] in "ZX" else words[19]
