"""What a run came to, and a JSON file that is always whole."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypedDict

from subway_runner.running import Run

Reason = Literal["playing", "crashed", "stopped"]
"""Still going on; the runner met something; the game was closed before that."""


class Result(TypedDict):
    """`distance` in whole metres, `duration` in seconds of play. The same `seed` is the same course."""

    score: int
    distance: int
    coins: int
    duration: float
    reason: Reason
    seed: int


def result_of(run: Run, *, is_closed: bool = False) -> Result:
    """Of a run as it is now. What was over before the game was closed stays so."""
    reason: Reason = "crashed" if run.is_over else "stopped" if is_closed else "playing"
    return {
        "score": run.score,
        "distance": int(run.distance_m),
        "coins": run.coins,
        "duration": round(run.duration_s, 2),
        "reason": reason,
        "seed": run.seed,
    }


def put(file: Path, content: Mapping[str, object]) -> None:
    """Put it in the place of the one before, whole or not at all. Raises OSError."""
    beside = file.with_suffix(".new")
    with beside.open("w", encoding="utf-8") as handle:
        json.dump(content, handle)
        handle.flush()
        os.fsync(handle.fileno())
    beside.replace(file)
