"""`/metrics`: for whoever has the token, and without one for this machine, never for the internet."""

import asyncio

from litestar import Controller, Response, get
from litestar.di import NamedDependency

from metering import CONTENT_TYPE, Meter, may_scrape
from orchestrator.arena.arena import Arena
from orchestrator.errors import Unauthorized
from orchestrator.http import AnyRequest
from orchestrator.observing.facts import Facts
from orchestrator.observing.table import SOCKETS
from orchestrator.settings import Settings


class MetricsController(Controller):
    path = "/metrics"

    @get(include_in_schema=False)
    async def metrics(
        self,
        request: AnyRequest,
        settings: NamedDependency[Settings],
        meter: NamedDependency[Meter],
        facts: NamedDependency[Facts],
        arena: NamedDependency[Arena],
    ) -> Response[bytes]:
        """Everything that docs/metrics.md lists."""
        peer = request.client.host if request.client else None
        if not may_scrape(peer, request.headers, settings.metrics_token.get_secret_value()):
            raise Unauthorized("Metrics are for whoever brings the metrics token; without one, for this machine.")
        await facts.look()
        meter.set(SOCKETS, arena.sockets.count)
        return Response(await asyncio.to_thread(meter.text), media_type=CONTENT_TYPE.removesuffix("; charset=utf-8"))
