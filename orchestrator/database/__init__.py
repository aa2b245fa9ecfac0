"""The database: engine, unit of work, column types. Tables live in the slice that owns them (`*/models.py`)."""

from orchestrator.database.engine import Database
from orchestrator.database.types import Base, JsonDict, JsonList, UtcDateTime

__all__ = ["Base", "Database", "JsonDict", "JsonList", "UtcDateTime"]
