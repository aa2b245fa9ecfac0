"""Counts requests by the template of their route, so that no stranger's path makes a series: what has no route, and so
no handler of ours, is not counted.
"""

import time
from collections.abc import Iterator

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.handlers import ASGIRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.routes import ASGIRoute, HTTPRoute
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from metering import Meter
from orchestrator.observing.table import HTTP_REQUESTS, HTTP_SECONDS, HTTP_UNDER_WAY

_ANY = "ANY"
_ASKING = "OPTIONS"  # what a route takes: all of them are one


def routes_of(app: Litestar) -> Iterator[str]:
    """Every value of the label `route`."""
    yield _ASKING
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            yield from (f"{method} {route.path_format}" for method in sorted(route.methods) if method != _ASKING)
        elif isinstance(route, ASGIRoute):
            yield _mounted(route.route_handler)


def status_class(status: int | None) -> str:
    """The label `status` of an answer; None is none."""
    if status is None:
        return "gone"
    return "429" if status == 429 else f"{status // 100}xx"


class Requests(ASGIMiddleware):
    """Measures with the `meter` of the application's state."""

    scopes = (ScopeType.HTTP,)

    def __init__(self) -> None:
        self._under_way = 0

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        meter: Meter = scope["litestar_app"].state["meter"]
        status: int | None = None

        async def send_and_look(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._under_way += 1
        meter.set(HTTP_UNDER_WAY, self._under_way)
        began_s = time.perf_counter()
        try:
            await next_app(scope, receive, send_and_look)
        finally:
            route = _route(scope)
            self._under_way -= 1
            meter.set(HTTP_UNDER_WAY, self._under_way)
            meter.count(HTTP_REQUESTS, route=route, status=status_class(status))
            meter.observe(HTTP_SECONDS, time.perf_counter() - began_s, route=route)


def _route(scope: Scope) -> str:
    method = str(scope.get("method"))
    if method == _ASKING:
        return _ASKING
    handler = scope["route_handler"]
    return _mounted(handler) if isinstance(handler, ASGIRouteHandler) else f"{method} {scope['path_template']}"


def _mounted(handler: ASGIRouteHandler) -> str:
    """Its paths are one route, and what is asked of them is its own matter."""
    return f"{_ANY} {max(handler.paths)}"
