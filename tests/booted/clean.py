"""`python -m tests.booted.clean`: a newcomer with the front page alone, on a Debian that has nothing.

What the page's first lines say is typed there, in a network that is this machine's; a browser out here plays. Then
Ctrl-C, and all of it once more.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from PIL.Image import Image

from bench.browser_player import Player, chromium
from bench.house import STOP_S, free_port
from deploy.ssh.deploy import PROJECT
from tests.booted.machine import Booted, debian
from tests.browser.house.test_the_question import find_the_save_again, play_and_save
from tests.docs.reading import commands, shell_blocks, without_comment

FRESH = ("ca-certificates", "systemd", "systemd-sysv")
CHECKOUT = "/home/newcomer/playhouse"
FIRST_START_S, NEXT_START_S = 1800.0, 60.0
WAY_OUT = re.compile(r"(https?|all|no)_proxy|SSL_CERT_FILE|PIP_CERT|PIP_INDEX_URL|UV_DEFAULT_INDEX", re.IGNORECASE)
AT_BOOT = ("docker.service", "docker.socket", "containerd.service")


@dataclass(frozen=True)
class Evening:
    """How long it took from `make play` to its address and from Ctrl-C to the end, and what was on the terminal."""

    start_s: float
    stop_s: float
    screen: str


def newcomer(machine: Booted) -> None:
    prepare, play, _ = (without_comment(command) for command in commands(shell_blocks("README.md")[0]))
    before = running(machine)
    began = time.monotonic()
    machine.types(prepare)
    prepare_s = time.monotonic() - began
    machine.types(
        """useradd --create-home --key HOME_MODE=0700 newcomer
        chown --recursive newcomer: /srv/playhouse.git
        runuser --login newcomer --command 'git clone --quiet file:///srv/playhouse.git'"""
    )
    told = told_without_root(machine, play)
    empty_places: list[Image] = []
    first = evening(machine, play, FIRST_START_S, lambda player: empty_places.append(play_and_save(player)))
    installed = re.findall(r"Installing \d+ Debian packages: (.*)", first.screen)
    assert [set(each.split()) for each in installed] == [told], f"{installed}, and without root {told}"
    assert running(machine) <= before, running(machine) - before
    machine.types(f"! systemctl is-enabled {' '.join(AT_BOOT)}")
    machine.types(f"! {CHECKOUT}/.venv/bin/python -c 'import pytest'")
    again = evening(machine, play, NEXT_START_S, lambda player: find_the_save_again(player, *empty_places))
    assert running(machine) <= before, running(machine) - before
    size = machine.types(f"du --summarize --block-size=M {CHECKOUT}/data | cut -f 1")
    print(f"{prepare_s:.0f} s for what `make` needs; {first.start_s:.0f} s for the first start, {again.start_s:.1f} s")
    print(
        f"for the next; {first.stop_s:.1f} and {again.stop_s:.1f} s from Ctrl-C to the end; DATA has {size}", flush=True
    )


def told_without_root(machine: Booted, line: str) -> set[str]:
    """The packages that somebody who is not root is told to have installed."""
    command = machine.inside("runuser", "--login", "newcomer", "--command", f"cd {CHECKOUT} && {line}")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    print(f"$ {line}\n{done.stdout}{done.stderr}", flush=True)
    assert done.returncode != 0
    [asked] = re.findall(r"sudo apt-get install (.*)", done.stderr)
    return {word for word in asked.split() if not word.startswith("-")}


def evening(machine: Booted, line: str, within_s: float, play: Callable[[Player], None]) -> Evening:
    """Types the line at a terminal of that machine, plays at the address that it prints, and presses Ctrl-C."""
    print(f"# {line}", flush=True)
    port, terminal = free_port(), machine.folder / "terminal"
    as_people = ("systemd-run", "--quiet", "--scope", "env", f"PORT={port}", "TERM=xterm", "script", "--quiet")
    words = machine.inside(*as_people, "--command", f"cd {CHECKOUT} && {line}", "/dev/null")
    began = time.monotonic()
    with terminal.open("wb") as shown:
        script = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=shown, stderr=shown, start_new_session=True)
    assert script.stdin
    try:
        while b"Ctrl-C stops everything" not in terminal.read_bytes():
            assert script.poll() is None, on(terminal)
            assert time.monotonic() - began < within_s, on(terminal)
            time.sleep(0.1)
        start_s = time.monotonic() - began
        screen = on(terminal)
        print("\n".join(text for text in screen.splitlines() if re.match(r" *[\d.]+ s |  \w", text)), flush=True)
        [(url, email, password)] = re.findall(r"Open +(\S+)\s+Sign in +(\S+)\s+Password +(\S+)", screen)
        assert url == f"http://127.0.0.1:{port}"
        with chromium(url) as player:
            player.sign_in(email, password)
            play(player)
        began = time.monotonic()
        script.stdin.write(b"\x03")
        script.stdin.flush()
        script.wait(timeout=3 * STOP_S)
        stop_s = time.monotonic() - began
    finally:
        script.kill()
        script.wait()
    assert "Stopped" in on(terminal), on(terminal)
    assert stop_s <= STOP_S
    return Evening(start_s, stop_s, screen)


def on(terminal: Path) -> str:
    """What stands there, without colours and bars that were drawn over."""
    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", terminal.read_text(errors="replace"))
    return "\n".join(line for line in re.split(r"[\r\n]+", text) if "━" not in line)


def running(machine: Booted) -> set[str]:
    """The machine's processes and mounts."""
    found = set[str]()
    for process in psutil.Process(machine.first_process).children(recursive=True):
        try:
            found.add(" ".join(process.cmdline()))
        except psutil.NoSuchProcess:  # it has ended meanwhile
            continue
    mounts = Path(f"/proc/{machine.first_process}/mountinfo").read_text().splitlines()
    return found | {line.split()[4] for line in mounts}


def way_out() -> Mapping[str, str]:
    """By which variables programs of this machine reach the world."""
    return {name: value for name, value in os.environ.items() if WAY_OUT.fullmatch(name)}


def lay_out(machine: Booted) -> None:
    """What the network asks of its machines, and the repository, as whoever made it sees it."""
    settings = [Path("/etc", name) for name in ("hosts", "resolv.conf", "pip.conf", "uv/uv.toml")]
    settings += [file for file in Path("/etc/apt/apt.conf.d").iterdir() if file.read_text().startswith("Acquire::")]
    for file in (*settings, *Path("/usr/local/share/ca-certificates").glob("*.crt")):
        if file.exists():
            there = machine.root / file.relative_to("/")
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, there)
    machine.types("update-ca-certificates")
    repository = machine.root / "srv" / "playhouse.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", "--depth=1", PROJECT.as_uri(), repository], check=True)


def main() -> None:
    with Booted(debian("fresh", FRESH), way_out()) as machine:
        lay_out(machine)
        try:
            newcomer(machine)
        except BaseException:
            machine.types(f"tail --lines=40 {CHECKOUT}/data/logs/*.log || true")
            raise
    print("all of it went well")


if __name__ == "__main__":
    main()
