"""The database's history: Alembic revisions that run on SQLite and on PostgreSQL.

.venv/bin/python -m migrations.generate "add hosts"             a new revision from what the models have changed
.venv/bin/python -m migrations.generate "initial" --from-nothing  forget all revisions and write one (before a release only)
"""

from migrations.run import Revisions, migrate, revisions

__all__ = ["Revisions", "migrate", "revisions"]
