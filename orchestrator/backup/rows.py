"""A row as a line of JSON: a list of its values. Pure. Moments are told in UTC; JSON columns are texts of JSON."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from orchestrator.backup.errors import BackupRefused

Value = str | int | float | bool | datetime | date | None
MOST_LINE_BYTES = 64 * 1024**2


def encode(values: Iterable[Any]) -> bytes:
    """Every moment has its zone."""
    return json.dumps([_told(value) for value in values], ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes, kinds: Sequence[type]) -> list[Value]:
    """The values for columns of these Python types. Raises `BackupRefused`."""
    try:
        return [_meant(value, kind) for value, kind in zip(_listed(json.loads(line)), kinds, strict=True)]
    except (ValueError, TypeError, RecursionError) as error:
        raise BackupRefused("A row of the backup cannot be read.") from error


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    raise TypeError


def _told(value: Any) -> str | int | float | bool | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return value


def _meant(value: Any, kind: type) -> Value:
    if value is None:
        return None
    if kind is datetime:
        return datetime.fromisoformat(value).astimezone(UTC)
    if kind is date:
        return date.fromisoformat(value)
    if not isinstance(value, (int, float) if kind is float else kind):
        raise TypeError
    return value
