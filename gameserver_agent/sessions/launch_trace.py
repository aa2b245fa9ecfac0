"""The spans of one session's launch on this host. It decides nothing, waits for nothing and costs nothing where nobody
traces: then the order has no `traceparent`, or this agent no collector.
"""

import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType

from agent_protocol import DesiredSession
from gameserver_agent import spans
from streaming.protocol import Moment
from tracing import NO_SPAN, Span, SpanName, Tracer, Value, trace_id_of

NOTHING: Mapping[str, Value | None] = MappingProxyType({})


class LaunchTrace:
    """Begun with the order, over with the first picture. What comes of the launch later still joins the trace."""

    def __init__(self, tracer: Tracer, desired: DesiredSession, host_id: str) -> None:
        self._tracer = tracer
        self._desired = desired
        self._host_id = host_id
        self._whole = self._boot = NO_SPAN
        self._began_ns = time.time_ns()
        self._parents: dict[SpanName, str | None] = {}
        self._awaits_answer = tracer.is_tracing and desired.traceparent is not None

    @property
    def log_fields(self) -> dict[str, str]:
        """What leads from a line of a log to the trace."""
        trace_id = trace_id_of(self._desired.traceparent)
        return {} if trace_id is None else {"trace_id": trace_id}

    @property
    def awaits_answer(self) -> bool:
        """The next offer belongs to the launch: none was answered yet."""
        return self._awaits_answer

    def begin(self, *, is_adopted: bool) -> None:
        """The order was taken."""
        desired = self._desired
        self._whole = self._tracer.begin(
            spans.ON_HOST,
            desired.traceparent,
            {
                spans.SESSION: desired.session_id,
                spans.GENERATION: desired.generation,
                spans.HOST: self._host_id,
                spans.BUILD: desired.build.build_id,
                spans.IS_ADOPTED: is_adopted,
            },
        )

    def span(self, name: SpanName, noted: Mapping[str, Value | None] = NOTHING) -> AbstractContextManager[Span]:
        """One step of it."""
        return self._tracer.span(name, self._parent, noted)

    def below(self, span: Span, *names: SpanName) -> None:
        """What a seat tells of these belongs to that step."""
        self._parents |= dict.fromkeys(names, span.traceparent)

    def game_started(self) -> None:
        self._boot = self._tracer.begin(spans.BOOT, self._parent)
        self.below(self._boot, spans.FIRST_FRAME)

    def running(self, start: str) -> None:
        """The first picture was seen."""
        self._boot.end()
        self._whole.note({spans.START: start})
        self._whole.end()

    def ended(self, code: str) -> None:
        """The session is over; after its first picture that is no matter of the launch any more."""
        for span in (self._boot, self._whole):
            span.fail(code)
            span.end()

    def offered(self) -> Span:
        """By the player's page. One that is refused is never told: a page may send any number of those."""
        return self._tracer.begin(spans.CONNECT, self._parent)

    def answered(self, span: Span) -> None:
        """The first one."""
        if self._awaits_answer:
            self._awaits_answer = False
            self.below(span, spans.ANSWER)
            span.end()

    def told(self, moments: Iterable[Moment]) -> None:
        """What the seat did. A seat that waited has done some of it before, for nobody."""
        for moment in moments:
            name = spans.OF_SEATS.get(moment.what)
            if name is not None and self._began_ns <= moment.ended_ns and moment.began_ns <= moment.ended_ns:
                parent = self._parents.get(name) or self._parent
                self._tracer.told(name, parent, moment.began_ns, moment.ended_ns)

    @property
    def _parent(self) -> str | None:
        return self._whole.traceparent or self._desired.traceparent
