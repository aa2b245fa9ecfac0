"""What happened when, across processes, as OpenTelemetry tells it: `opened` gives a `Tracer`, which sends nothing and
imports nothing unless the environment names a collector.

A span's name and attributes come from a table, so that no name of a person, address or secret gets into one. Its parent
is told as a W3C `traceparent`, which may come out of a row or a message; where that is None nothing is traced, and what
is traced was decided where the trace began.
"""

from tracing.opening import opened
from tracing.table import SpanName, Value
from tracing.tracer import CLOSED_WITHIN_S, NO_SPAN, UNTRACED, Span, Tracer
from tracing.w3c import trace_id_of

__all__ = ["CLOSED_WITHIN_S", "NO_SPAN", "UNTRACED", "Span", "SpanName", "Tracer", "Value", "opened", "trace_id_of"]
