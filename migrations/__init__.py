"""The database's history: Alembic revisions that run on SQLite and on PostgreSQL.

`.venv/bin/python -m migrations.generate "add hosts"` writes a new revision from what has changed in the models;
with `--from-nothing` it forgets all revisions and writes a single one, which is for the time before a release only.
"""

from migrations.run import Revisions, migrate, revisions

__all__ = ["Revisions", "migrate", "revisions"]
