"""OpenTelemetry's SDK behind the port: spans leave in batches by a thread of their own, over OTLP by HTTP.

Where to, which are sampled and how the rest is set is read from `OTEL_*` by the SDK itself. A collector that is away or
hangs costs traces and nothing else: at most `MOST_WAITING` spans wait, later ones are dropped, and one line of the log
says when that begins and why, and one when it is over. Settings of batches that cannot be are said, and left aside.
"""

import logging
import os
import threading
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from tracing.table import SpanName
from tracing.tracer import CLOSED_WITHIN_S, NO_SPAN, NOTHING_MORE, Attributes, Span, Tracer
from tracing.w3c import Place, read, written

MOST_WAITING = 2048
_USUAL_BATCH = 512
_USUAL_DELAY_MS = 5000.0
_EXPORTER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
_MOST_CHARACTERS = 200

_log = structlog.get_logger()


class OtlpTracer(Tracer):
    """`exporter` takes the place of the one that the environment describes."""

    is_tracing = True

    def __init__(self, service: str, instance: str, exporter: SpanExporter | None = None) -> None:
        for said_by_us in ("opentelemetry.exporter", "opentelemetry.sdk._shared_internal"):
            logging.getLogger(said_by_us).setLevel(logging.CRITICAL)
        logging.getLogger(_EXPORTER).setLevel(logging.WARNING)
        logging.getLogger(_EXPORTER).addFilter(_WHY)
        self._service, self._instance, self._version = service, instance, _version()
        self._processor = _Bounded(exporter or OTLPSpanExporter())
        self._tracers: dict[str, trace.Tracer] = {}
        self._providers: list[TracerProvider] = []
        self._making = threading.Lock()
        self._of(service)

    def root(self, name: SpanName, attributes: Attributes = NOTHING_MORE) -> Span:
        return self._started(name, Context(), attributes, None)

    def begin(
        self,
        name: SpanName,
        parent: str | None,
        attributes: Attributes = NOTHING_MORE,
        *,
        began_ns: int | None = None,
    ) -> Span:
        place = read(parent)
        if place is None:
            return NO_SPAN
        return self._started(name, _context(place), attributes, began_ns)

    def told(
        self, name: SpanName, parent: str | None, began_ns: int, ended_ns: int, attributes: Attributes = NOTHING_MORE
    ) -> None:
        span = self.begin(name, parent, attributes, began_ns=began_ns)
        if isinstance(span, _OtlpSpan):
            span.end_at(ended_ns)

    def close(self) -> None:
        closing = threading.Thread(target=self._close, name="traces close", daemon=True)
        closing.start()
        closing.join(CLOSED_WITHIN_S)

    def _close(self) -> None:
        for provider in self._providers:
            provider.shutdown()

    def _started(self, name: SpanName, context: Context, attributes: Attributes, began_ns: int | None) -> Span:
        kind = trace.SpanKind.SERVER if name.is_request else trace.SpanKind.INTERNAL
        tracer = self._of(name.service or self._service)
        span = tracer.start_span(name.name, context, kind, start_time=began_ns)
        started = _OtlpSpan(name, span)
        started.note(attributes)
        return started

    def _of(self, service: str) -> trace.Tracer:
        """Spans of one service share its resource; all of them leave by one queue."""
        with self._making:
            if service not in self._tracers:
                provider = TracerProvider(resource=self._resource(service), shutdown_on_exit=False)
                provider.add_span_processor(self._processor)
                self._providers.append(provider)
                self._tracers[service] = provider.get_tracer("playhouse", self._version)
            return self._tracers[service]

    def _resource(self, service: str) -> Resource:
        about: dict[str, str] = {"service.instance.id": self._instance}
        if self._version:
            about["service.version"] = self._version
        if service != self._service or not os.environ.get("OTEL_SERVICE_NAME"):
            about["service.name"] = service
        return Resource.create({**about})


