"""A seat's log: one JSON object a line on standard error, an event and its fields, as the other programs write.

It is written here, since the library that those use brings along five megabytes, and each seat is a process.
"""

import json
import os
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

MOST_BYTES, KEPT_BYTES = 1024**2, 128 * 1024

_carried: dict[str, object] = {}


def carry(fields: Mapping[str, object]) -> None:
    """Each line from now on says this as well: whose seat it is."""
    _carried.update(fields)


def info(event: str, **fields: object) -> None:
    _write("info", event, fields)


def warning(event: str, **fields: object) -> None:
    _write("warning", event, fields)


def error(event: str, **fields: object) -> None:
    _write("error", event, fields)


def exception(event: str, **fields: object) -> None:
    """An error with the traceback of what is being handled."""
    _write("error", event, {**fields, "exception": traceback.format_exc().rstrip()})


def keep_short(file: Path) -> None:
    """Keep the end of a log that has grown beyond `MOST_BYTES`, for all who append to it. It lies in memory, and
    strangers, the display and the sound server have a say in what is written. Blocks for a moment; raises `OSError`.
    """
    with file.open("r+b") as whole:
        size_bytes = os.fstat(whole.fileno()).st_size
        if size_bytes <= MOST_BYTES:
            return
        whole.seek(size_bytes - KEPT_BYTES)
        end = whole.read(KEPT_BYTES).partition(b"\n")[2]
        whole.truncate(0)
    with file.open("ab") as left:
        left.write(end)
    warning("log.cut", before_bytes=size_bytes)


def _write(level: str, event: str, fields: dict[str, object]) -> None:
    moment = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    line = json.dumps({**_carried, **fields, "event": event, "level": level, "timestamp": moment}, default=str)
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
