"""Alembic's entry: runs revisions on the connection that `migrations.run` or `migrations.generate` hands over.

It never opens a connection of its own, so there is one place that decides how (`migrations/run.py`).
"""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

from orchestrator.database import UtcDateTime
from orchestrator.database.tables import metadata


def _render(kind: str, item: Any, _: AutogenContext) -> str | Literal[False]:
    """Revisions name the database's own types, so that they do not change when our classes do."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,  # SQLite alters a table by making it anew
        render_item=_render,
        compare_type=True,
        transactional_ddl=True,
    )
    context.run_migrations()


_run(context.config.attributes["connection"])
