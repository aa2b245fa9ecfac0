"""`/health`: whether the process lives, and whether it can serve."""

from litestar import Controller, Response, get
from litestar.di import NamedDependency

from migrations.run import revisions_of
from orchestrator.database import Database
from orchestrator.errors import DatabaseUnavailable
from orchestrator.http import Schema
from orchestrator.leaving import Leaving
from orchestrator.saves.watch import StoreState, StoreWatch


class Health(Schema):
    status: str


class Readiness(Health):
    """`store` says whether the store of saves answers: `ok`, `unreachable` or `refused`. It takes no replica out of
    service: every one has the same store, people play on without it, and saves wait on their hosts.
    """

    store: StoreState | None = None


class HealthController(Controller):
    path = "/health"
    tags = ("Operation",)

    @get("/live", operation_id="isLive")
    async def live(self) -> Health:
        """The process answers."""
        return Health(status="ok")

    @get("/ready", operation_id="isReady")
    async def ready(
        self,
        leaving: NamedDependency[Leaving],
        database: NamedDependency[Database],
        store_watch: NamedDependency[StoreWatch],
    ) -> Response[Readiness]:
        """The database answers and has every migration; 503 when not, and `leaving` when this replica is about to end:
        it serves on until whoever asks has turned to another.
        """
        if leaving.has_begun:
            return Response(Readiness(status="leaving"), status_code=503)
        try:
            async with database.read() as session:
                is_current = (await (await session.connection()).run_sync(revisions_of)).is_current
        except DatabaseUnavailable:
            return Response(Readiness(status="database_unreachable"), status_code=503)
        if not is_current:
            return Response(Readiness(status="database_not_migrated"), status_code=503)
        return Response(Readiness(status="ok", store=await store_watch.state()))