class _OtlpSpan(Span):
    def __init__(self, name: SpanName, span: trace.Span) -> None:
        self._name, self._span = name, span
        context = span.get_span_context()
        place = Place(
            trace.format_trace_id(context.trace_id), trace.format_span_id(context.span_id), context.trace_flags.sampled
        )
        self.traceparent = written(place)
        self.is_told = span.is_recording()

    def note(self, attributes: Attributes) -> None:
        if not self._span.is_recording():
            return
        for key, value in attributes.items():
            if value is not None and key in self._name.attributes:
                self._span.set_attribute(key, value[:_MOST_CHARACTERS] if isinstance(value, str) else value)

    def fail(self, code: str) -> None:
        if self._span.is_recording():
            self._span.set_status(trace.StatusCode.ERROR, code[:_MOST_CHARACTERS])

    def end(self) -> None:
        if self._span.is_recording():
            self._span.end()

    def end_at(self, ended_ns: int) -> None:
        self._span.end(ended_ns)


class _Why(logging.Filter):
    """Takes the exporter's own lines, and keeps of them why it could not send."""

    last: str | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        self.last = why_not(record.args if isinstance(record.args, tuple) else ()) or self.last
        return False


_WHY = _Why()


def why_not(told: tuple[object, ...]) -> str | None:
    """The reason in what the exporter says of a failure, by its kind alone: texts may hold an address with a secret. A
    status comes before its phrase, a passing failure before what was sent.
    """
    error = next((each for each in told if isinstance(each, BaseException)), None)
    if error is not None:
        return _innermost(error)
    match told:
        case (_, int() as status, str() as phrase):
            return f"HTTP {status} {phrase}"
        case (str() as phrase, _, _):
            return phrase
        case _:
            return None


def _innermost(error: BaseException) -> str:
    """What the system says of it, such as `Connection refused`, or the name of its kind."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        inner = inner.__cause__ or inner.__context__
    return type(error).__name__


class _Outgoing(SpanExporter):
    """Behind the SDK's queue: counts what waits in it, and says what is lost and when that is over."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._counting = threading.Lock()
        self._waiting = self._dropped = self._unsent = 0
        self._is_away = False

    def has_room(self) -> bool:
        """For one more, which waits from now on; else it is dropped."""
        with self._counting:
            if self._waiting < MOST_WAITING:
                self._waiting += 1
                return True
            self._dropped += 1
            is_first = self._dropped == 1
        if is_first:
            _log.warning("traces.dropped", most_waiting=MOST_WAITING)
        return False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        with self._counting:
            self._waiting -= len(spans)
        result = self._sent(spans)
        was_away, self._is_away = self._is_away, result is not SpanExportResult.SUCCESS
        if self._is_away:
            self._unsent += len(spans)
            if not was_away:
                _log.warning("traces.not_sent", spans=len(spans), reason=_WHY.last or "out of time")
            return result
        with self._counting:
            dropped, self._dropped = self._dropped, 0
        if was_away or dropped:
            _log.info("traces.sent_again", unsent=self._unsent, dropped=dropped)
        self._unsent = 0
        return result

    def _sent(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        _WHY.last = None
        try:
            return self._exporter.export(spans)
        except Exception:
            if not self._is_away:
                _log.exception("traces.mistake")
            return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _Bounded(SpanProcessor):
    """Before the SDK's queue, which takes whatever it gets and forgets the oldest."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._outgoing = _Outgoing(exporter)
        self._queue = _queue(self._outgoing)

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled and self._outgoing.has_room():
            self._queue.on_end(span)

    def shutdown(self) -> None:
        self._queue.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._queue.force_flush(timeout_millis)


def _queue(outgoing: SpanExporter) -> BatchSpanProcessor:
    try:
        return BatchSpanProcessor(outgoing, MOST_WAITING)
    except ValueError as error:
        _log.warning("traces.setting_left_aside", reason=str(error), spans=_USUAL_BATCH, delay_ms=_USUAL_DELAY_MS)
        return BatchSpanProcessor(outgoing, MOST_WAITING, _USUAL_DELAY_MS, _USUAL_BATCH)


def _version() -> str:
    try:
        return version("playhouse")
    except PackageNotFoundError:  # it runs from a folder of sources
        return ""


def _context(place: Place) -> Context:
    parent = trace.SpanContext(
        int(place.trace_id, 16),
        int(place.span_id, 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED if place.is_sampled else trace.TraceFlags.DEFAULT),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(parent), Context())
