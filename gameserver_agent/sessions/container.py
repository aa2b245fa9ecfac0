"""Which container a session gets, and what its end means. Pure.

The home is the only place that a game can write to and that outlives it. `/session` is read-only: it lies in the host's
memory (`/run`) and has no quota. Where a result is wanted, a folder of the home is mounted at `/session/result`.
"""

import errno
from dataclasses import replace
from pathlib import Path

from agent_protocol import BuildSpec, DesiredSession, EndReport
from gameserver_agent.errors import EngineError, SeatError, SessionEndedError
from gameserver_agent.runtime.port import ContainerSpec, ContainerStatus, Mount
from gameserver_agent.seats.places import SeatPlace
from gameserver_agent.sessions.run_result import folder_of
from streaming.protocol import Hello

INSTALLATION_LABEL = "playhouse.installation"
HOST_LABEL = "playhouse.host"
SESSION_LABEL = "playhouse.session"
GENERATION_LABEL = "playhouse.generation"
BUILD_LABEL = "playhouse.build"
TITLE_LABEL = "playhouse.title"
TAKEN = "taken"
"""In the folder that a game sees as `/session`: there once somebody plays what had waited at its title."""

LANGUAGE = "C.UTF-8"
"""Every image has it; a game asks its player itself, and remembers the answer in their save."""

DISK_FULL = "The host has no room for another game: its disk is full."
_SIGNAL_NAMES = {4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM"}


def host_labels(installation: str, host_id: str) -> dict[str, str]:
    """What every container of this host carries; reconcile and clean-up touch nothing without both."""
    return {INSTALLATION_LABEL: installation, HOST_LABEL: host_id}


def session_labels(desired: DesiredSession, ours: dict[str, str]) -> dict[str, str]:
    return {**ours, SESSION_LABEL: desired.session_id, GENERATION_LABEL: str(desired.generation)}


def title_labels(title_id: str, ours: dict[str, str]) -> dict[str, str]:
    return {**ours, TITLE_LABEL: title_id}


def game_container(
    desired: DesiredSession, ours: dict[str, str], place: SeatPlace, hello: Hello, home: str
) -> ContainerSpec:
    """The container in which this session's game runs, seeing only its own display, sound and save."""
    name, labels = f"playhouse-{desired.session_id}-{desired.generation}", session_labels(desired, ours)
    about_player = {"TZ": desired.timezone, "LANG": LANGUAGE}
    container = _container(name, labels, desired.build, about_player, place, hello, home)
    if not desired.for_result:
        return container
    result = Mount(str(folder_of(Path(home))), "/session/result")
    return replace(container, mounts=(*container.mounts, result))


def title_container(
    title_id: str, build: BuildSpec, ours: dict[str, str], place: SeatPlace, hello: Hello, home: str
) -> ContainerSpec:
    """The same for a game that is to wait at its title: of no session, and nobody's time zone."""
    name, labels = f"playhouse-title-{title_id}", title_labels(title_id, ours)
    waits = {"TZ": "UTC", "LANG": LANGUAGE, "PLAYHOUSE_WAITS": f"/session/{TAKEN}"}
    return _container(name, labels, build, waits, place, hello, home)


def _container(
    name: str,
    labels: dict[str, str],
    build: BuildSpec,
    about_player: dict[str, str],
    place: SeatPlace,
    hello: Hello,
    home: str,
) -> ContainerSpec:
    environment = {
        **build.environment,
        "HOME": "/home/player",
        "DISPLAY": ":0",
        "XAUTHORITY": "/session/Xauthority",
        "PULSE_SERVER": "unix:/session/pulse/native",
        **about_player,
    }
    return ContainerSpec(
        name=name,
        image_id=build.image_id,
        command=build.command,
        user=f"{place.owner.uid}:{place.owner.gid}",
        environment=environment,
        labels={**labels, BUILD_LABEL: build.build_id},
        mounts=(
            Mount(home, "/home/player"),
            Mount(str(place.session), "/session", read_only=True),
            Mount(hello.xauthority, "/session/Xauthority", read_only=True),
            # the folder, so that the socket of a restarted sound server is seen
            Mount(str(Path(hello.pulse_socket).parent), "/session/pulse", read_only=True),
            Mount(hello.x_socket, "/tmp/.X11-unix/X0"),  # noqa: S108 - inside the container
        ),
        cpu_cores=build.limits.cpu_cores,
        memory_bytes=build.limits.memory_bytes,
        pids=build.limits.pids,
        stop_signal=build.stop_signal,
    )


def left_by_itself(status: ContainerStatus, log_tail: tuple[str, ...], memory_bytes: int) -> EndReport:
    """What to tell when nobody ordered the end."""
    if status.out_of_memory:
        megabytes = memory_bytes // 1024**2
        return EndReport(
            code="out_of_memory",
            message=f"The game needed more memory than its {megabytes} MB and was ended.",
            log_tail=log_tail,
        )
    if status.exit_code == 0:
        return EndReport(code="exited", message="The game was closed.", log_tail=log_tail)
    how = f"exit code {status.exit_code}"
    if status.exit_code > 128:
        number = status.exit_code - 128
        how = f"signal {_SIGNAL_NAMES.get(number, str(number))}"
    words = f" Its last words: {log_tail[-1][:200]}" if log_tail else ""
    return EndReport(code="crashed", message=f"The game crashed ({how}).{words}", log_tail=log_tail)


def report_of_failure(error: BaseException | None) -> EndReport | None:
    """What to tell when something other than the game failed; None for a mistake of ours."""
    match error:
        case SessionEndedError():
            return EndReport(code=error.code, message=error.message)
        case OSError() if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return EndReport(code="disk_full", message=DISK_FULL)
        case EngineError() if "no space left on device" in str(error):
            return EndReport(code="disk_full", message=DISK_FULL)
        case EngineError():
            return EndReport(code="engine_failed", message=f"The host's container engine failed: {error}")
        case SeatError() | OSError():
            return EndReport(code="seat_failed", message=f"The display of this session failed: {error}")
        case _:
            return None
