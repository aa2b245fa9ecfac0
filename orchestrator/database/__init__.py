"""The database: engine, unit of work, column types. Tables live in the slice that owns them (`*/models.py`)."""

from orchestrator.database.engine import Database, shown_url
from orchestrator.database.insert import insert_into, insert_unless_there
from orchestrator.database.prepared import Prepared
from orchestrator.database.types import Base, DatabaseNow, JsonDict, JsonList, UtcDateTime

__all__ = [
    "Base",
    "Database",
    "DatabaseNow",
    "JsonDict",
    "JsonList",
    "Prepared",
    "UtcDateTime",
    "insert_into",
    "insert_unless_there",
    "shown_url",
]
