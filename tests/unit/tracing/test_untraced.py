"""Without a collector nothing is traced, nothing is loaded, and nothing is different."""

import subprocess
import sys

import pytest

from tracing import NO_SPAN, UNTRACED, SpanName, opened
from tracing.opening import is_wanted
from tracing.tracer import code_of

STEP = SpanName("step", "A step.", ("word",))
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "True"}, False),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "otlp"}, True),
    ],
)
def test_a_collector_is_named_by_the_usual_variables(environment: dict[str, str], expected: bool) -> None:
    assert is_wanted(environment) is expected


def test_nothing_is_traced_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    tracer = opened("test", "1")
    assert tracer is UNTRACED
    assert tracer.root(STEP) is NO_SPAN
    assert tracer.begin(STEP, PARENT, {"word": "a"}) is NO_SPAN
    tracer.told(STEP, PARENT, 1, 2)
    with tracer.span(STEP, PARENT) as span:
        span.note({"word": "b"})
        span.fail("c")
    assert span.traceparent is None
    tracer.close()


def test_an_error_goes_its_way() -> None:
    with pytest.raises(KeyError), UNTRACED.span(STEP, PARENT):
        raise KeyError


class _CodedError(Exception):
    code = "no_room"


class _NumberedError(Exception):
    code = 7


@pytest.mark.parametrize(
    ("error", "code"),
    [(_CodedError("secret"), "no_room"), (_NumberedError("secret"), "_NumberedError"), (OSError("secret"), "OSError")],
)
def test_an_error_is_named_and_its_text_is_not_told(error: Exception, code: str) -> None:
    assert code_of(error) == code


def test_a_program_without_a_collector_loads_none_of_it() -> None:
    """A process of its own: this one has loaded all there is."""
    asked = (
        "import os, sys; os.environ.pop('OTEL_EXPORTER_OTLP_ENDPOINT', None)\n"
        "import orchestrator.app, gameserver_agent.service, tracing\n"
        "assert tracing.opened('test', '1') is tracing.UNTRACED\n"
        "sys.exit(any(name.split('.')[0] in ('opentelemetry', 'google') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", asked], check=False, timeout=60).returncode == 0
