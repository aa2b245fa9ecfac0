"""Whether there is a collector, by the environment variables that OpenTelemetry defines, and the tracer for it."""

import os
from collections.abc import Mapping

from tracing.tracer import UNTRACED, Tracer

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def opened(service: str, instance: str) -> Tracer:
    """The tracer of this process, an `instance` of the `service`. Raises ValueError for settings that make no sense."""
    if not is_wanted(os.environ):
        return UNTRACED
    from tracing.otlp import OtlpTracer  # noqa: PLC0415 - who traces nothing loads nothing

    return OtlpTracer(service, instance)


def is_wanted(environment: Mapping[str, str]) -> bool:
    """There is somewhere to send traces to, and nobody has said not to. Pure."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return False
    return any(environment.get(name, "").strip() for name in _ENDPOINTS)
