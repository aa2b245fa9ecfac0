"""What a hostile game finds when it looks around: no network, no port, no socket of others, and few system calls."""

import asyncio
import os
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from gameserver_agent.runtime.docker_arguments import MOST_FILES
from gameserver_agent.runtime.docker_runtime import DockerRuntime
from gameserver_agent.runtime.port import ContainerSpec, Mount
from tests.integration.docker_engine import FIRST_UID, DockerEngine, RunningEngine, import_tiny_image
from tests.integration.gameserver_agent.agent_process import AgentProcess
from tests.integration.gameserver_agent.control_plane import ControlPlane, desired_session, files_of
from tests.integration.gameserver_agent.one_call import foreign_program, program

REFUSED, NO_SUCH_CALL, KILLED = 1, 38, 128 + 31
NOBODY = 2**64 - 1
NEW_USER_NAMESPACE = 0x10000000
# Number and arguments of each on x86-64; as root outside of a container none of these ends with EPERM.
CALLS: dict[str, tuple[bytes, int]] = {
    "getpid": (program(39), 0),
    "open nothing": (program(2, 0, 0), 14),
    "socket inet": (program(41, 2, 1, 0), 0),
    "socket unix": (program(41, 1, 1, 0), 0),
    "socket netlink route": (program(41, 16, 3, 0), 0),
    "socket netlink device events": (program(41, 16, 2, 15), 0),
    "socket netlink netfilter": (program(41, 16, 3, 12), REFUSED),
    "socket vsock": (program(41, 40, 1, 0), REFUSED),
    "socket alg": (program(41, 38, 5, 0), REFUSED),
    "ptrace": (program(101, 0, 0, 0, 0), REFUSED),
    "process_vm_readv": (program(310, 1, 0, 0, 0), REFUSED),
    "io_uring_setup": (program(425, 1, 0), REFUSED),
    "io_setup": (program(206, 1, 0), REFUSED),
    "keyctl": (program(250, 0, NOBODY, 0), REFUSED),
    "add_key": (program(248, 0, 0, 0, 0), REFUSED),
    "userfaultfd": (program(323, 1), REFUSED),
    "perf_event_open": (program(298, 0, 0, NOBODY, 0), REFUSED),
    "bpf": (program(321, 0, 0, 0), REFUSED),
    "personality": (program(135, 0x40000), REFUSED),
    "name_to_handle_at": (program(303, 0, 0, 0, 0), REFUSED),
    "set_mempolicy": (program(238, 0, 0, 0), REFUSED),
    "mount": (program(165, 0, 0, 0, 0), REFUSED),
    "unshare user": (program(272, NEW_USER_NAMESPACE), REFUSED),
    "clone user": (program(56, NEW_USER_NAMESPACE | 17, 0, 0, 0), REFUSED),
    "clone3": (program(435, 0, 0), NO_SUCH_CALL),
    "i386 getpid": (foreign_program(20), KILLED),
}
OFTEN_REFUSED_TO_ALL = {"io_uring_setup", "keyctl", "add_key", "userfaultfd", "perf_event_open", "bpf"}
"""By hosts, and by what CI runs in."""
PORTS = (22, 53, 80, 443, 2375, 2376, 5432, 8000, 9100)
SCAN = """
for address in $ADDRESSES; do for port in $PORTS; do
  $BUSYBOX nc -w 1 $address $port -e $BUSYBOX true < /dev/null > /dev/null 2>&1 && echo $address:$port
done; done
"""

_SPEC = ContainerSpec(
    name="calls",
    image_id="",
    command=(),
    user="210001:210001",
    environment={},
    labels={},
    mounts=(),
    cpu_cores=1.0,
    memory_bytes=128 * 1024**2,
    pids=32,
    stop_signal="SIGTERM",
)


async def test_a_game_makes_the_system_calls_that_games_need_and_has_limits(docker_engine: DockerEngine) -> None:
    programs = {f"call{number}": code for number, (code, _) in enumerate(CALLS.values())}
    image_id = import_tiny_image(docker_engine, "calls", programs)
    script = "; ".join(f"/bin/{name}; echo {name} $?" for name in programs)
    script += "; echo core $(ulimit -c); echo files $(ulimit -n); dd if=/dev/zero of=/tmp/large bs=1M count=64 2>&1"
    runtime = DockerRuntime(docker_engine.url)
    spec = replace(_SPEC, image_id=image_id, command=("/bin/sh", "-c", script), temporary_bytes=8 * 1024**2)
    container_id = await runtime.create(spec)
    try:
        await runtime.start(container_id)
        async with asyncio.timeout(90):
            await runtime.wait_ended(container_id)
        lines = await runtime.log_tail(container_id, 200)
    finally:
        await runtime.remove(container_id)
        await runtime.close()
    said = dict(line.rsplit(" ", 1) for line in lines if line.startswith("call"))
    found = {name: int(said[f"call{number}"]) for number, name in enumerate(CALLS)}
    assert found == {name: wanted for name, (_, wanted) in CALLS.items()}
    assert {"core 0", f"files {MOST_FILES}"} <= set(lines)
    assert any("No space left" in line for line in lines)


