"""Our placement beside others' on the same traces, in virtual time: how long people wait, what is found in caches, how
much is played on busy machines. Writes `bench/results/simulate.json` and `docs/images/simulator.svg`.

A ratio of the results is that of the worst seed and load: ours over the best of the peers in that very trace.
`--large` plays a million sessions on 10,000 hosts once, under ours alone: bench/results/simulate-large.json.
"""

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.placement_peers import PEERS, Copying, Placing
from bench.results import Row, percentile, write
from bench.traces import LARGE, LOADS, SEEDS, STANDARD, Size, draw_trace
from scheduler.simulator import Simulation

OURS, PLACEMENT_ALONE = "ours", "ours, placement alone"
POLICIES = {**PEERS, PLACEMENT_ALONE: Placing, OURS: Copying}
PLOT = Path(__file__).parent.parent / "docs" / "images" / "simulator.svg"
LEAST_SHARE = 1e-4
"""Busy play below one part in ten thousand counts as that: no ratio of noise."""

QUANTILES = [share / 200 for share in range(1, 200)]


@dataclass(frozen=True, slots=True)
class Run:
    """One policy on one trace."""

    policy: str
    load: float
    seed: int
    wait_s: tuple[float, ...]
    """By `QUANTILES`."""
    wait_mean_s: float
    hit_rate: float
    queued_share: float
    refused_share: float
    busy_share: float
    gigabytes_a_launch: float
    cpu_s: float

    @property
    def wait_p95_s(self) -> float:
        return self.wait_s[QUANTILES.index(0.95)]


def run(policy: str, load: float, seed: int, size: Size) -> Run:
    """Simulate one trace under one policy."""
    began_s = time.process_time()
    trace = draw_trace(seed, load, size)
    outcome = Simulation(trace, POLICIES[policy]()).run()
    waits_s = sorted(outcome.waits_s)
    return Run(
        policy=policy,
        load=load,
        seed=seed,
        wait_s=tuple(percentile(waits_s, share) for share in QUANTILES),
        wait_mean_s=sum(waits_s) / len(waits_s),
        hit_rate=outcome.hit_rate,
        queued_share=outcome.queued / len(waits_s),
        refused_share=outcome.refused / len(waits_s),
        busy_share=outcome.busy_play_share,
        gigabytes_a_launch=outcome.pulled_bytes / 1e9 / len(trace.launches),
        cpu_s=time.process_time() - began_s,
    )


def rows(runs: Sequence[Run]) -> list[Row]:
    """The worst of all traces for each ratio, and each load's figures of ours and of the best peer."""
    worst = {name: [_against_peers(runs, name, trace) for trace in _traces(runs)] for name in (OURS, PLACEMENT_ALONE)}
    found = [
        Row("wait_p95_vs_best_peer", max(ratio for ratio, _, _, _ in worst[OURS]), "", "<= 0.7"),
        Row("hit_rate_vs_best_peer_points", min(points for _, points, _, _ in worst[OURS]), "", "or >= 15"),
        Row("overload_vs_best_peer", max(ratio for _, _, ratio, _ in worst[OURS]), "", "<= 1.0"),
        Row("overload_vs_least_of_peers", max(ratio for _, _, _, ratio in worst[OURS]), ""),
        Row("placement_alone_wait_p95_vs_best_peer", max(ratio for ratio, _, _, _ in worst[PLACEMENT_ALONE]), ""),
        Row("placement_alone_overload_vs_best_peer", max(ratio for _, _, ratio, _ in worst[PLACEMENT_ALONE]), ""),
    ]
    for load in sorted({run.load for run in runs}):
        name, here = f"load{round(100 * load)}", [run for run in runs if run.load == load]
        for policy in POLICIES:
            mine = [run for run in here if run.policy == policy]
            label = policy.replace(",", "").replace(" ", "_")
            found += [
                Row(f"{name}_{label}_wait_p95_s", max(run.wait_p95_s for run in mine), "s"),
                Row(f"{name}_{label}_hit_rate", min(run.hit_rate for run in mine), ""),
                Row(f"{name}_{label}_overload_share", max(run.busy_share for run in mine), ""),
            ]
    return found


