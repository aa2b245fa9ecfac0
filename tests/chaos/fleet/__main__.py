"""`python -m tests.chaos.fleet`: two hundred seeds in one town, going on where an earlier run left off.

python -m tests.chaos.fleet               the two hundred, then bench/results/chaos-fleet.json
python -m tests.chaos.fleet --seed 17     one seed, with its whole story
"""

import argparse
import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.results import Row, write
from orchestrator.logging import configure_logging
from tests.chaos.__main__ import seat_runtime, until_told
from tests.chaos.clearing import clear_abandoned
from tests.chaos.fleet.evening import FleetOutcome, play
from tests.chaos.fleet.schedule import schedule
from tests.chaos.fleet.town import Town

PROGRESS = Path("test-artifacts/chaos-fleet.jsonl")
STORIES = Path("test-artifacts/chaos-fleet")


@dataclass(frozen=True)
class Passed:
    """A line of the progress file."""

    seed: int
    is_good: bool
    save_age_s: float
    took_s: float
    moved: int
    side_versions: int
    problems: Sequence[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, help="this one alone, whatever the progress file says")
    parser.add_argument("--anew", action="store_true", help="forget what an earlier run has done")
    arguments = parser.parse_args()
    configure_logging()
    clear_abandoned()
    if arguments.seed is not None:
        raise SystemExit(asyncio.run(until_told(one(arguments.seed))))
    if arguments.anew:
        PROGRESS.unlink(missing_ok=True)
    raise SystemExit(asyncio.run(until_told(many(range(arguments.first, arguments.first + arguments.seeds)))))


async def one(seed: int) -> int:
    with seat_runtime() as runtime:
        town = Town(runtime)
        async with town.opened():
            outcome = await play(town, schedule(seed))
    print(outcome)
    return 0 if outcome.is_good else 1


async def many(seeds: range) -> int:
    """Those that have not passed yet; the exit code says whether all have now. A town where one failed is left."""
    done = read_progress()
    waiting = [seed for seed in seeds if seed not in done or not done[seed].is_good]
    print(f"{len(seeds) - len(waiting)} of {len(seeds)} seeds have passed before", flush=True)
    with seat_runtime() as runtime:
        while waiting:
            town = Town(runtime)
            async with town.opened():
                while waiting:
                    outcome = await play(town, schedule(waiting.pop(0)))
                    _remember(outcome)
                    if not outcome.is_good:
                        break
    done = read_progress()
    results = [done[seed] for seed in seeds if seed in done]
    failed = [each.seed for each in results if not each.is_good]
    write(
        "chaos-fleet",
        [
            Row("schedules", len(results), "", "200"),
            Row("schedules_failed", len(failed), "", "0"),
            Row("worst_save_age_s", max(each.save_age_s for each in results), "s", "<= 5"),
            Row("sessions_moved", sum(each.moved for each in results), ""),
            Row("side_versions", sum(each.side_versions for each in results), ""),
        ],
    )
    print(f"failed: {failed}" if failed else "all passed")
    return 1 if failed else 0


def _remember(outcome: FleetOutcome) -> None:
    seed = outcome.schedule.seed
    passed = Passed(
        seed,
        outcome.is_good,
        outcome.save_age_s,
        outcome.took_s,
        outcome.moved,
        outcome.side_versions,
        [problem[-300:] for problem in outcome.problems],
    )
    STORIES.mkdir(parents=True, exist_ok=True)
    story = STORIES / f"{seed}.txt"
    story.write_text(f"{outcome}\n")
    with PROGRESS.open("a") as progress:
        progress.write(json.dumps(asdict(passed)) + "\n")
    word = "passed" if passed.is_good else f"FAILED, see {story}"
    print(f"seed {seed:3} {word} ({outcome.took_s:.0f} s, save age {outcome.save_age_s:.1f} s)", flush=True)
    for problem in outcome.problems:
        print(f"         {problem.splitlines()[-1][:200]}", flush=True)


def read_progress() -> dict[int, Passed]:
    """The last word on each seed."""
    if not PROGRESS.exists():
        return {}
    lines = (Passed(**json.loads(line)) for line in PROGRESS.read_text().splitlines())
    return {line.seed: line for line in lines}


if __name__ == "__main__":
    main()
