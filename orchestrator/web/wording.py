"""Moments and sizes as the admin pages word them, as `format.js` does for players. Pure."""

from datetime import UTC, datetime, timedelta

_BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def bytes_words(count: float) -> str:
    """`245_000_000` → `245 MB`; one decimal below ten of a unit."""
    value, unit = max(0.0, float(count)), 0
    while value >= 999.5 and unit < len(_BYTE_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {_BYTE_UNITS[unit]}" if unit > 0 and value < 9.95 else f"{value:.0f} {_BYTE_UNITS[unit]}"


def span_words(span: timedelta) -> str:
    """`42 s`, `12 min`, `3 h 20 min`, `5 days`."""
    seconds = max(0, round(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 48 * 3600:
        minutes = seconds % 3600 // 60
        return f"{seconds // 3600} h {minutes} min" if minutes else f"{seconds // 3600} h"
    return f"{seconds // 86400} days"


def seconds_words(seconds: float) -> str:
    """The same of a plain number."""
    return span_words(timedelta(seconds=seconds))


def ago_words(moment: datetime, now: datetime) -> str:
    """`just now`, `12 min ago`, or the day when it is over a month."""
    span = now - moment
    if span < timedelta(seconds=10):
        return "just now"
    if span > timedelta(days=30):
        return f"{moment.astimezone(UTC):%Y-%m-%d}"
    return f"{span_words(span)} ago"


def month_words(month: str) -> str:
    """`2026-01` → `January 2026`."""
    return datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC).strftime("%B %Y")


def moment_words(moment: datetime) -> str:
    """`2026-11-30 03:20:05 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def figure(value: float) -> str:
    """A number as short as it can be told: `0.25`, `3.2`, `48`."""
    if value >= 99.5:
        return f"{value:.0f}"
    return f"{value:.2f}".rstrip("0").rstrip(".") if value < 9.95 else f"{value:.1f}".rstrip("0").rstrip(".")
