"""How a `ContainerSpec` is said to the Docker Engine. Pure.

The isolation of invariant 11 is written here once, for every game container, and takes no argument: no network, no
capability, no new privileges, few system calls, a read-only root, no swap, a private IPC namespace, one megabyte of
log, no core files.
"""

import math
import re

from docker.types import HostConfig, LogConfig, Mount, Ulimit

from gameserver_agent.runtime.port import ContainerSpec
from gameserver_agent.runtime.system_calls import PROFILE
from gameserver_agent.statistics import Sample

API_VERSION = "1.41"
MOST_FILES = 16_384
_CONTROL_CODES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")


def host_config(spec: ContainerSpec) -> HostConfig:
    return HostConfig(
        version=API_VERSION,
        network_mode="none",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges", f"seccomp={PROFILE}"],
        read_only=True,
        init=True,
        ipc_mode="private",
        mem_limit=spec.memory_bytes,
        memswap_limit=spec.memory_bytes,
        nano_cpus=math.floor(spec.cpu_cores * 1e9),
        pids_limit=spec.pids,
        ulimits=[Ulimit(name="core", soft=0, hard=0), Ulimit(name="nofile", soft=MOST_FILES, hard=MOST_FILES)],
        shm_size=64 * 1024**2,
        log_config=LogConfig(type="json-file", config={"max-size": "1m", "max-file": "1"}),
        tmpfs={
            "/tmp": f"rw,nosuid,nodev,size={spec.temporary_bytes},mode=1777",  # noqa: S108 - the container's own
            "/run": "rw,nosuid,nodev,noexec,size=16777216,mode=1777",
        },
        mounts=[
            Mount(target=mount.target, source=mount.source, type="bind", read_only=mount.read_only)
            for mount in spec.mounts
        ],
    )


def sample_from_statistics(answer: dict[str, object]) -> Sample | None:
    """Read the engine's statistics of cgroup v1 or v2; None when the container did not run."""
    memory, cpu = answer.get("memory_stats"), answer.get("cpu_stats")
    if not isinstance(memory, dict) or not isinstance(cpu, dict):
        return None
    usage = memory.get("usage")
    if not isinstance(usage, int):
        return None
    details = memory.get("stats")
    inactive = 0
    if isinstance(details, dict):
        found = details.get("total_inactive_file", details.get("inactive_file", 0))
        inactive = found if isinstance(found, int) else 0
    cpu_usage = cpu.get("cpu_usage")
    total = cpu_usage.get("total_usage", 0) if isinstance(cpu_usage, dict) else 0
    highest = memory.get("max_usage")
    return Sample(
        cpu_seconds=total / 1e9 if isinstance(total, int) else 0.0,
        usage_bytes=usage,
        inactive_file_bytes=inactive,
        highest_usage_bytes=highest if isinstance(highest, int) else None,
    )


def readable_lines(raw: bytes, lines: int) -> tuple[str, ...]:
    """The last lines of a game's output, fit to be shown: no control codes, no line over 500 characters."""
    cleaned = (_CONTROL_CODES.sub("", line).rstrip() for line in raw.decode(errors="replace").splitlines())
    return tuple(line[:500] for line in cleaned if line)[-lines:]
