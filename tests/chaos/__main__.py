"""`python -m tests.chaos`: a hundred seeds, several houses side by side, going on where an earlier run left off.

python -m tests.chaos                     the hundred, then bench/results/chaos.json
python -m tests.chaos --seed 17           one seed, with its whole story
"""

import argparse
import asyncio
import json
import shutil
import signal
import tempfile
from collections.abc import Coroutine, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.results import Row, write
from orchestrator.logging import configure_logging
from tests.chaos.clearing import clear_abandoned
from tests.chaos.evening import Outcome, play
from tests.chaos.schedule import schedule

PROGRESS = Path("test-artifacts/chaos.jsonl")
STORIES = Path("test-artifacts/chaos")


@dataclass(frozen=True)
class Passed:
    """A line of the progress file."""

    seed: int
    is_good: bool
    save_age_s: float
    leftovers: int
    took_s: float
    stop_took_s: Sequence[float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, help="this one alone, whatever the progress file says")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--anew", action="store_true", help="forget what an earlier run has done")
    arguments = parser.parse_args()
    configure_logging()
    clear_abandoned()
    if arguments.seed is not None:
        raise SystemExit(asyncio.run(until_told(one(arguments.seed))))
    if arguments.anew:
        PROGRESS.unlink(missing_ok=True)
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    raise SystemExit(asyncio.run(until_told(many(seeds, arguments.jobs))))


async def until_told(work: Coroutine[None, None, int]) -> int:
    """Ctrl-C and SIGTERM end it with every house cleared."""
    working = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    try:
        return await working
    except asyncio.CancelledError:
        return 130


async def one(seed: int) -> int:
    with seat_runtime() as runtime:
        outcome = await play(schedule(seed), runtime)
    print(outcome)
    return 0 if outcome.verdict.is_good else 1


async def many(seeds: range, jobs: int) -> int:
    """Those that have not passed yet; the exit code says whether all have now."""
    done = read_progress()
    waiting = [seed for seed in seeds if seed not in done or not done[seed].is_good]
    print(f"{len(seeds) - len(waiting)} of {len(seeds)} seeds have passed before", flush=True)
    with seat_runtime() as runtime:
        await asyncio.gather(*(_work(waiting, runtime) for _ in range(jobs)))
    done = read_progress()
    results = [done[seed] for seed in seeds if seed in done]
    failed = [each.seed for each in results if not each.is_good]
    write(
        "chaos",
        [
            Row("schedules", len(results), "", "100"),
            Row("schedules_failed", len(failed), "", "0"),
            Row("worst_save_age_s", max(each.save_age_s for each in results), "s", "<= 5"),
            Row("leftovers", sum(each.leftovers for each in results), "", "0"),
        ],
    )
    print(f"failed: {failed}" if failed else "all passed")
    return 1 if failed else 0


@contextmanager
def seat_runtime() -> Generator[Path]:
    """Where the first agent installs what seats need; the later ones find it."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-runtime-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


async def _work(waiting: list[int], runtime: Path) -> None:
    while waiting:
        seed = waiting.pop(0)
        outcome = await play(schedule(seed), runtime)
        _remember(outcome)


def _remember(outcome: Outcome) -> None:
    seed, verdict = outcome.schedule.seed, outcome.verdict
    passed = Passed(seed, verdict.is_good, verdict.save_age_s, len(verdict.left), outcome.took_s, outcome.stop_took_s)
    STORIES.mkdir(parents=True, exist_ok=True)
    story = STORIES / f"{seed}.txt"
    story.write_text(f"{outcome}\n")
    with PROGRESS.open("a") as progress:
        progress.write(json.dumps(asdict(passed)) + "\n")
    word = "passed" if verdict.is_good else f"FAILED, see {story}"
    print(f"seed {seed:3} {word} ({outcome.took_s:.0f} s, save age {verdict.save_age_s:.1f} s)", flush=True)
    for problem in (*verdict.problems, *verdict.left):
        print(f"         {problem.splitlines()[-1][:200]}", flush=True)


def read_progress() -> dict[int, Passed]:
    """The last word on each seed."""
    if not PROGRESS.exists():
        return {}
    lines = (Passed(**json.loads(line)) for line in PROGRESS.read_text().splitlines())
    return {line.seed: line for line in lines}


if __name__ == "__main__":
    main()
