"""`traceparent` of W3C Trace Context (level 1, section 3.2): where in which trace a span stands. Pure."""

import re
from dataclasses import dataclass

_FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Place:
    """Ids as the hexadecimal digits that everybody shows. One that is not `is_sampled` is not told to anybody."""

    trace_id: str
    span_id: str
    is_sampled: bool


def read(traceparent: str | None) -> Place | None:
    """None for what is none, so that nobody's mistake costs more than a span."""
    found = _FORM.fullmatch(traceparent or "")
    if found is None:
        return None
    trace_id, span_id, flags = found.groups()
    if int(trace_id, 16) == 0 or int(span_id, 16) == 0:
        return None
    return Place(trace_id, span_id, bool(int(flags, 16) & 1))


def written(place: Place) -> str:
    return f"00-{place.trace_id}-{place.span_id}-{int(place.is_sampled):02x}"


def trace_id_of(traceparent: str | None) -> str | None:
    """Of a trace that is told, for a line of a log."""
    place = read(traceparent)
    return place.trace_id if place is not None and place.is_sampled else None
