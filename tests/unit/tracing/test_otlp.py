"""Spans leave by a thread of their own, with their ids and parents; what cannot leave is dropped and said once."""

import logging
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from structlog.testing import capture_logs

from tracing import NO_SPAN, SpanName, opened, otlp
from tracing.otlp import OtlpTracer
from tracing.w3c import read

STEP = SpanName("step", "A step.", ("word", "count"))
OTHERS = SpanName("others.step", "One of another process.", service="other")
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
AT_ONCE = "50"


@dataclass
class Collector(SpanExporter):
    """Takes spans, unless it is away; holds them up while it hangs."""

    is_away: bool = False
    goes_on: threading.Event = field(default_factory=threading.Event)
    came: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    spans: list[ReadableSpan] = field(default_factory=list[ReadableSpan])

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.came.release()
        assert self.goes_on.wait(60)
        if self.is_away:
            raise ConnectionError("nobody there")
        self.spans += spans
        return SpanExportResult.SUCCESS


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", AT_ONCE)
    monkeypatch.setattr(otlp, "CLOSED_WITHIN_S", 60.0)
    collector = Collector()
    collector.goes_on.set()
    yield collector
    collector.goes_on.set()


@pytest.fixture
def tracer(collector: Collector) -> Iterator[OtlpTracer]:
    tracer = OtlpTracer("test", "one", collector)
    yield tracer
    tracer.close()


def test_a_trace_has_its_parents_and_what_was_noted(tracer: OtlpTracer, collector: Collector) -> None:
    root = tracer.root(STEP, {"word": "first", "secret": "no"})
    with tracer.span(STEP, root.traceparent, {"count": 3, "word": None}):
        pass
    root.end()
    root.end()
    root.note({"word": "late"})
    root.fail("late")
    tracer.close()
    child, first = collector.spans
    place = read(root.traceparent)
    assert place is not None
    assert root.is_told
    assert first.context is not None
    assert f"{first.context.trace_id:032x}" == place.trace_id
    assert f"{first.context.span_id:016x}" == place.span_id
    assert child.parent is not None
    assert child.parent.span_id == first.context.span_id
    assert dict(first.attributes or {}) == {"word": "first"}, "what the table does not name is left out"
    assert dict(child.attributes or {}) == {"count": 3}
    assert first.status.is_unset
    assert dict(first.resource.attributes)["service.name"] == "test"
    assert dict(first.resource.attributes)["service.instance.id"] == "one"


def test_a_span_joins_the_trace_that_a_row_remembers(tracer: OtlpTracer, collector: Collector) -> None:
    tracer.told(OTHERS, PARENT, 1_000_000_000, 3_000_000_000)
    tracer.close()
    [span] = collector.spans
    assert span.context is not None
    assert span.parent is not None
    assert f"{span.context.trace_id:032x}-{span.parent.span_id:016x}" == PARENT[3:-3]
    assert (span.start_time, span.end_time) == (1_000_000_000, 3_000_000_000)
    assert dict(span.resource.attributes)["service.name"] == "other"


def test_without_a_parent_or_its_wish_nothing_is_told(tracer: OtlpTracer, collector: Collector) -> None:
    assert tracer.begin(STEP, None) is NO_SPAN
    assert tracer.begin(STEP, "nonsense") is NO_SPAN
    tracer.told(STEP, None, 1, 2)
    with tracer.span(STEP, UNSAMPLED) as span:
        assert not span.is_told
        assert span.traceparent is not None
        assert span.traceparent.endswith("-00"), "whoever comes after it knows"
    tracer.close()
    assert collector.spans == []


def test_an_error_is_told_by_its_name(tracer: OtlpTracer, collector: Collector) -> None:
    with pytest.raises(OSError, match="secret"), tracer.span(STEP, PARENT):
        raise OSError("secret")
    tracer.close()
    [span] = collector.spans
    assert (span.status.is_ok, span.status.description) == (False, "OSError")
    assert not span.events, "no text and no stack"


def test_what_has_no_room_is_dropped_and_said_once(
    tracer: OtlpTracer, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp, "MOST_WAITING", 3)
    collector.goes_on.clear()
    with capture_logs() as logs:
        tracer.root(STEP).end()
        assert collector.came.acquire(timeout=60), "one is under way, and hangs"
        for _ in range(10):
            tracer.root(STEP).end()
        collector.goes_on.set()
        tracer.close()
    assert len(collector.spans) == 4
    events = [(each["event"], each.get("dropped")) for each in logs]
    assert events[:2] == [("traces.dropped", None), ("traces.sent_again", 7)]


def test_a_collector_that_is_away_is_said_once_and_once_when_it_is_back(
    tracer: OtlpTracer, collector: Collector
) -> None:
    collector.is_away = True
    with capture_logs() as logs:
        for _ in range(2):
            tracer.root(STEP).end()
            assert collector.came.acquire(timeout=60)
        collector.is_away = False
        tracer.root(STEP).end()
        tracer.close()
    told = [each["event"] for each in logs]
    assert told.count("traces.not_sent") == 1
    assert told[-1] == "traces.sent_again"
    assert logs[-1]["unsent"] + len(collector.spans) == 3


def test_an_end_waits_for_no_collector(
    tracer: OtlpTracer, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp, "CLOSED_WITHIN_S", 0.01)
    collector.goes_on.clear()
    tracer.root(STEP).end()
    tracer.close()
    assert collector.spans == [], "it still hangs, and nobody waits for it"


def test_the_environment_says_where_to_and_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    tracer = opened("test", "one")
    assert isinstance(tracer, OtlpTracer)
    assert tracer.root(STEP).is_told is False
    assert tracer.begin(STEP, PARENT).is_told, "whoever began it decided"
    tracer.close()
    assert logging.getLogger("opentelemetry.exporter").level == logging.CRITICAL


def test_who_does_not_answer_is_said_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://ann:secret@127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3")
    monkeypatch.setattr(otlp, "CLOSED_WITHIN_S", 60.0)
    with capture_logs() as logs:
        tracer = opened("test", "one")
        tracer.root(STEP).end()
        tracer.close()
    [line] = [each for each in logs if each["event"] == "traces.not_sent"]
    assert line["reason"] == "Connection refused"
    assert "secret" not in str(logs)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (("spans", 401, "Unauthorized"), "HTTP 401 Unauthorized"),
        (("Service Unavailable", "spans", 1.5), "Service Unavailable"),
        (("spans", None, TimeoutError("https://ann:secret@host")), "TimeoutError"),
        (("spans",), None),
        ((), None),
    ],
)
def test_a_reason_is_told_by_its_kind(told: tuple[object, ...], reason: str | None) -> None:
    assert otlp.why_not(told) == reason


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2049"), ("OTEL_BSP_SCHEDULE_DELAY", "0")]
)
def test_batches_that_cannot_be_stop_nobody(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with capture_logs() as logs:
        tracer = OtlpTracer("test", "one", collector)
    tracer.root(STEP).end()
    tracer.close()
    assert len(collector.spans) == 1
    [line] = logs
    assert line["event"] == "traces.setting_left_aside"
    assert "must be" in line["reason"]
