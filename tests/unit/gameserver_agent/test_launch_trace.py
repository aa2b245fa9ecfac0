"""What a host does of a launch stands below the order's place in its trace; an order of any version is carried out."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agent_protocol import DesiredSession, EndReport, ObservedState, SyncResponse
from agent_protocol.model import WireModel
from gameserver_agent.errors import SeatError
from gameserver_agent.sessions.launch_trace import LaunchTrace
from gameserver_agent.sessions.record import SessionRecord
from streaming.protocol import Moment, SessionDescription
from tests.unit.gameserver_agent.orders import order
from tests.unit.gameserver_agent.test_session_task import BUILD, Host, host
from tracing import UNTRACED
from tracing.otlp import OtlpTracer

__all__ = ["host"]

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OFFER = SessionDescription(type="offer", sdp="v=0")
NONSENSE = SessionDescription(type="offer", sdp="nonsense")
Told = Callable[[], Mapping[str, ReadableSpan]]


@pytest.fixture
def came() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(came: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> Iterator[OtlpTracer]:
    monkeypatch.setattr("tracing.otlp.CLOSED_WITHIN_S", 60.0)
    tracer = OtlpTracer("agent", "hst1", came)
    yield tracer
    tracer.close()


@pytest.fixture
def told(tracer: OtlpTracer, came: InMemorySpanExporter) -> Told:
    """All spans by their name, each of which is there once; nothing is traced after that."""

    def tell() -> Mapping[str, ReadableSpan]:
        tracer.close()
        spans = came.get_finished_spans()
        assert len({span.name for span in spans}) == len(spans)
        assert {f"{span.context.trace_id:032x}" for span in spans if span.context} <= {PARENT[3:35]}
        return {span.name: span for span in spans}

    return tell


def traced_order() -> DesiredSession:
    return order(build=BUILD, now=datetime.now(UTC)).model_copy(update={"traceparent": PARENT})


def parents(spans: Mapping[str, ReadableSpan]) -> dict[str, str]:
    names = {span.context.span_id: name for name, span in spans.items() if span.context}
    return {name: names.get(span.parent.span_id, "the order") for name, span in spans.items() if span.parent}


async def test_a_session_is_traced_from_its_order_to_its_picture(host: Host, tracer: OtlpTracer, told: Told) -> None:
    host = replace(host, services=replace(host.services, tracer=tracer))
    task = host.session(traced_order())
    await host.until(task, lambda seen: seen.seat_ready)
    seat = host.seats.living["ses1"]
    now_ns = int(datetime.now(UTC).timestamp() * 1e9)
    seat.done = [
        Moment(what="seat.display", began_ns=now_ns, ended_ns=now_ns + 5),
        Moment(what="seat.first_frame", began_ns=now_ns, ended_ns=now_ns + 9),
        Moment(what="seat.media", began_ns=1, ended_ns=2),  # it waited then, for nobody
        Moment(what="whatever", began_ns=now_ns, ended_ns=now_ns + 1),
        Moment(what="seat.answer", began_ns=now_ns + 2, ended_ns=now_ns + 1),
    ]
    seat.show_first_frame()
    await host.running(task)
    for offer in (NONSENSE, NONSENSE, OFFER, OFFER):
        with contextlib.suppress(SeatError):
            await task.connect(offer)
    task.stop("stopped", "as ordered")
    await host.ended(task)
    spans = told()
    assert parents(spans) == {
        "host.launch": "the order",
        "seat.claim": "host.launch",
        "image.pull": "host.launch",
        "save.restore": "host.launch",
        "seat.start": "host.launch",
        "container.create": "host.launch",
        "container.start": "host.launch",
        "game.boot": "host.launch",
        "seat.display": "seat.start",
        "seat.first_frame": "game.boot",
        "stream.connect": "host.launch",
    }
    assert spans["seat.display"].resource.attributes["service.name"] == "playhouse-seat"
    assert dict(spans["host.launch"].attributes or {}) == {
        "playhouse.session": "ses1",
        "playhouse.generation": 1,
        "playhouse.host": "hst1",
        "playhouse.build": "bld1",
        "playhouse.start": "new_seat",
        "playhouse.adopted": False,
    }
    assert all(span.status.is_ok or span.status.is_unset for span in spans.values())


async def test_an_end_before_the_first_picture_is_told_by_its_code(host: Host, tracer: OtlpTracer, told: Told) -> None:
    host = replace(host, services=replace(host.services, tracer=tracer))
    host.runtime.images.clear()
    host.runtime.registry.clear()
    task = host.session(traced_order())
    seen = await host.ended(task)
    assert seen.end is not None
    spans = told()
    assert spans["host.launch"].status.description == seen.end.code == "image_missing"
    assert spans["image.pull"].status.description == "image_missing"
    assert not spans["image.pull"].events


async def test_the_next_agent_goes_on_with_the_trace(host: Host, tracer: OtlpTracer, told: Told) -> None:
    first = host.session(traced_order())  # of an agent that had no collector
    await host.until(first, lambda seen: seen.state is ObservedState.BOOTING)
    await host.until(first, lambda seen: seen.statistics is not None)
    await first.leave()
    host = replace(host, services=replace(host.services, tracer=tracer))
    second = host.session(traced_order())
    await host.until(second, lambda seen: seen.seat_ready)
    host.seats.living["ses1"].show_first_frame()
    await host.running(second)
    second.stop("stopped", "as ordered")
    await host.ended(second)
    spans = told()
    assert parents(spans) == {"host.launch": "the order"}
    assert (spans["host.launch"].attributes or {})["playhouse.adopted"] is True


async def test_who_goes_in_the_middle_tells_what_there_was(host: Host, tracer: OtlpTracer, told: Told) -> None:
    host = replace(host, services=replace(host.services, tracer=tracer))
    task = host.session(traced_order())
    await host.until(task, lambda seen: seen.state is ObservedState.BOOTING)
    await host.until(task, lambda seen: seen.statistics is not None)
    await task.leave()
    assert told()["host.launch"].status.description == "agent_left"
    again = host.session()
    again.stop("stopped", "as ordered")
    await host.ended(again)


@pytest.mark.parametrize("traceparent", [None, "", "nonsense", PARENT.replace("-01", "-00")])
def test_an_order_that_nobody_traces_costs_its_spans_alone(
    tracer: OtlpTracer, told: Told, traceparent: str | None
) -> None:
    trace = LaunchTrace(tracer, traced_order().model_copy(update={"traceparent": traceparent}), "hst1")
    trace.begin(is_adopted=False)
    trace.game_started()
    trace.running("title")
    trace.ended("stopped")
    assert trace.log_fields == {}
    assert told() == {}


def test_without_a_collector_a_line_of_the_log_still_names_the_trace() -> None:
    trace = LaunchTrace(UNTRACED, traced_order(), "hst1")
    assert trace.log_fields == {"trace_id": PARENT[3:35]}
    assert not trace.awaits_answer


class OldOrder(WireModel):
    """As far as an agent knew that knows of no traces."""

    session_id: str
    generation: int


class OldAnswer(WireModel):
    revision: int
    sessions: tuple[OldOrder, ...]


def answer() -> SyncResponse:
    now = datetime.now(UTC)
    return SyncResponse(revision=3, sessions=(traced_order(),), next_sync_ms=2000, lease_until=now, keys={})


def test_an_agent_that_knows_of_no_traces_takes_the_order_of_a_newer_replica() -> None:
    old = OldAnswer.model_validate_json(answer().model_dump_json())
    assert old.sessions == (OldOrder(session_id="ses1", generation=1),)


def test_an_order_of_a_replica_that_knows_of_no_traces_is_taken() -> None:
    told = answer().model_dump(mode="json")
    del told["sessions"][0]["traceparent"]
    [desired] = SyncResponse.model_validate(told).sessions
    assert desired.traceparent is None
    assert desired == traced_order().model_copy(
        update={"traceparent": None, "expires_at": desired.expires_at, "ends_at": desired.ends_at}
    )


def test_a_record_of_an_agent_that_knew_of_no_traces_is_read() -> None:
    record = SessionRecord(desired=traced_order(), state=ObservedState.ENDED, end=EndReport(code="stopped", message=""))
    told = record.model_dump(mode="json")
    assert SessionRecord.model_validate(told).desired.traceparent == PARENT
    del told["desired"]["traceparent"]
    assert SessionRecord.model_validate(told).desired.traceparent is None
