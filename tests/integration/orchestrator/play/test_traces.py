"""What a replica tells of a launch: one trace, whose place the row keeps for whoever goes on with it."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from orchestrator.fleet import placement
from orchestrator.play.models import Session
from orchestrator.services import Services
from scheduler.fleet import Fleet
from scheduler.placement import pick, refusals
from scheduler.values import Refusal, Request, Score
from tests.conftest import SignedIn
from tests.integration.orchestrator.conftest import HostMaker, ScriptedHost
from tests.integration.orchestrator.play.scenes import launch, reach, running, stop
from tracing.otlp import OtlpTracer
from tracing.w3c import Place, read

STRANGERS = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Traces:
    """Of an application that is about to start."""

    def __init__(self) -> None:
        self._came = InMemorySpanExporter()
        self.tracer = OtlpTracer("replica", "one", self._came)

    async def told(self) -> Sequence[ReadableSpan]:
        """Everything, once; nothing is traced after that."""
        await asyncio.to_thread(self.tracer.close)
        return self._came.get_finished_spans()


@pytest.fixture(autouse=True)
def traces(monkeypatch: pytest.MonkeyPatch) -> Traces:
    monkeypatch.setattr("tracing.otlp.CLOSED_WITHIN_S", 60.0)
    traces = Traces()

    def opened(service: str, instance: str) -> OtlpTracer:
        return traces.tracer

    monkeypatch.setattr("orchestrator.app.opened", opened)
    return traces


def of(spans: Sequence[ReadableSpan], trace: Place) -> dict[str, list[ReadableSpan]]:
    found: dict[str, list[ReadableSpan]] = {}
    for span in spans:
        if span.context is not None and f"{span.context.trace_id:032x}" == trace.trace_id:
            found.setdefault(span.name, []).append(span)
    return found


def about(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


async def place_of(services: Services, session_id: str) -> Place:
    async with services.database.read() as session:
        place = read((await session.get_one(Session, session_id)).traceparent)
    assert place is not None
    return place


async def test_a_launch_is_one_trace_that_no_stranger_begins(
    traces: Traces, services: Services, player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    player.headers["traceparent"] = STRANGERS
    with capture_logs() as logs:
        order = await running(player, host)
    place = await place_of(services, order.session_id)
    assert read(order.traceparent) == place, "the host is told"
    assert place.trace_id not in STRANGERS
    trace = of(await traces.told(), place)
    [request], [decided], [placed], [written], [whole] = (
        trace[name] for name in ("POST /api/game/launch", "launch.decide", "launch.place", "launch.commit", "launch")
    )
    assert request.parent is None
    assert request.context is not None
    assert f"{request.context.span_id:016x}" == place.span_id
    assert about(request)["http.response.status_code"] == 202
    for child, parent in ((decided, request), (placed, decided), (written, decided), (whole, request)):
        assert (child.parent and child.parent.span_id) == (parent.context and parent.context.span_id), child.name
    assert about(decided)["playhouse.outcome"] == "launched"
    expected = {"playhouse.host": host.host_id, "playhouse.hosts": 1, "playhouse.refusals": "", "playhouse.races": 0}
    assert expected.items() <= about(placed).items()
    assert about(placed)["playhouse.score.seconds"]
    assert about(whole)["playhouse.outcome"] == "running"
    # It went to `pulling` as it was placed, and the host's first report said that it runs.
    assert [about(span)["playhouse.phase"] for span in trace["launch.phase"]] == ["placing", "pulling"]
    for event in ("session.placed", "session.moved"):
        assert {line.get("trace_id") for line in logs if line["event"] == event} == {place.trace_id}


async def test_who_is_not_signed_in_fills_no_collector(traces: Traces, client: httpx.AsyncClient, game: str) -> None:
    assert (await launch(client, game)).status_code == 401
    assert not await traces.told()


async def test_whoever_places_it_later_goes_on_with_the_trace(
    traces: Traces,
    services: Services,
    player: httpx.AsyncClient,
    signed_in: SignedIn,
    make_host: HostMaker,
    game: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = await make_host(cpu_cores=1.0)
    order = await running(player, small)
    other = await signed_in("other@example.org")
    session_id = (await launch(other)).json()["sessionId"]
    looked = counted = 0

    def looking(fleet: Fleet, request: Request, draw: float, without: Collection[str]) -> Score | None:
        nonlocal looked
        looked += 1
        return pick(fleet, request, draw, without)

    def counting(fleet: Fleet, request: Request) -> Mapping[Refusal, int]:
        nonlocal counted
        counted += 1
        return refusals(fleet, request)

    monkeypatch.setattr(placement, "pick", looking)
    monkeypatch.setattr(placement, "refusals", counting)
    await services.reconciler.round()
    assert looked
    assert counted == 0, "nobody is told of a look in vain while it waits"
    await small.end(order, "exited", "bye")
    await reach(other, session_id, "pulling")
    trace = of(await traces.told(), await place_of(services, session_id))
    in_vain, placed = trace["launch.place"]
    assert "playhouse.host" not in about(in_vain)
    assert about(in_vain)["playhouse.refusals"] == "cpu 1"
    assert about(placed)["playhouse.host"] == small.host_id
    [request] = trace["POST /api/game/launch"]
    assert (placed.parent and placed.parent.span_id) == (request.context and request.context.span_id)


async def test_a_refusal_and_a_session_that_never_ran_are_told_by_their_codes(
    traces: Traces, services: Services, player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    await host.sync()
    session_id = (await launch(player)).json()["sessionId"]
    assert (await launch(player)).status_code == 409
    stopping = asyncio.create_task(stop(player, session_id))
    async with asyncio.timeout(60):
        while (order := (await host.sync()).sessions[0]).want == "run":
            pass
    await host.end(order, "stopped", "a text that no trace repeats")
    assert (await stopping).status_code == 200
    place = await place_of(services, session_id)
    spans = await traces.told()
    decided = [about(span)["playhouse.outcome"] for span in spans if span.name == "launch.decide"]
    assert decided == ["launched", "session_active"]
    requests = [about(span)["http.response.status_code"] for span in spans if span.name == "POST /api/game/launch"]
    assert requests == [202, 409]
    trace = of(spans, place)
    [whole] = trace["launch"]
    assert not whole.status.is_ok
    assert about(whole)["playhouse.outcome"] == whole.status.description != "running"
    assert not any("no trace repeats" in str(about(span)) for span in spans)


async def test_a_run_for_its_result_begins_a_trace_of_its_own(
    traces: Traces, services: Services, host: ScriptedHost, game: str
) -> None:
    await host.sync()
    async with services.database.write() as session:
        row = await services.play.begin_run(session, "tenant:one:two", game)
    trace = of(await traces.told(), await place_of(services, row.id))
    [decided] = trace["launch.decide"]
    assert decided.parent is None
    assert about(decided)["playhouse.session"] == row.id
    assert about(decided)["playhouse.outcome"] == "launched"


async def _begin_a_run_and_fail(services: Services, game: str) -> None:
    async with services.database.write() as session:
        await services.play.begin_run(session, "tenant:one:two", game)
        raise ZeroDivisionError


async def test_a_run_that_is_taken_back_was_never_launched(
    traces: Traces, services: Services, host: ScriptedHost, game: str
) -> None:
    await host.sync()
    with pytest.raises(ZeroDivisionError):
        await _begin_a_run_and_fail(services, game)
    assert "launched" not in {about(span).get("playhouse.outcome") for span in await traces.told()}
