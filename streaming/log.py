"""A seat's log: one JSON object a line on standard error, an event and its fields, as the other programs write.

It is written here, since the library that those use brings along five megabytes, and each seat is a process.
"""

import json
import sys
import traceback
from datetime import UTC, datetime


def info(event: str, **fields: object) -> None:
    _write("info", event, fields)


def warning(event: str, **fields: object) -> None:
    _write("warning", event, fields)


def error(event: str, **fields: object) -> None:
    _write("error", event, fields)


def exception(event: str, **fields: object) -> None:
    """An error with the traceback of what is being handled."""
    _write("error", event, {**fields, "exception": traceback.format_exc().rstrip()})


def _write(level: str, event: str, fields: dict[str, object]) -> None:
    moment = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    line = json.dumps({**fields, "event": event, "level": level, "timestamp": moment}, default=str)
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
