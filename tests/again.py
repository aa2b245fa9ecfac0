"""What failed beside other jobs is run once more with nothing beside it: so a mistake is told from a crowded machine.

`python -m tests.again TARGET…`, once these targets of the Makefile have been run. Exits with 0 when none has failed, or
each test that did has passed alone; these are named. A job that broke without naming a test has failed for good, and so
have more than `MOST` tests.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RUNS = Path(".pytest_cache/jobs")  # the Makefile's as well
MOST = 10
_PASSED, _TESTS_FAILED = 0, 1  # pytest's exit codes


@dataclass(frozen=True)
class Run:
    """How a job's run ended; `code` is None when nobody knows."""

    code: int | None
    failed: frozenset[str]


def mistakes(runs: Mapping[str, Run]) -> list[str]:
    """Why it is no use to run anything again. Pure."""
    broken = [f"{job} broke: it ended with {run.code}" for job, run in runs.items() if _is_broken(run)]
    count = sum(len(run.failed) for run in runs.values())
    return broken + ([f"{count} tests failed: no more than {MOST} are run again"] if count > MOST else [])


def verdict(before: Mapping[str, Run], after: Mapping[str, Run]) -> tuple[list[str], list[str]]:
    """The tests that passed alone, and what has failed for good. Pure."""
    still = {job: before[job].failed & run.failed for job, run in after.items()}
    flaky = [test for job in after for test in before[job].failed - still[job]]
    failed = [test for tests in still.values() for test in tests]
    broken = [f"{job} broke when it was run again" for job, run in after.items() if _is_broken(run)]
    return sorted(flaky), sorted(failed) + broken


def _is_broken(run: Run) -> bool:
    return run.code not in {_PASSED, _TESTS_FAILED} or (run.code == _PASSED) is bool(run.failed)


def read(jobs: Iterable[str]) -> dict[str, Run]:
    """What the runs of these jobs left."""
    return {job: _read_one(RUNS / job) for job in jobs}


def _read_one(folder: Path) -> Run:
    try:
        code = int((folder / "code").read_text())
    except (FileNotFoundError, ValueError):
        return Run(None, frozenset())
    names = folder / "v" / "cache" / "lastfailed"
    return Run(code, frozenset(json.loads(names.read_bytes())) if names.exists() else frozenset())


def main(jobs: Sequence[str]) -> int:
    before = read(jobs)
    why = mistakes(before)
    if why:
        print("failed:", *why, sep="\n  ", flush=True)
        return 1
    again = [job for job in jobs if before[job].failed]
    for job in again:
        print(f"again, with nothing beside it: what failed of {job}", flush=True)
        subprocess.run(["make", "--no-print-directory", job, "AGAIN=yes"], check=False)
    flaky, failed = verdict(before, read(again))
    for heading, names in (("flaky, they passed only alone:", flaky), ("failed, and failed again:", failed)):
        if names:
            print(heading, *names, sep="\n  ", flush=True)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
