"""Writes what a hundred random scripts of held keys and faults have shown to `bench/results/input-scripts.json`.

`make input-scripts` plays them, over as many runs as it takes; when all are played, the next one begins anew.
"""

import sys

from bench.results import Row, write
from tests.browser.pages.script_progress import Played, forget, played_of

WANTED = 100


def rows(played: list[Played]) -> list[Row]:
    return [
        Row("scripts", len(played), "", str(WANTED)),
        Row("scripts_with_a_key_down", sum(bool(each.still_down) for each in played), "", "0"),
        Row("troubles", sum(each.troubles for each in played), ""),
        Row("let_go_after_max_s", max(each.let_go_after_s for each in played), "s"),
    ]


def main() -> int:
    played = played_of(range(WANTED))
    if len(played) < WANTED:
        print(f"{len(played)} of {WANTED} scripts have been played: run it again", file=sys.stderr)
        return 1
    write("input-scripts", rows(played))
    if any(each.still_down for each in played):
        return 1
    forget()
    return 0


if __name__ == "__main__":
    sys.exit(main())
