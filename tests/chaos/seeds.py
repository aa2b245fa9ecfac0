"""Seeds that are played one after the other, over several runs: what has passed is remembered, and not played again."""

import argparse
import asyncio
import json
import shutil
import signal
import tempfile
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.results import RESULTS, commit
from orchestrator.logging import configure_logging
from tests.chaos.clearing import clear_abandoned

ARTIFACTS = Path("test-artifacts")


@dataclass(frozen=True)
class Passed:
    """What is remembered of a seed. `problems` is empty exactly when it is good; `figures` are summed over seeds."""

    seed: int
    save_age_s: float
    took_s: float
    problems: Sequence[str]
    figures: Mapping[str, int]
    commit: str = field(default_factory=commit)

    @property
    def is_good(self) -> bool:
        return not self.problems


class Progress:
    """The last word on each seed and the commit that it was played on, in `bench/results/NAME-seeds.jsonl`, kept with
    the code so that a later checkout goes on from there; whole stories lie in `test-artifacts`.
    """

    def __init__(self, name: str) -> None:
        self._file = RESULTS / f"{name}-seeds.jsonl"
        self._stories = ARTIFACTS / name

    def forget(self) -> None:
        self._file.unlink(missing_ok=True)

    def waiting(self, seeds: range) -> list[int]:
        """Those that have not passed yet."""
        good = {passed.seed for passed in self.of(seeds) if passed.is_good}
        print(f"{len(good)} of {len(seeds)} seeds have passed before", flush=True)
        return [seed for seed in seeds if seed not in good]

    def remember(self, passed: Passed, story: str) -> None:
        self._stories.mkdir(parents=True, exist_ok=True)
        file = self._stories / f"{passed.seed}.txt"
        file.write_text(f"{story}\n")
        with self._file.open("a") as progress:
            progress.write(json.dumps(asdict(passed)) + "\n")
        word = "passed" if passed.is_good else f"FAILED, see {file}"
        print(f"seed {passed.seed:3} {word} ({passed.took_s:.0f} s, save age {passed.save_age_s:.1f} s)", flush=True)
        for problem in passed.problems:
            print(f"         {problem.splitlines()[-1][:200]}", flush=True)

    def of(self, seeds: range) -> list[Passed]:
        """Those that have been played."""
        if not self._file.exists():
            return []
        lines = (Passed(**json.loads(line)) for line in self._file.read_text().splitlines())
        played = {line.seed: line for line in lines}
        return [played[seed] for seed in seeds if seed in played]


def run(
    progress: Progress,
    description: str | None,
    count: int,
    one: Callable[[int], Coroutine[None, None, bool]],
    many: Callable[[range, int], Coroutine[None, None, None]],
) -> None:
    """The command line: `one` seed alone, answering whether it is good, or `many`. Exits with 1 if one failed."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=count)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, help="this one alone, whatever the progress file says")
    parser.add_argument("--jobs", type=int, default=2, help="so many side by side, where they can be")
    parser.add_argument("--anew", action="store_true", help="forget what an earlier run has done")
    arguments = parser.parse_args()
    configure_logging()
    clear_abandoned()
    if arguments.anew:
        progress.forget()
    seeds = range(arguments.first, arguments.first + arguments.seeds)

    async def alone() -> int:
        return 0 if await one(arguments.seed) else 1

    async def all_of_them() -> int:
        await many(seeds, arguments.jobs)
        failed = [passed.seed for passed in progress.of(seeds) if not passed.is_good]
        print(f"failed: {failed}" if failed else "all passed")
        return 1 if failed else 0

    work = all_of_them if arguments.seed is None else alone
    raise SystemExit(asyncio.run(until_told(work())))


@contextmanager
def seat_runtime() -> Generator[Path]:
    """Where the first agent installs what seats need; the later ones find it."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-runtime-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


async def until_told(work: Coroutine[None, None, int]) -> int:
    """Ctrl-C and SIGTERM end it with everything cleared."""
    working = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    try:
        return await working
    except asyncio.CancelledError:
        return 130
