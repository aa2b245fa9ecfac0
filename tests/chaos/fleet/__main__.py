"""`python -m tests.chaos.fleet`: two hundred seeds in one town, going on where an earlier run left off.

python -m tests.chaos.fleet               the two hundred, then bench/results/chaos-fleet.json
python -m tests.chaos.fleet --seed 17     one seed, with its whole story
"""

from bench.results import Row, write
from tests.chaos.fleet.evening import FleetOutcome, play
from tests.chaos.fleet.schedule import schedule
from tests.chaos.fleet.town import Town
from tests.chaos.seeds import Passed, Progress, run, seat_runtime

PROGRESS = Progress("chaos-fleet")


async def one(seed: int) -> bool:
    with seat_runtime() as runtime:
        town = Town(runtime)
        async with town.opened():
            outcome = await play(town, schedule(seed))
    print(outcome)
    return outcome.is_good


async def many(seeds: range, _jobs: int) -> None:
    """One after the other, for a machine holds one town. A town where one failed is left."""
    waiting = PROGRESS.waiting(seeds)
    with seat_runtime() as runtime:
        while waiting:
            town = Town(runtime)
            async with town.opened():
                while waiting:
                    outcome = await play(town, schedule(waiting.pop(0)))
                    PROGRESS.remember(_passed(outcome), str(outcome))
                    if not outcome.is_good:
                        break
    results = PROGRESS.of(seeds)
    write(
        "chaos-fleet",
        [
            Row("schedules", len(results), "", "200"),
            Row("commits", len({each.commit for each in results}), ""),
            Row("schedules_failed", sum(not each.is_good for each in results), "", "0"),
            Row("worst_save_age_s", max(each.save_age_s for each in results), "s", "<= 5"),
            Row("sessions_moved", sum(each.figures["moved"] for each in results), ""),
            Row("side_versions", sum(each.figures["side_versions"] for each in results), ""),
        ],
    )


def _passed(outcome: FleetOutcome) -> Passed:
    return Passed(
        outcome.schedule.seed,
        outcome.save_age_s,
        outcome.took_s,
        [problem[-300:] for problem in outcome.problems],
        {"moved": outcome.moved, "side_versions": outcome.side_versions},
    )


if __name__ == "__main__":
    run(PROGRESS, __doc__, 200, one, many)
