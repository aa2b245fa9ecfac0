"""`make fuzz MINUTES=10 JOBS=2`: each target in a process of its own for so many minutes, so many at once. With ten
minutes or more of every target it writes bench/results/fuzz.json.

Ends with 1 when something was found. What was stays in `test-artifacts/fuzz`; make a regression test of it.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.results import Row, write
from tests.fuzz.targets import TARGETS

FOLDER = Path("test-artifacts/fuzz")
WRITTEN_FROM_MINUTES = 10.0


@dataclass(frozen=True)
class Fuzzed:
    """`inputs` is None where the target ended before it could count them."""

    name: str
    inputs: int | None
    has_found: bool


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="for each target")
    parser.add_argument("--jobs", type=int, default=2, help="targets at once")
    parser.add_argument("--only", choices=list(TARGETS), action="append")
    chosen = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(chosen.jobs) as at_once:
        fuzzed = list(at_once.map(partial(fuzz, minutes=chosen.minutes), chosen.only or TARGETS))
    if not chosen.only and chosen.minutes >= WRITTEN_FROM_MINUTES:
        write("fuzz", rows(fuzzed, chosen.minutes))
    return 1 if any(each.has_found for each in fuzzed) else 0


def fuzz(name: str, minutes: float) -> Fuzzed:
    """One target, for so long or until something is found."""
    seconds = max(1, round(minutes * 60))
    log = FOLDER / f"{name}.log"
    with log.open("wb") as output:
        words = (sys.executable, "-m", "tests.fuzz.guided", name, str(seconds), str(FOLDER))
        ended = subprocess.run(words, stdout=output, stderr=output, check=False)
    tries = [line.split()[-1] for line in log.read_text(errors="replace").splitlines() if "executed_units" in line]
    said = f"found: {log}" if ended.returncode else "nothing found"
    print(f"{name:18} {seconds:6} s {tries[-1] if tries else '?':>12} inputs  {said}", flush=True)
    return Fuzzed(name, int(tries[-1]) if tries else None, ended.returncode != 0)


def rows(fuzzed: Sequence[Fuzzed], minutes: float) -> list[Row]:
    """What is written of a whole run."""
    return [
        Row("minutes_each", minutes, "min", f">= {WRITTEN_FROM_MINUTES:.0f}"),
        Row("found", sum(each.has_found for each in fuzzed), "", "0"),
        *(Row(f"{each.name}_inputs", each.inputs, "") for each in fuzzed if each.inputs is not None),
    ]


if __name__ == "__main__":
    sys.exit(main())
