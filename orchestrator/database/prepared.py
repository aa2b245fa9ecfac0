"""Statements of the hot paths: turned into SQL once, not each time they run.

SQLAlchemy finds a statement in its cache by walking all of it, which for a large one takes longer than PostgreSQL's
answer. Here the statement itself is the key.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Dialect, Select, UpdateBase
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

Values = Mapping[str, Any]
Arguments = Callable[[Values], tuple[Any, ...]]
Statement = Select[*tuple[Any, ...]] | UpdateBase


class Prepared:
    """One statement with named parameters, none of which is a list. On SQLite it runs like any other."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._postgresql: tuple[str, Arguments] | None = None

    async def first(self, connection: AsyncSession | AsyncConnection, values: Values) -> Any:
        """The first row, None when there is none. From PostgreSQL it is as the driver gives it: moments are in UTC, and
        JSON is read.
        """
        bind = connection if isinstance(connection, AsyncConnection) else await connection.connection()
        if bind.dialect.name != "postgresql":
            return (await bind.execute(self._statement, values)).first()
        if self._postgresql is None:
            self._postgresql = _compiled(self._statement, bind.dialect)
        sql, arguments = self._postgresql
        return (await bind.exec_driver_sql(sql, arguments(values))).first()


def _compiled(statement: Statement, dialect: Dialect) -> tuple[str, Arguments]:
    compiled = statement.compile(dialect=dialect)
    constants = compiled.params
    processors = {
        name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()
    }
    columns = [(name, constants[name], processors[name]) for name in compiled.positiontup or ()]

    def arguments(values: Values) -> tuple[Any, ...]:
        found: list[Any] = []
        for name, constant, process in columns:
            value = values.get(name, constant)
            found.append(value if process is None else process(value))
        return tuple(found)

    return str(compiled), arguments
