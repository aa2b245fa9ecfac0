"""All engines of a test run speak one dialect of each database, and share what was compiled for it.

Each test has an engine of its own. SQLAlchemy makes a dialect for each, and for each dialect turns every statement into
SQL anew: that took longer than running them.
"""

from functools import cache
from typing import Any, ClassVar

from sqlalchemy import Engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite


class _One:
    """Made once for the same arguments."""

    made: ClassVar[dict[Any, Any]] = {}
    compiled: ClassVar[dict[Any, Any]] = {}

    def __new__(cls, **arguments: Any) -> Any:
        key = (cls, frozenset(arguments.items()))
        if key not in cls.made:
            cls.made[key] = super().__new__(cls)
        return cls.made[key]

    def __init__(self, **arguments: Any) -> None:
        if "_is_made" not in vars(self):
            super().__init__(**arguments)
            self._is_made = True

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        engine.update_execution_options(compiled_cache=cls.compiled)


@cache
def _asyncpg() -> Any:
    """Among the arguments of a dialect: a new one would make a new dialect."""
    return PGDialect_asyncpg.import_dbapi()


class Postgresql(_One, PGDialect_asyncpg):
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Any:
        return _asyncpg()


class Sqlite(_One, SQLiteDialect_aiosqlite):
    supports_statement_cache = True


def speak() -> None:
    """From now on, for every engine that is made."""
    registry.register("postgresql.asyncpg", __name__, Postgresql.__name__)
    registry.register("sqlite.aiosqlite", __name__, Sqlite.__name__)
