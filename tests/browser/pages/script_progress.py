"""Which random scripts have been played so far, over several runs, and what became of each."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PROGRESS = Path("test-artifacts/input-scripts.jsonl")


@dataclass(frozen=True)
class Played:
    """`let_go_after_s`: from hands off everything to nothing down. `still_down`: what was when the waiting ended."""

    seed: int
    troubles: int
    let_go_after_s: float
    still_down: Sequence[str] = ()


def remember(played: Played) -> None:
    PROGRESS.parent.mkdir(exist_ok=True)
    with PROGRESS.open("a") as progress:
        progress.write(json.dumps(asdict(played)) + "\n")


def played_of(seeds: Iterable[int]) -> list[Played]:
    """The last word on each of these seeds that has been played."""
    lines = PROGRESS.read_text().splitlines() if PROGRESS.exists() else []
    newest = {played.seed: played for played in (Played(**json.loads(line)) for line in lines)}
    return [newest[seed] for seed in seeds if seed in newest]


def waiting(seeds: Iterable[int]) -> list[int]:
    """Those that have not passed yet."""
    wanted = list(seeds)
    passed = {played.seed for played in played_of(wanted) if not played.still_down}
    return [seed for seed in wanted if seed not in passed]


def forget() -> None:
    PROGRESS.unlink(missing_ok=True)
