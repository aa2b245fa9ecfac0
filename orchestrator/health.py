"""`/health`: whether the process lives, and whether it can serve."""

from litestar import Controller, Response, get
from litestar.di import NamedDependency

from migrations.run import revisions_of
from orchestrator.database import Database
from orchestrator.errors import DatabaseUnavailable
from orchestrator.http import Schema


class Health(Schema):
    status: str


class HealthController(Controller):
    path = "/health"
    tags = ("Operation",)

    @get("/live", operation_id="isLive")
    async def live(self) -> Health:
        """The process answers."""
        return Health(status="ok")

    @get("/ready", operation_id="isReady")
    async def ready(self, database: NamedDependency[Database]) -> Response[Health]:
        """The database answers and has every migration; 503 when not."""
        try:
            async with database.read() as session:
                is_current = (await (await session.connection()).run_sync(revisions_of)).is_current
        except DatabaseUnavailable:
            return Response(Health(status="database_unreachable"), status_code=503)
        if not is_current:
            return Response(Health(status="database_not_migrated"), status_code=503)
        return Response(Health(status="ok"))
