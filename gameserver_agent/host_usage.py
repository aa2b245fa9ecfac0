"""What this machine has and uses, ours or not."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

from agent_protocol import Capacity, Usage
from gameserver_agent.eviction import Disk, kept_free_bytes


@dataclass(frozen=True)
class HostFigures:
    """One reading. `disk_*` is the volume that holds the games."""

    cpu_percent: float
    memory_percent: float
    disk_percent: float
    usage: Usage
    capacity: Capacity


class HostMeter:
    """CPU is measured between one reading and the next, so the first says 0."""

    def __init__(self, storage: Path, seats: int) -> None:
        self._storage = storage
        self._seats = seats
        psutil.cpu_percent(interval=None)

    def read(self) -> HostFigures:
        cores = len(os.sched_getaffinity(0))
        cpu_percent = psutil.cpu_percent(interval=None)
        memory = psutil.virtual_memory()
        disk = shutil.disk_usage(_existing(self._storage))
        return HostFigures(
            cpu_percent=round(cpu_percent, 1),
            memory_percent=round(memory.percent, 1),
            disk_percent=round(100 * (disk.total - disk.free) / disk.total, 1) if disk.total else 0.0,
            usage=Usage(
                cpu_cores=round(cores * cpu_percent / 100, 3), memory_bytes=max(0, memory.total - memory.available)
            ),
            capacity=Capacity(
                cpu_cores=cores,
                memory_bytes=memory.total,
                seats=self._seats,
                disk_free_bytes=disk.free,
                disk_kept_free_bytes=kept_free_bytes(Disk(disk.total, disk.free)),
            ),
        )


def read_disk(folder: Path) -> Disk:
    """The volume that holds this folder, which need not be there yet."""
    usage = shutil.disk_usage(_existing(folder))
    return Disk(usage.total, usage.free)


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
