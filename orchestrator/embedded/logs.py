"""The quiet logs under DATA/logs: one file for each program, the one before kept beside it."""

from pathlib import Path
from typing import IO

KEEP_BYTES = 4 * 1024 * 1024


def open_log(path: Path) -> IO[bytes]:
    """The file to append to; a large one is put aside first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > KEEP_BYTES:
        path.replace(path.with_suffix(".1.log"))
    return path.open("ab")


def tail(path: Path, lines: int = 6) -> str:
    """The last lines, for people; empty when there are none."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 8192))
            text = log.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])
