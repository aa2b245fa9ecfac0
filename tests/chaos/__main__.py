"""`python -m tests.chaos`: a hundred seeds, several houses side by side, going on where an earlier run left off.

python -m tests.chaos                     the hundred, then bench/results/chaos.json
python -m tests.chaos --seed 17           one seed, with its whole story
"""

import asyncio
from pathlib import Path

from bench.results import Row, write
from tests.chaos.evening import Outcome, play
from tests.chaos.schedule import schedule
from tests.chaos.seeds import Passed, Progress, run, seat_runtime

PROGRESS = Progress("chaos")


async def one(seed: int) -> bool:
    with seat_runtime() as runtime:
        outcome = await play(schedule(seed), runtime)
    print(outcome)
    return outcome.verdict.is_good


async def many(seeds: range, jobs: int) -> None:
    waiting = PROGRESS.waiting(seeds)
    with seat_runtime() as runtime:
        await asyncio.gather(*(_work(waiting, runtime) for _ in range(jobs)))
    results = PROGRESS.of(seeds)
    write(
        "chaos",
        [
            Row("schedules", len(results), "", "100"),
            Row("schedules_failed", sum(not each.is_good for each in results), "", "0"),
            Row("worst_save_age_s", max(each.save_age_s for each in results), "s", "<= 5"),
            Row("leftovers", sum(each.figures["leftovers"] for each in results), "", "0"),
        ],
    )


async def _work(waiting: list[int], runtime: Path) -> None:
    while waiting:
        seed = waiting.pop(0)
        outcome = await play(schedule(seed), runtime)
        PROGRESS.remember(_passed(outcome), str(outcome))


def _passed(outcome: Outcome) -> Passed:
    verdict = outcome.verdict
    return Passed(
        outcome.schedule.seed,
        verdict.save_age_s,
        outcome.took_s,
        (*verdict.problems, *verdict.left),
        {"leftovers": len(verdict.left)},
    )


if __name__ == "__main__":
    run(PROGRESS, __doc__, 100, one, many)
