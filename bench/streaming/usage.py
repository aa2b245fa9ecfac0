"""What processes cost: CPU of whole trees over a window, and the memory that is theirs alone."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.streaming.figures import share_pct

MEGABYTE = 2**20


@dataclass(frozen=True)
class Usage:
    """Percent of one core over one window: what serves, the X server, and the game."""

    server_pct: float
    x_pct: float
    game_pct: float


async def usage_of(server_pids: Iterable[int], x_pid: int, game_pid: int, window_s: float) -> Usage:
    """Watches for so long. X server and game are never counted among what serves, wherever they were started."""
    apart = {x_pid, game_pid}
    servers = tree_of(server_pids, apart)
    before = [spent_s(servers), spent_s([x_pid]), spent_s([game_pid])]
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.sleep(window_s)
    after = [spent_s(servers), spent_s([x_pid]), spent_s([game_pid])]
    took_s = loop.time() - began
    server, x, game = (share_pct(end - start, took_s) for start, end in zip(before, after, strict=True))
    return Usage(server, x, game)


def tree_of(roots: Iterable[int], without: set[int]) -> list[int]:
    """The roots and all that descends from them, but for `without`."""
    found: dict[int, None] = {}
    for root in roots:
        for process in [psutil.Process(root), *psutil.Process(root).children(recursive=True)]:
            if process.pid not in without:
                found[process.pid] = None
    return list(found)


def spent_s(pids: Iterable[int]) -> float:
    """CPU seconds since their starts, in user and system mode. Raises when one of them has ended: its share is lost."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(each.user + each.system for each in times)


def pss_mb(pids: Iterable[int]) -> float:
    """Proportional set size: pages that several processes share count by their share."""
    return sum(_bytes_of(pid, "Pss") for pid in pids) / MEGABYTE


def private_mb(pids: Iterable[int]) -> float:
    """What no other process has: it does not change with how many others use the same libraries."""
    return sum(_bytes_of(pid, "Private_Clean", "Private_Dirty") for pid in pids) / MEGABYTE


def _bytes_of(pid: int, *kinds: str) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    sizes: list[tuple[str, str]] = re.findall(r"^(\w+):\s+(\d+) kB", rollup, re.MULTILINE)
    return 1024 * sum(int(size) for kind, size in sizes if kind in kinds)
