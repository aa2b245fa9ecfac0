"""The command `orchestrator` without what its start takes: one process has read all modules, and each command is a fork
of it, with the arguments, environment, folder and standard streams of whoever typed it.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

_PROGRAM = """#!/usr/bin/python3 -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as way:
    way.connect({socket!r})
    asked = json.dumps([sys.argv, dict(os.environ), os.getcwd()]).encode()
    socket.send_fds(way, [len(asked).to_bytes(4, "big")], [0, 1, 2])
    way.sendall(asked)
    sys.exit(int(way.recv(4) or 70))
"""


@contextmanager
def preloaded(folder: Path) -> Generator[None]:
    """While the block runs the program lies in this folder."""
    way = folder / "orchestrator.sock"
    server = subprocess.Popen([sys.executable, "-m", __name__, str(way)])
    try:
        deadline = time.monotonic() + 60
        while not way.exists():
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        program = folder / "orchestrator"
        program.write_text(_PROGRAM.format(socket=str(way)))
        program.chmod(0o755)
        yield
    finally:
        server.terminate()
        server.wait(20)


def serve(way: str) -> None:
    from orchestrator.cli import main  # noqa: PLC0415 - this takes the time that it is about

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(f"{way}.early")
        door.listen()
        Path(f"{way}.early").rename(way)
        while True:
            asker, _ = door.accept()
            if os.fork() == 0:
                door.close()
                become(asker)
                answer(asker, main)
            asker.close()


def become(asker: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, streams, _, _ = socket.recv_fds(asker, 4, 3)
    with asker.makefile("rb") as asked:
        sys.argv, environment, folder = json.loads(asked.read(int.from_bytes(size, "big")))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)


def answer(asker: socket.socket, main: Callable[[], object]) -> NoReturn:
    code: object = 70
    try:
        main()
    except SystemExit as end:
        code = end.code
    finally:
        sys.stdout.flush()
        asker.sendall(str(code or 0).encode())
        os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1])