def rows_of_large(large: Run) -> list[Row]:
    """What is written of the one run on 10,000 hosts."""
    return [
        Row("large_wait_p50_s", large.wait_s[QUANTILES.index(0.5)], "s"),
        Row("large_wait_p95_s", large.wait_p95_s, "s"),
        Row("large_hit_rate", large.hit_rate, ""),
        Row("large_overload_share", large.busy_share, ""),
        Row("large_refused_share", large.refused_share, ""),
        Row("large_simulated_in_s", large.cpu_s, "s"),
    ]


def _traces(runs: Sequence[Run]) -> list[tuple[float, int]]:
    return sorted({(run.load, run.seed) for run in runs})


def _against_peers(runs: Sequence[Run], policy: str, trace: tuple[float, int]) -> tuple[float, float, float, float]:
    """Wait and hits against the best peer in each, overload against the peer that waits least and the least of all."""
    here = {run.policy: run for run in runs if (run.load, run.seed) == trace}
    mine, peers = here[policy], [here[name] for name in PEERS]
    quickest = min(peers, key=lambda peer: peer.wait_p95_s)
    return (
        mine.wait_p95_s / quickest.wait_p95_s,
        100 * (mine.hit_rate - max(peer.hit_rate for peer in peers)),
        max(mine.busy_share, LEAST_SHARE) / max(quickest.busy_share, LEAST_SHARE),
        max(mine.busy_share, LEAST_SHARE) / max(LEAST_SHARE, min(peer.busy_share for peer in peers)),
    )


def table(runs: Sequence[Run]) -> str:
    """All runs, one line each."""
    lines = [
        f"{'load':>4} {'seed':>4} {'policy':<22} {'p50 s':>7} {'p95 s':>7} {'mean s':>7} {'hits %':>6} {'queued %':>8}"
        f" {'refused %':>9} {'busy %':>6} {'GB/launch':>9} {'CPU s':>6}"
    ]
    lines += [
        f"{run.load:>4.1f} {run.seed:>4} {run.policy:<22} {run.wait_s[QUANTILES.index(0.5)]:>7.2f}"
        f" {run.wait_p95_s:>7.2f} {run.wait_mean_s:>7.2f} {100 * run.hit_rate:>6.1f}"
        f" {100 * run.queued_share:>8.2f} {100 * run.refused_share:>9.2f} {100 * run.busy_share:>6.2f}"
        f" {run.gigabytes_a_launch:>9.2f} {run.cpu_s:>6.1f}"
        for run in runs
    ]
    return "\n".join(lines)


def plot(runs: Sequence[Run], path: Path) -> None:
    """Waits as distributions, one panel a load; the seed whose wait is the worst for each policy."""
    mpl.rcParams["svg.hashsalt"] = "playhouse"
    loads = sorted({run.load for run in runs})
    figure = Figure(figsize=(5.2 * len(loads), 4.2), layout="constrained")
    for axes, load in zip(figure.subplots(1, len(loads), sharey=True, squeeze=False)[0], loads, strict=True):
        for policy in POLICIES:
            worst = max(
                (run for run in runs if (run.load, run.policy) == (load, policy)), key=lambda run: run.wait_p95_s
            )
            width = 2.4 if policy == OURS else 1.2
            axes.plot(worst.wait_s, [100 * share for share in QUANTILES], label=policy, linewidth=width)
        axes.axhline(95, color="gray", linewidth=0.6)
        axes.set(xscale="log", xlabel="seconds to the first frame", title=f"load {load:.0%}")
    figure.axes[0].set_ylabel("launches that waited less, %")
    figure.axes[-1].legend(loc="lower right", fontsize=8)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="10,000 hosts, a million sessions, our policy alone")
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="only the first so many; writes no file")
    arguments = parser.parse_args()
    if arguments.large:
        large = run(OURS, LOADS[0], SEEDS[0], LARGE)
        print(table([large]))
        write("simulate-large", rows_of_large(large))
        return
    cases = [(policy, load, seed) for load in LOADS for seed in SEEDS[: arguments.seeds] for policy in POLICIES]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        waiting = [pool.submit(run, policy, load, seed, STANDARD) for policy, load, seed in cases]
        runs = [job.result() for job in waiting]
    print(table(runs))
    if arguments.seeds < len(SEEDS):
        for row in rows(runs):
            print(f"{row.name:<50} {row.value:>9.3f} {row.unit}")
        return
    plot(runs, PLOT)
    write("simulate", rows(runs))


if __name__ == "__main__":
    main()
