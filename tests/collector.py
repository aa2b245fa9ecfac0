"""A collector of traces: takes OTLP over HTTP as any other does, and says what came. It can also be away, or hang."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tracing.w3c import read

WITHIN_S = 60.0


@dataclass(frozen=True)
class Seen:
    """A span as it came; `parent` is empty for the first of a trace."""

    service: str
    instance: str
    name: str
    trace: str
    span: str
    parent: str
    attributes: Mapping[str, object]
    error: str
    began_ns: int
    ended_ns: int


@dataclass
class Collector:
    url: str = ""
    hangs: bool = False
    asked: int = 0
    spans: list[Seen] = field(default_factory=list[Seen])
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def trace(self, traceparent: str | None, names: Iterable[str]) -> list[Seen]:
        """All spans of this trace, once those names are among them."""
        place = read(traceparent)
        assert place is not None, traceparent
        wanted = set(names)
        await self._until(lambda: wanted <= {span.name for span in self._of(place.trace_id)}, lambda: place.trace_id)
        return self._of(place.trace_id)

    async def launch(self, session_id: str, names: Iterable[str]) -> list[Seen]:
        """All spans of a trace that this session is in, once those names are among them."""
        traces: set[str] = set()

        def holds() -> bool:
            traces.update(span.trace for span in self.spans if span.attributes.get("playhouse.session") == session_id)
            return any(set(names) <= {span.name for span in self._of(trace)} for trace in traces)

        await self._until(holds, lambda: session_id)
        return [span for trace in traces for span in self._of(trace)]

    async def until_asked(self, more: int) -> None:
        wanted = self.asked + more
        await self._until(lambda: self.asked >= wanted, lambda: f"{self.asked} of {wanted}")

    def _of(self, trace_id: str) -> list[Seen]:
        return [span for span in self.spans if span.trace == trace_id]

    async def _until(self, holds: Callable[[], bool], about: Callable[[], str]) -> None:
        try:
            async with asyncio.timeout(WITHIN_S), self._news:
                await self._news.wait_for(holds)
        except TimeoutError:
            came = sorted({(span.trace, span.service, span.name) for span in self.spans})
            raise AssertionError(f"{about()} is not whole: {came}") from None

    async def take(self, request: web.Request) -> web.Response:
        assert request.headers["Content-Type"] == "application/x-protobuf"
        body = await request.read()
        async with self._news:
            self.asked += 1
            self._news.notify_all()
        if self.hangs:
            await asyncio.Event().wait()
        async with self._news:
            self.spans += _spans(body)
            self._news.notify_all()
        return web.Response(
            body=ExportTraceServiceResponse().SerializeToString(), content_type="application/x-protobuf"
        )


def _spans(body: bytes) -> list[Seen]:
    found: list[Seen] = []
    for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        about = _plain(of_resource.resource.attributes)
        found += [
            Seen(
                service=str(about["service.name"]),
                instance=str(about["service.instance.id"]),
                name=span.name,
                trace=span.trace_id.hex(),
                span=span.span_id.hex(),
                parent=span.parent_span_id.hex(),
                attributes=_plain(span.attributes),
                error=span.status.message,
                began_ns=span.start_time_unix_nano,
                ended_ns=span.end_time_unix_nano,
            )
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        ]
    return found


def _plain(attributes: Iterable[object]) -> dict[str, object]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}  # type: ignore[attr-defined] - made at run time


@asynccontextmanager
async def collecting() -> AsyncGenerator[Collector]:
    """One that answers at `url` as long as the block runs."""
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        collector.url = f"http://{host}:{port}"
        yield collector
    finally:
        await runner.cleanup()
