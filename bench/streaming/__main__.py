"""Measures the stream beside its peers, part after part, and writes what a whole run gives to `streaming.json`.

A part that fails is told at the end, and the run with it; the rows of the others stand. A run of some parts only, or a
quick one, prints its rows and writes nothing: a file of results is always one whole run.
"""

import argparse
import asyncio
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bench import bad_network, results
from bench.results import Row
from bench.streaming import blackbox, latency, memory, motion, reconnect, stages, watchers
from bench.streaming.gstreamer import GStreamer
from bench.streaming.seat import SeatContender
from bench.streaming.selkies import DEFAULTS, TUNED
from bench.streaming.stage import FULL_HD, HD, Contender
from bench.streaming.table import side_by_side


@dataclass(frozen=True)
class Extent:
    """How much is measured. A quick run shows that everything works; its figures are not results."""

    rounds: int = 3
    clicks: int = 100
    window_s: float = 20.0


QUICK = Extent(rounds=2, clicks=25, window_s=5.0)


CONTENDERS: tuple[Contender, ...] = (SeatContender(), TUNED, DEFAULTS, GStreamer())


async def measure_latency(extent: Extent) -> list[Row]:
    return latency.rows(await latency.measure(CONTENDERS, extent.rounds, extent.clicks))


async def measure_cpu(extent: Extent) -> list[Row]:
    rows = list[Row]()
    for contender in CONTENDERS:
        rest = await motion.at_rest(contender, HD, extent.window_s)
        rows += motion.rows(contender.name, rest, await motion.in_motion(contender, HD, extent.window_s))
    silent = await motion.at_rest(SeatContender(plays_silence=True), HD, extent.window_s)
    large = await motion.in_motion(SeatContender(), FULL_HD, extent.window_s)
    return [
        *rows,
        Row("seat_cpu_static_silent_sound_pct", silent.server_pct, "%", "<= 0.5"),
        Row("seat_cpu_1080p60_pct", large.usage.server_pct, "%", "<= 45"),
        Row("seat_x_cpu_1080p60_pct", large.usage.x_pct, "%"),
        Row("distinct_fps_1080p60", large.arrived.distinct_fps, "fps"),
    ]


async def measure_bad_network(extent: Extent) -> list[Row]:
    return await bad_network.measure(for_s=1.5 * extent.window_s)


async def measure_blackbox(extent: Extent) -> list[Row]:
    return blackbox.rows(await blackbox.measure(CONTENDERS[:2], extent.rounds, extent.clicks))


async def measure_stages(extent: Extent) -> list[Row]:
    return await stages.measure(extent.clicks)


async def measure_watchers(extent: Extent) -> list[Row]:
    return await watchers.measure(extent.window_s)


async def measure_reconnect(extent: Extent) -> list[Row]:
    return await reconnect.measure(extent.rounds)


async def measure_memory(_: Extent) -> list[Row]:
    return await memory.measure()


PARTS: dict[str, Callable[[Extent], Awaitable[list[Row]]]] = {
    "latency": measure_latency,
    "blackbox": measure_blackbox,
    "stages": measure_stages,
    "cpu": measure_cpu,
    "watchers": measure_watchers,
    "memory": measure_memory,
    "reconnect": measure_reconnect,
    "bad_network": measure_bad_network,
}


async def run(names: list[str], extent: Extent) -> tuple[list[Row], list[str]]:
    """The rows of these parts, and the names of those that failed."""
    rows, failed = list[Row](), list[str]()
    for name in names:
        began = time.monotonic()
        print(f"-- {name}", flush=True)
        try:
            rows += await PARTS[name](extent)
        except Exception:  # whatever it is, the other parts are worth having
            traceback.print_exc()
            failed.append(name)
        print(f"-- {name} took {time.monotonic() - began:.0f} s", flush=True)
    return rows, failed


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-streaming ARGS=…", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(PARTS), help="this part; may be given several times")
    parser.add_argument("--quick", action="store_true", help="a short form that shows that all works")
    arguments = parser.parse_args()
    names = arguments.only or list(PARTS)
    rows, failed = asyncio.run(run(names, QUICK if arguments.quick else Extent()))
    if arguments.only or arguments.quick:
        results.show(rows)
    else:
        results.write("streaming", rows)
    print("\n".join(side_by_side(rows)))
    if failed:
        print(f"These parts failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
