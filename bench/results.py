"""One file of results: `bench/results/NAME.json`, the same on the terminal, and docs/benchmarks.md made anew."""

import json
import math
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import report

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One statistic. `goal` reads like `<= 3`; `peer` names what else was measured in the same run, if anything."""

    name: str
    value: float
    unit: str
    goal: str | None = None
    peer: str | None = None


def write(name: str, rows: list[Row]) -> Path:
    """Write the file and print the table. All rows come from one configuration in one run."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    content = {
        "machine": machine(),
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": commit(),
        "rows": [asdict(row) for row in rows],
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
    report.main()
    show(rows)
    print(f"written to {path}")
    return path


def show(rows: list[Row]) -> None:
    """Print the rows as a table."""
    width = max((len(row.name) for row in rows), default=0)
    for row in rows:
        print(f"{row.name:<{width}}  {row.value:>10.3f} {row.unit:<4}  {f'goal {row.goal}' if row.goal else ''}")


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of `values` do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def machine() -> str:
    """Processor, cores and memory, in one line."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3
    return f"{model}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()} {platform.release()}"


def commit() -> str:
    """The checkout's, shortened."""
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
