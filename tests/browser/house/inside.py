"""Runs inside a game's container, as the game: tries the ways out and prints what it met, as JSON.

Standard library only; it is fed to the container's own Python on standard input. Arguments: the host's display numbers.
"""

import ctypes
import json
import os
import socket
import sys
from pathlib import Path


def status(field: str) -> str:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(line.split(":", 1)[1].strip() for line in lines if line.startswith(field + ":"))


def names_in(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def can_write(path: str) -> bool:
    try:
        Path(path, "probe").write_text("x")
    except OSError:
        return False
    Path(path, "probe").unlink()
    return True


def can_connect(family: int, address: str | tuple[str, int]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        try:
            connection.connect(address)
        except OSError:
            return False
    return True


def reachable_displays(numbers: list[str]) -> list[str]:
    ways = []
    for number in numbers:
        if can_connect(socket.AF_UNIX, f"\0/tmp/.X11-unix/X{number}"):
            ways.append(f"abstract {number}")
        if number != "0" and can_connect(socket.AF_UNIX, f"/tmp/.X11-unix/X{number}"):
            ways.append(f"socket {number}")
        if can_connect(socket.AF_INET, ("127.0.0.1", 6000 + int(number))):
            ways.append(f"tcp {number}")
    return ways


def opens_display(cookie: str) -> bool:
    """With its own cookie the game's display opens; without one it must not."""
    os.environ["XAUTHORITY"] = cookie
    library = ctypes.CDLL("libX11.so.6")
    library.XOpenDisplay.restype = ctypes.c_void_p
    return bool(library.XOpenDisplay(b":0"))


def module_load_answer() -> str:
    """What the sound server says to a client that wants a module which always loads where loading is allowed."""
    pulse = ctypes.CDLL("libpulse.so.0")
    for name in ("pa_mainloop_new", "pa_mainloop_get_api", "pa_context_new", "pa_context_load_module", "pa_strerror"):
        getattr(pulse, name).restype = ctypes.c_void_p
    pointer = ctypes.c_void_p
    loop = pointer(pulse.pa_mainloop_new())
    context = pointer(pulse.pa_context_new(pointer(pulse.pa_mainloop_get_api(loop)), b"probe"))
    pulse.pa_context_connect(context, None, 0, None)
    ready = 4
    while (state := pulse.pa_context_get_state(context)) < ready:
        pulse.pa_mainloop_iterate(loop, 1, None)
    if state != ready:
        return f"never connected (state {state})"
    answers: list[int] = []

    def answered(_context: int, index: int, _data: int) -> None:
        answers.append(index)

    callback = ctypes.CFUNCTYPE(None, pointer, ctypes.c_uint32, pointer)(answered)
    pulse.pa_context_load_module(context, b"module-null-sink", b"", callback, None)
    while not answers:
        pulse.pa_mainloop_iterate(loop, 1, None)
    if answers[0] != 0xFFFFFFFF:
        return f"loaded as {answers[0]}"
    return ctypes.string_at(pulse.pa_strerror(pulse.pa_context_errno(context))).decode()


print(
    json.dumps(
        {
            "interfaces": names_in("/sys/class/net"),
            "capabilities": [int(status(field), 16) for field in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
            "no_new_privileges": status("NoNewPrivs"),
            "uid": os.getuid(),
            "groups": os.getgroups(),
            "writable": [path for path in ("/", "/usr", "/etc", "/var", "/home", "/root") if can_write(path)],
            "home_is_writable": can_write("/home/player"),
            "x_sockets": names_in("/tmp/.X11-unix"),
            "reachable_displays": reachable_displays(sys.argv[1:]),
            "opens_own_display": opens_display("/session/Xauthority"),
            "opens_without_cookie": opens_display("/nothing"),
            "module_load": module_load_answer(),
        }
    )
)