@pytest.mark.parametrize("name", [name for name, (_, wanted) in CALLS.items() if wanted in {REFUSED, KILLED}])
def test_what_is_refused_to_games_is_not_refused_by_this_kernel_itself(name: str, tmp_path: Path) -> None:
    """Else it would show nothing that they are refused it."""
    file = tmp_path / "call"
    file.write_bytes(CALLS[name][0])
    file.chmod(0o755)
    ended = subprocess.run([file], timeout=60, check=False)
    if name == "socket alg":  # where the kernel has none, it says so
        assert ended.returncode in {0, 97}
        return
    refused_here_too = {REFUSED} if name in OFTEN_REFUSED_TO_ALL else set[int]()
    assert ended.returncode not in {REFUSED, KILLED, -31} - refused_here_too


async def test_a_game_that_scans_finds_nothing_but_its_display_and_its_sound(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str
) -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:
        own = sorted(
            each.address
            for of_card in psutil.net_if_addrs().values()
            for each in of_card
            if each.family == socket.AF_INET
        )
        addresses = [*own, "172.17.0.1", "169.254.169.254", "192.0.2.1"]
        port = listener.getsockname()[1]
        await agent.start()
        async with asyncio.timeout(90):
            while not control_plane.syncs:  # noqa: ASYNC110 - it says then where it listens
                await asyncio.sleep(0.05)
        agents = int(agent.url.rpartition(":")[2])
        ports = " ".join(str(each) for each in (*PORTS, port, agents))
        outside = {"ADDRESSES": " ".join(own), "PORTS": ports, "BUSYBOX": "/bin/busybox", "PATH": os.environ["PATH"]}
        scanned = await asyncio.create_subprocess_exec("/bin/sh", "-c", SCAN, env=outside, stdout=subprocess.PIPE)
        from_the_host = (await scanned.communicate())[0].decode().split()
        assert {f"127.0.0.1:{port}", f"127.0.0.1:{agents}"} <= set(from_the_host), "the scan finds what is there"
        script = (
            f"cd /home/player; BUSYBOX=/bin/busybox; ADDRESSES='{' '.join(addresses)}'; PORTS='{ports}';"
            f" ({SCAN}) > open; cat /proc/net/dev > devices; cat /proc/net/route > routes;"
            " cat /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 /proc/net/raw > ports 2>/dev/null;"
            " cat /proc/net/unix > unix; /bin/busybox find / -type s > sockets 2>/dev/null;"
            " /bin/busybox find / -name '*.sock' > docker 2>/dev/null; touch done; exec sleep 600"
        )
        await agent.play(desired_session("ses1", tiny_image, script))
        async with asyncio.timeout(90):
            while not (agent.home("ses1") / "done").exists():  # noqa: ASYNC110 - a game calls nobody
                await asyncio.sleep(0.05)
        ended = await agent.stop("ses1")
    assert ended.save is not None
    seen = {name: content.decode() for name, content in files_of(control_plane.saves[ended.save.version_id]).items()}
    assert seen["open"].split() == []
    assert [line.split(":")[0].strip() for line in seen["devices"].splitlines()[2:]] == ["lo"]
    assert len(seen["routes"].splitlines()) <= 1, "no way anywhere"
    assert all(line.lstrip().startswith("sl") for line in seen["ports"].splitlines()), "nobody listens in its network"
    assert "@" not in seen["unix"], "no abstract socket of the host's"
    assert sorted(seen["sockets"].split()) == ["/session/pulse/native", "/tmp/.X11-unix/X0"]
    assert seen["docker"].split() == []


async def test_in_an_engine_with_user_namespaces_a_game_is_its_seats_uid_outside_and_in_one_inside(
    short_folder: Path,
) -> None:
    home = short_folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, 210_001, 210_001)
    with RunningEngine(user_namespaces=True) as engine:
        image_id = import_tiny_image(engine)
        runtime = DockerRuntime(engine.url)
        look = "cat /proc/self/uid_map; id -u; touch /home/player/mine && echo written"
        spec = replace(
            _SPEC, image_id=image_id, command=("/bin/sh", "-c", look), mounts=(Mount(str(home), "/home/player"),)
        )
        container_id = await runtime.create(spec)
        try:
            await runtime.start(container_id)
            async with asyncio.timeout(90):
                await runtime.wait_ended(container_id)
            lines = await runtime.log_tail(container_id, 10)
        finally:
            await runtime.remove(container_id)
            await runtime.close()
    assert [line.split() for line in lines] == [["0", str(FIRST_UID), "65536"], [str(210_001 - FIRST_UID)], ["written"]]
    assert (home / "mine").stat().st_uid == 210_001
