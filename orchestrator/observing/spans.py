"""Every span of a replica, and what each may carry. docs/traces.md says the same for people."""

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from tracing import SpanName, Tracer, trace_id_of

SESSION, GENERATION, HOST, BUILD = "playhouse.session", "playhouse.generation", "playhouse.host", "playhouse.build"
OUTCOME, PHASE, IS_IMAGE_THERE = "playhouse.outcome", "playhouse.phase", "playhouse.image_there"
HOSTS, REFUSALS, RACES = "playhouse.hosts", "playhouse.refusals", "playhouse.races"
SCORE = "playhouse.score."
METHOD, ROUTE, STATUS = "http.request.method", "http.route", "http.response.status_code"
SCORES = ("seconds", "ready_s", "load", "stranded", "fragments")

REQUEST = SpanName(
    "POST /api/game/launch", "The request, from its head to its answer.", (METHOD, ROUTE, STATUS), is_request=True
)
DECIDE = SpanName(
    "launch.decide",
    "The one transaction of a launch: rights, slot, limit and place.",
    (SESSION, BUILD, OUTCOME),
)
PLACE = SpanName(
    "launch.place",
    "The choice of a host: how many there are, why some could not take it, how often another launch was faster, what"
    " the chosen one costs in seconds, and whether it holds the image.",
    (SESSION, GENERATION, HOST, BUILD, IS_IMAGE_THERE, HOSTS, REFUSALS, RACES, *(SCORE + part for part in SCORES)),
)
COMMIT = SpanName("launch.commit", "The order is written: from here on the host hears of it.")
IN_PHASE = SpanName(
    "launch.phase",
    "One phase as the replica was told of it: placing, pulling, restoring, booting.",
    (SESSION, GENERATION, HOST, PHASE),
)
LAUNCH = SpanName(
    "launch",
    "All of it, to the first picture; or to the end of a session that never ran, which is an error.",
    (SESSION, GENERATION, HOST, IS_IMAGE_THERE, OUTCOME),
)

TABLE = tuple(value for value in list(vars().values()) if isinstance(value, SpanName))

_KEPT = "traceparent"


class TracedRequest(ASGIMiddleware):
    """Begins a trace with each request of the one route that has this, whatever `traceparent` a stranger sends. Of one
    that nobody signed in has sent nothing is told: there is no bound on those.
    """

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        tracer: Tracer = scope["litestar_app"].state["tracer"]
        span = tracer.root(REQUEST, {METHOD: str(scope.get("method")), ROUTE: scope["path_template"]})
        scope.setdefault("state", {})[_KEPT] = span.traceparent
        statuses = list[int]()

        async def send_and_look(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                statuses.append(status)
                span.note({STATUS: status})
                if status >= 500:
                    span.fail(str(status))
            await send(message)

        try:
            with bound_contextvars(**traced(span.traceparent)):
                await next_app(scope, receive, send_and_look)
        finally:
            if statuses != [401]:
                span.end()


def traceparent_of(scope: Scope) -> str | None:
    """Of the request's own span."""
    kept = scope.get("state", {}).get(_KEPT)
    return kept if isinstance(kept, str) else None


def traced(traceparent: str | None) -> dict[str, str]:
    """What a line of the log says, so that it leads to its trace."""
    trace_id = trace_id_of(traceparent)
    return {} if trace_id is None else {"trace_id": trace_id}
