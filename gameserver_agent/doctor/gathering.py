"""Measures the facts that `rules` judges. What cannot be measured is a fact as well: nothing here raises for it."""

import asyncio
import ctypes
import os
import resource
import shutil
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import DockerException

from diagnosis.looking import (
    NO_ADDRESS,
    answer_of,
    can_enter,
    days_of_certificate,
    existing,
    trouble_of_binding,
    trouble_of_engine,
    trouble_of_folder,
    words_of,
)
from gameserver_agent.doctor.rules import LIBRARIES, PROGRAMS, EngineFacts, Facts

_SBIN = f"{os.pathsep}/usr/sbin{os.pathsep}/sbin"
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing listens there: an agent may
_LOOP, _SHM = Path("/dev/loop-control"), Path("/dev/shm")  # noqa: S108 - its size is what is asked
_ENGINE_DEADLINE_S = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """What the agent would be started with."""

    orchestrator_url: str
    docker_host: str
    data: Path
    seat_runtime: Path
    host: str
    port: int
    public_url: str | None
    udp_ports: tuple[int, int] | None


async def gather(asked: Asked) -> Facts:
    """What this machine has. Nothing is changed, and no agent that runs is disturbed."""
    here = f"http://{_reachable(asked.host)}:{asked.port}"
    ready, agent, public, engine = await asyncio.gather(
        answer_of(f"{asked.orchestrator_url.rstrip('/')}/health/ready"),
        answer_of(f"{here}/api/health"),
        answer_of(f"{asked.public_url or here}/api/health"),
        asyncio.to_thread(_engine, asked.docker_host),
    )
    is_https = asked.public_url is not None and asked.public_url.startswith("https://")
    unsent = asked.data / "unsent"
    udp_trouble, has_udp_port = ("", True) if agent.status == 200 else _udp_ports(asked.udp_ports)
    return Facts(
        is_root=os.geteuid() == 0,
        engine=engine,
        programs=tuple((name, shutil.which(name, path=os.environ.get("PATH", os.defpath) + _SBIN)) for name in PROGRAMS)
        + tuple((name, _library(name)) for name in LIBRARIES),
        data=str(asked.data),
        data_trouble=trouble_of_folder(asked.data),
        runtime=str(asked.seat_runtime),
        runtime_trouble=_trouble_of_entering(asked.seat_runtime) if os.geteuid() == 0 else "",
        has_joined=_has_joined(asked.data),
        unsent_saves=len(list(unsent.glob("*.tar.zst"))) if os.access(unsent, os.R_OK) else 0,
        has_loop_devices=os.access(_LOOP, os.F_OK),
        shm_bytes=shutil.disk_usage(_SHM).total,
        most_files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        address=f"{asked.host}:{asked.port}",
        port_trouble="" if agent.status == 200 else trouble_of_binding(asked.host, asked.port, socket.SOCK_STREAM),
        is_agent_there=agent.status == 200,
        udp_trouble=udp_trouble,
        has_udp_port=has_udp_port,
        orchestrator_url=asked.orchestrator_url.rstrip("/"),
        orchestrator_status=ready.status,
        orchestrator_trouble=ready.trouble,
        skew=ready.skew,
        public_url=asked.public_url,
        public_status=public.status,
        public_trouble=public.trouble,
        is_public_distrusted=public.is_distrusted,
        certificate_days=await days_of_certificate(asked.public_url) if is_https and asked.public_url else None,
    )


def _has_joined(data: Path) -> bool | None:
    return os.path.exists(data / "host.json") if can_enter(existing(data)) else None  # noqa: PTH110 - that one raises


def _engine(address: str) -> EngineFacts:
    """Blocks."""
    if trouble := trouble_of_engine(address):
        return EngineFacts(address, trouble)
    try:
        client = docker.APIClient(base_url=address, timeout=_ENGINE_DEADLINE_S)
        try:
            info, version = client.info(), client.version()
        finally:
            client.close()
    except (DockerException, *NO_ADDRESS) as error:
        return EngineFacts(address, words_of(error))
    folder = Path(str(info.get("DockerRootDir", "/")))
    is_here = address.startswith("unix://")  # what another machine calls its folder says nothing about this one
    disk = shutil.disk_usage(existing(folder)) if is_here else None
    return EngineFacts(
        address,
        version=str(info.get("ServerVersion", "")),
        runc=next((str(part.get("Version")) for part in version.get("Components") or () if part["Name"] == "runc"), ""),
        has_seccomp=any("seccomp" in str(option) for option in info.get("SecurityOptions") or ()),
        has_cgroup_2=str(info.get("CgroupVersion", "2")) == "2",
        keeps_games=bool(info.get("LiveRestoreEnabled")),
        free_bytes=disk.free if disk else 0,
        total_bytes=disk.total if disk else 0,
        storage_folder=str(folder),
    )


def _library(name: str) -> str | None:
    try:
        ctypes.CDLL(name)
    except OSError:
        return None
    return name


def _trouble_of_entering(folder: Path) -> str:
    """Whether seats' own users can come there."""
    there = existing(folder)
    closed = [each for each in (there, *there.parents) if not each.stat().st_mode & stat.S_IXOTH]
    return f"{closed[-1]} is closed to the users of seats" if closed else ""


def _udp_ports(ports: tuple[int, int] | None) -> tuple[str, bool]:
    """What is wrong with them, and whether one of them is free."""
    if ports is None:
        return "", True
    first, last = ports
    taken = [port for port in range(first, last + 1) if trouble_of_binding(_EVERYWHERE, port, socket.SOCK_DGRAM)]
    trouble = f"{len(taken)} of {first}-{last} are taken, {taken[0]} first" if taken else ""
    return trouble, len(taken) <= last - first


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in {_EVERYWHERE, ""} else f"[{host}]" if ":" in host else host
