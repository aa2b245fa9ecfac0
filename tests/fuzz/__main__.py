"""`make fuzz MINUTES=10`: each target in a process of its own, one after the other, for so many minutes in all or each.

Ends with 1 when something was found. What was stays in `test-artifacts/fuzz`; make a regression test of it.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from tests.fuzz.targets import TARGETS

FOLDER = Path("test-artifacts/fuzz")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="for each target")
    parser.add_argument("--only", choices=list(TARGETS), action="append")
    chosen = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = list[str]()
    for name in chosen.only or TARGETS:
        seconds = max(1, round(chosen.minutes * 60))
        log = FOLDER / f"{name}.log"
        with log.open("wb") as output:
            words = (sys.executable, "-m", "tests.fuzz.guided", name, str(seconds), str(FOLDER))
            ended = subprocess.run(words, stdout=output, stderr=output, check=False)
        tries = [line.split()[-1] for line in log.read_text(errors="replace").splitlines() if "executed_units" in line]
        said = f"found: {log}" if ended.returncode else "nothing found"
        print(f"{name:18} {seconds:6} s {tries[-1] if tries else '?':>12} inputs  {said}", flush=True)
        found += [name] if ended.returncode else []
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
